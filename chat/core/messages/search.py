"""Search: which messages of a user's rooms have what is looked for."""
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...errors import Invalid
from ...loop import give_way
from ..machinery.database import Database
from ..machinery.seals import Seals
from ..machinery.statements import ByIds
from ..objects import Message
from ..rooms.rooms import Rooms
from ..tables import MESSAGES
from .histories import ABOVE_ALL, Histories
from .search_candidates import Candidates, Scopes
from .search_terms import Query, of_sender

RANKED = 500           # newest candidates whose matches are put in order, before older ones are looked at
WINDOWS = 6            # such pieces that one request may go through
MOST_OF_PIECE = 3000   # candidates of a piece that was ranked for the page before: the index may leave more of them now
TERMS_ASKED = 8        # of the index; all others are looked for in what it finds
LOOKED_AT_ONCE = 50    # contents, before others may go on
CLOCKS_APART = 60_000  # milliseconds by which the times of messages may be out of the order of their ids
NO_SCORE = 2**53
LOOKED_AT = [MESSAGES.c[name] for name in ('id', 'sender_id', 'created_at', 'deleted_at', 'content')]


class Behind(NamedTuple):
    """A place in the order of what is found, to go on from.

    Between the ids `above` and `below`, and there behind the message with this score and id; or all below.
    """

    below: int
    above: int = 0
    score: int = NO_SCORE
    id: int = 0

    def __str__(self) -> str:
        return '-'.join(map(str, self if self.id else self[:1]))

    @classmethod
    def read(cls, text: str) -> 'Behind':
        """The place that `str` made this of."""
        return cls(*map(int, text.split('-')))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked for, where, and in which order: the best ones first, or the newest. Times are milliseconds."""

    text: str
    room_id: int | None = None
    sender_id: int | None = None
    since: int | None = None  # sent then or later
    until: int | None = None  # sent before
    above: int = 0            # ids
    below: int = ABOVE_ALL
    newest_first: bool = False
    limit: int
    cursor: str | None = None  # where the page before said that this one begins


class Hit(NamedTuple):
    """A message that matches, and how well."""

    score: int
    id: int


class Search:

    def __init__(self, *, database: Database, rooms: Rooms, histories: Histories, seals: Seals) -> None:
        self._database, self._rooms, self._histories, self._seals = database, rooms, histories, seals
        self._scopes = Scopes(database)
        self._contents = ByIds(database, LOOKED_AT, MESSAGES.c.id)

    def find(self, user_id: int, wanted: Wanted) -> tuple[list[Message], str | None]:
        """(the messages of a page, the cursor of the next one if there may be one).

        Raises NotFound and Forbidden for the room, Invalid for a cursor that the user was not given.

        Of the best ones, the newest RANKED candidates are put in order first, then those before them, and so on. A page
        may hold fewer than asked for, and go on: where a search has to look at very many messages for a few.
        """
        if wanted.room_id is not None:
            self._rooms.require_member(user_id, wanted.room_id)
        start = None if wanted.cursor is None else self._opened(user_id, wanted.cursor)
        query, page = Query(wanted.text), list[int]()
        if query.is_empty:
            return [], None
        last = start
        for hit, behind in self._hits(user_id, wanted, query, start):
            if hit is None or len(page) == wanted.limit:
                going_on = behind if hit is None else last
                return self._shown(user_id, page), self._seals.seal(str(going_on), user_id)
            page.append(hit.id)
            last = behind
        return self._shown(user_id, page), None

    def _shown(self, user_id: int, ids: Sequence[int]) -> list[Message]:
        """The messages of these ids, but for those that were deleted just now."""
        return [message for message in self._histories.messages(user_id, ids) if message['deletedAt'] is None]

    def _opened(self, user_id: int, cursor: str) -> Behind:
        text = self._seals.open(cursor, user_id)
        if text is None:
            raise Invalid(cursor='is none that an earlier page gave')
        return Behind.read(text)

    def _hits(self, user_id: int, wanted: Wanted, query: Query, start: Behind | None) -> Iterator[tuple[Hit | None, Behind]]:
        """Each hit in order, with the place behind it; at last None, if there may be more than one request looks for."""
        scope = self._scopes.of(user_id, wanted.room_id)
        terms = query.index_terms(TERMS_ASKED)
        if wanted.sender_id is not None:
            terms.append((of_sender(wanted.sender_id), False))
        candidates = Candidates(self._database, scope, terms)
        lowest, highest = self._bounds(wanted)
        behind = start or Behind(highest)
        for _ in range(WINDOWS):
            above = max(behind.above, lowest)
            most = MOST_OF_PIECE if behind.id else RANKED
            ids = candidates.newest(above, min(behind.below, highest), most)
            if len(ids) == most:
                above = max(above, ids[-1] - 1)
            below = behind.below if behind.id else ids[0] + 1 if ids else 0
            hits = self._matching(wanted, query, ids)
            if wanted.newest_first:
                yield from ((hit, Behind(hit.id)) for hit in hits)
            else:
                hits.sort(reverse=True)
                yield from ((hit, Behind(below, above, *hit)) for hit in hits if hit < (behind.score, behind.id))
            if above <= lowest:
                return
            behind = Behind(above + 1)
        yield None, behind

    def _bounds(self, wanted: Wanted) -> tuple[int, int]:
        """The ids between which all that is wanted stands."""
        above, below = wanted.above, wanted.below
        if wanted.since is not None:
            above = max(above, self._histories.first_at(wanted.since - CLOCKS_APART, wanted.room_id) - 1)
        if wanted.until is not None:
            below = min(below, self._histories.first_at(wanted.until + CLOCKS_APART, wanted.room_id))
        return above, below

    def _matching(self, wanted: Wanted, query: Query, ids: Sequence[int]) -> list[Hit]:
        """Those of messages that match, the newest first."""
        hits = []
        for count, row in enumerate(self._contents.fetch_all(ids), 1):
            score = query.score(row.content) if is_wanted(wanted, row) else None
            if score is not None:
                hits.append(Hit(score, row.id))
            if count % LOOKED_AT_ONCE == 0:
                give_way()
        return sorted(hits, key=lambda hit: -hit.id)


def is_wanted(wanted: Wanted, row: Any) -> bool:
    """Whether a message is there, of the sender, and of the time that is looked for."""
    return (row.deleted_at is None and wanted.sender_id in (None, row.sender_id)
            and (wanted.since is None or row.created_at >= wanted.since)
            and (wanted.until is None or row.created_at < wanted.until))
