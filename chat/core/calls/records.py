"""What became of calls: kept in memory until stored, soon and together, so that no call waits for the database."""
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final, NamedTuple

from cachetools import TTLCache
from sqlalchemy import insert, or_, select
from sqlalchemy.exc import IntegrityError

from ..lists import LONGEST, cut
from ..machinery.clock import iso, now_ms
from ..machinery.database import Database
from ..objects import Call, Outcome
from ..tables import CALLS, AnyRow

log = logging.getLogger(__name__)
COMPLETED: Final = 'completed'  # answered, and hung up by one of the two
MISSED: Final = 'missed'        # it rang, and nobody answered
DECLINED: Final = 'declined'    # the callee hung up instead of answering
BUSY: Final = 'busy'            # the callee was in a call
FAILED: Final = 'failed'        # a party's connection was lost after the answer, or the callee could not be reached at all
STORE_SECONDS = 1        # from one storing to the next
MAX_WAITING = 10_000     # records, as many may be while the database is away; further ones are lost
FOR_NOW = 10             # seconds in which another process has stored its records, unless the database is away
CHUNK = 500              # rows in one transaction
ID_BITS = 11             # of an id below its time: MAX_ID is reached in the year 2109


class Record(NamedTuple):
    """One call that is over; times in milliseconds."""

    id: int
    caller_id: int
    callee_id: int
    started_at: int
    answered_at: int | None
    ended_at: int
    outcome: Outcome

    def concerns(self, user_id: int) -> bool:
        """Whether it is one of the user's calls: what could not reach the callee is the caller's alone.

        Else whoever is blocked would still find its way into the lists of those who blocked it.
        """
        reached = self.outcome != FAILED or self.answered_at is not None
        return user_id == self.caller_id or user_id == self.callee_id and reached


REACHED = or_(CALLS.c.outcome != FAILED, CALLS.c.answered_at.is_not(None))


class CallRecords:

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[int, Record] = {}  # by id, until it is stored
        self._of_others: TTLCache[int, Record] = TTLCache(MAX_WAITING, FOR_NOW)
        self._last_id = 0

    def new_id(self) -> int:
        """An id for a call that begins: made of the time, so it grows, and is not used again after a restart."""
        self._last_id = max(self._last_id + 1, now_ms() << ID_BITS)
        return self._last_id

    def add(self, record: Record) -> None:
        """Have a Record stored soon; it is listed from now on."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting[record.id] = record
        else:
            log.error('the record of a call is lost: %d wait for the database already', MAX_WAITING)

    def add_for_now(self, record: Record) -> None:
        """List a Record until another process, which knows better when the call ended, has stored it."""
        self._of_others[record.id] = record

    def store(self) -> None:
        """Store what waits. Raises Unavailable; it waits on then."""
        while self._waiting:
            records = list(islice(self._waiting.values(), CHUNK))
            try:
                self._insert(records)
            except IntegrityError:  # stored by an attempt whose answer was lost, or the user was removed by hand
                for record in records:
                    with suppress(IntegrityError):
                        self._insert([record])
            for record in records:
                del self._waiting[record.id]

    def _insert(self, records: Iterable[Record]) -> None:
        rows = [record._asdict() for record in records]
        self._database.transact(lambda connection: connection.execute(insert(CALLS), rows))

    def listed(self, user_id: int, before: int | None = None, limit: int = LONGEST) -> tuple[Sequence[Call], bool]:
        """The user's calls, the newest first, those begun before the call `before`; (page, whether there are more)."""
        known = (*self._of_others.values(), *self._waiting.values())
        found: dict[int, Record | AnyRow] = {record.id: record for record in known
                 if record.concerns(user_id) and (before is None or record.id < before)}
        for mine in ([CALLS.c.caller_id == user_id], [CALLS.c.callee_id == user_id, REACHED]):
            query = select(CALLS).where(*mine).order_by(CALLS.c.id.desc()).limit(limit + 1)
            rows = self._database.rows(query if before is None else query.where(CALLS.c.id < before))
            found |= {row.id: row for row in rows}
        newest = sorted(found.values(), key=lambda record: record.id, reverse=True)
        return cut([as_object(record) for record in newest], limit)


def as_object(record: Record | AnyRow) -> Call:
    """The call as clients see it."""
    return {'id': record.id, 'callerId': record.caller_id, 'calleeId': record.callee_id,
            'startedAt': iso(record.started_at), 'answeredAt': iso(record.answered_at), 'endedAt': iso(record.ended_at),
            'outcome': record.outcome}
