"""How a batch of messages gets into the database: as one transaction, whatever else goes on there.

On MySQL a batch is stored at once, commit and all in one round trip, where all is as this process knows it: nobody has
left its rooms, nothing in it was stored before, and nobody else wrote to them. Where that proves wrong the database refuses
the transaction, and the batch takes the careful way, which looks first and has an answer for everything. Where others write
to its rooms at the same time the database gives the numbers, which takes it and the driver 80 µs more a batch.
"""
import itertools
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from sqlalchemy import Connection, func, select, tuple_
from sqlalchemy.exc import IntegrityError

from ...errors import ChatError, Conflict, Forbidden, Invalid, NotFound
from ..files import attachments
from ..machinery.database import Database
from ..objects import Message, MessageType
from ..rooms import changes
from ..rooms.rooms import LiveRoom, member_ids
from ..sql import newest_of_room
from ..sql.batches import (
    claim_places,
    count_places,
    counted_places,
    insert_mentions,
    insert_messages,
    lock_order_if,
    lock_rooms,
)
from ..tables import MESSAGES, ROOMS, AnyRow
from . import mentions, parts
from .parts import NO_PARTS, Parts

NONCES = itertools.count(secrets.randbits(62))  # no two messages have the same one
BUSY_SECONDS = 1    # for which a room is taken to be written to by another process, after it was
FEW_MENTIONS = 20  # of one message, that a batch takes along at once
SeqAndTime = tuple[int, int]  # of a room's newest message: its sequence number and its time, in ms or (to order rooms) in µs


@dataclass(slots=True, eq=False)
class Draft:
    """A message on its way. `answer(stored, error)` is called once, in the writer's greenlet; it must not wait.

    `origin` is the connection that sent it, if one did. After the commit it has its `id`, `seq` and `created_at`. The
    `nonce` is stored along, so that a draft can be found again whose commit was not answered.
    """

    room: LiveRoom
    sender_id: int
    type: MessageType
    content: str
    reply_to_id: int | None
    client_id: str | None
    origin: str | None
    answer: Callable[['Stored | None', ChatError | None], None]
    author: str | None = None  # the sender's displayName, where dialects want it
    given: Mapping[str, str] | None = None  # what the client says of the message, for them as well
    attachments: Sequence[AnyRow] = ()  # rows of what it takes along
    mentions: Sequence[int] = ()  # the ids of users
    nonce: int = field(default_factory=NONCES.__next__)
    id: int = 0
    seq: int = 0
    created_at: int = 0
    message: Message | None = None  # as clients get it
    edited_at: ClassVar[None] = None
    deleted_at: ClassVar[None] = None

    @property
    def room_id(self) -> int:
        return self.room.id

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def parts(self) -> Parts:
        return Parts(self.attachments, (), self.mentions) if self.attachments or self.mentions else NO_PARTS

    @property
    def client_key(self) -> tuple[int, bytes]:
        """What no two messages of one sender have in common; for drafts with a client id."""
        assert self.client_id is not None
        return self.sender_id, self.client_id.encode()


@dataclass(slots=True)
class Stored:
    """What became of a draft: the row of the message, whether it had been stored before, and if so what hangs on it now."""

    row: Draft | AnyRow
    duplicate: bool
    parts: Parts = NO_PARTS


Known = dict[int | tuple[int, bytes], Draft | AnyRow]  # messages by their nonce, or by sender and client id


class MessageStore:
    """Stores batches of drafts; for one caller at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._newest_id: int | None = None  # of the messages table, at the last commit here
        self._newest_at = 0  # when the newest one came: microseconds, no two the same

    def store(self, batch: Sequence[Draft], again: bool) -> list[Stored | ChatError]:
        """The outcome of each draft; `again` if an earlier attempt may have been committed.

        Raises Unavailable (InDoubt, RolledBack), and whatever the database has against one of the drafts.
        """
        if not again and self._is_usual(batch):
            try:
                return self._store_at_once(batch)
            except IntegrityError:
                pass  # something in it was stored before, something else wrote to its rooms, or somebody has left one
        return self._store_carefully(batch, again)

    # ------------------------------------------------------------------ at once

    def _is_usual(self, batch: Sequence[Draft]) -> bool:
        """Whether a batch can be stored at once."""
        rooms = {draft.room.id: draft.room for draft in batch}
        return not self._database.is_sqlite and self._newest_id is not None and all(
            draft.room.last_seq is not None and not draft.attachments and len(draft.mentions) <= FEW_MENTIONS
            and draft.room.has(draft.sender_id) and rooms[draft.room.id] is draft.room for draft in batch)

    def _store_at_once(self, batch: Sequence[Draft]) -> list[Stored | ChatError]:
        """Raises IntegrityError where not all is as it should be."""
        expected = {draft.room.id: draft.room for draft in batch}
        busy_since = time.monotonic() - BUSY_SECONDS
        is_counted = any(room.others_wrote_at > busy_since for room in expected.values())
        newest = self._number(batch, {room_id: (room.last_seq or 0, room.last_at) for room_id, room in expected.items()})
        insertion, values = insert_messages(batch, is_sqlite=False, is_checked=True, is_counted=is_counted)
        statements = [claim_places(newest, expected, is_sqlite=False, is_counted=is_counted), lock_order_if(len(expected)),
                      insertion, *insert_mentions(batch, is_counted), 'COMMIT']
        if is_counted:
            first_at = {draft.room.id: draft.created_at for draft in reversed(batch)}
            statements.insert(2, count_places({room_id: seq for room_id, (seq, _) in newest.items()}, first_at))
            statements.insert(-1, counted_places(expected))
        first_id, counted, step = self._database.at_once(statements, values)
        if is_counted:
            self._move(batch, dict(zip(expected, zip(counted[::2], counted[1::2], strict=True), strict=True)))
        self._give_ids(batch, first_id, step)
        self._remember(batch)
        return [Stored(draft, False) for draft in batch]

    # ------------------------------------------------------------------ carefully

    def _store_carefully(self, batch: Sequence[Draft], again: bool) -> list[Stored | ChatError]:
        with self._database.writing() as connection:
            rooms = self._lock_rooms(connection, batch)
            known = self._find_known(connection, batch, again)
            unsent = self._lock_unsent(connection, batch)
            outcomes: list[Stored | ChatError] = []
            new: list[Draft] = []
            for draft in batch:
                outcome = self._settle(draft, rooms, known) or self._take(draft, unsent)
                if outcome is None:
                    new.append(draft)
                    outcome = Stored(draft, False)
                    if draft.client_id is not None:
                        known[draft.client_key] = draft
                outcomes.append(outcome)
            if new:
                self._insert(connection, new, rooms)
            self._find_parts(connection, outcomes)
        self._remember(new)
        return outcomes

    def _lock_rooms(self, connection: Connection, batch: Sequence[Draft]) -> dict[int, AnyRow]:
        """{room id: its row}; whoever else writes to these rooms, or leaves one, waits for this transaction.

        The members of the batch's LiveRooms are brought up to date.
        """
        statement = lock_rooms({draft.room.id for draft in batch}, self._database.is_sqlite)
        rows = {row.id: row for row in connection.exec_driver_sql(statement)}
        for draft in batch:
            room, row = draft.room, rows.get(draft.room.id)
            if row is not None and room.members_version != row.members_version:  # somebody may have left unseen
                room.members, room.members_version = member_ids(connection, room.id), row.members_version
        return rows

    def _places(self, connection: Connection, drafts: Sequence[Draft], rooms: Mapping[int, AnyRow]) -> dict[int, SeqAndTime]:
        """{room id: (the sequence number of its newest message, its time)} of the rooms of these drafts."""
        places: dict[int, SeqAndTime] = {
            draft.room.id: (draft.room.last_seq, draft.room.last_at) for draft in drafts
            if draft.room.last_seq is not None and draft.room.last_seq == rooms[draft.room.id].last_seq}
        others = {draft.room.id for draft in drafts} - places.keys()
        if others:
            at = newest_of_room(MESSAGES.c.created_at).label('at')
            for row in connection.execute(select(ROOMS.c.id, ROOMS.c.last_seq, at).where(ROOMS.c.id.in_(others))):
                places[row.id] = row.last_seq, row.at or 0
        return places

    def _settle(self, draft: Draft, rooms: Mapping[int, AnyRow], known: Known) -> Stored | ChatError | None:
        """The outcome of a draft that needs no row of its own; None if it does."""
        if draft.nonce in known:
            stored = known[draft.nonce]
            draft.id, draft.seq, draft.created_at = stored.id, stored.seq, stored.created_at
            return Stored(draft, False)
        first = known.get(draft.client_key) if draft.client_id is not None else None
        if first is not None:
            if first.room_id != draft.room.id:
                return Conflict('This clientId belongs to a message in another conversation: choose a new one')
            return Stored(first, duplicate=True)
        if draft.room.id not in rooms:
            return NotFound('There is no such room')
        if not draft.room.has(draft.sender_id):
            return Forbidden('You are no longer in this room')
        return None

    def _lock_unsent(self, connection: Connection, batch: Sequence[Draft]) -> set[int]:
        """The ids of the batch's attachments that are still to be had."""
        ids = [row.id for draft in batch for row in draft.attachments]
        return attachments.lock_unsent(connection, ids) if ids else set()

    def _take(self, draft: Draft, unsent: set[int]) -> Invalid | None:
        """Take the draft's attachments out of those still to be had; Invalid if one of them is not, else None."""
        if not draft.attachments:
            return None
        ids = {row.id for row in draft.attachments}
        if not ids <= unsent:
            return Invalid(attachmentIds='names an upload that was sent before: upload the file again')
        unsent -= ids
        return None

    def _find_parts(self, connection: Connection, outcomes: Iterable[Stored | ChatError]) -> None:
        """Fill in what hangs on repeated messages by now."""
        again = [outcome for outcome in outcomes if isinstance(outcome, Stored) and not isinstance(outcome.row, Draft)]
        found = parts.of_messages(connection, [outcome.row for outcome in again]) if again else {}
        for outcome in again:
            outcome.parts = found.get(outcome.row.id, NO_PARTS)

    def _find_known(self, connection: Connection, batch: Sequence[Draft], again: bool) -> Known:
        """Rows already there, by (sender, client id) and, after a lost connection, by nonce."""
        known: Known = {}
        keys = {draft.client_key for draft in batch if draft.client_id is not None}
        if keys:
            query = select(MESSAGES).where(tuple_(MESSAGES.c.sender_id, MESSAGES.c.client_id).in_(keys))
            known |= {(row.sender_id, row.client_id): row for row in connection.execute(query)}
        if again and self._newest_id is not None:
            nonces = [draft.nonce for draft in batch]
            query = select(MESSAGES).where(MESSAGES.c.id > self._newest_id, MESSAGES.c.nonce.in_(nonces))
            known |= {row.nonce: row for row in connection.execute(query)}
        elif self._newest_id is None:
            self._newest_id = connection.execute(select(func.max(MESSAGES.c.id))).scalar() or 0
            self._newest_at = connection.execute(select(ROOMS.c.newest_at).join(
                MESSAGES, MESSAGES.c.room_id == ROOMS.c.id).where(MESSAGES.c.id == self._newest_id)).scalar() or 0
        return known

    # ------------------------------------------------------------------ rows

    def _number(self, drafts: Sequence[Draft], places: Mapping[int, SeqAndTime]) -> dict[int, SeqAndTime]:
        """Give drafts their places, behind those of the newest messages: {room id: (sequence number, milliseconds)}.

        Returns {room id: (last sequence number, time that orders rooms, in microseconds)}.
        """
        now, places = time.time_ns() // 1000, dict(places)
        newest: dict[int, SeqAndTime] = {}
        for draft in drafts:
            room_id = draft.room.id
            seq, at = places[room_id]
            self._newest_at = now = max(now, self._newest_at + 1)
            # each later than the one before, so that a time names a place
            places[room_id] = draft.seq, draft.created_at = seq + 1, max(now // 1000, at + 1)
            newest[room_id] = draft.seq, now
        return newest

    def _move(self, drafts: Sequence[Draft], beyond: Mapping[int, tuple[int, int]]) -> None:
        """Give drafts the places that the database gave them, so many (numbers, milliseconds) beyond what they had."""
        for draft in drafts:
            seq, at = beyond[draft.room.id]
            draft.seq, draft.created_at = draft.seq + seq, draft.created_at + at

    def _insert(self, connection: Connection, drafts: Sequence[Draft], rooms: Mapping[int, AnyRow]) -> None:
        expected = {draft.room.id: rooms[draft.room.id] for draft in drafts}
        newest = self._number(drafts, self._places(connection, drafts, rooms))
        connection.exec_driver_sql(claim_places(newest, expected, self._database.is_sqlite))
        changes.lock_order(connection)
        insertion, values = insert_messages(drafts, self._database.is_sqlite)
        last_id = connection.exec_driver_sql(insertion, tuple(values)).lastrowid
        if self._database.is_sqlite:  # it tells the last id, MySQL the first one
            self._give_ids(drafts, last_id - len(drafts) + 1, 1)
        else:
            self._give_ids(drafts, last_id, connection.info['id_step'])
        for draft in drafts:
            if draft.attachments:
                attachments.claim(connection, draft.id, [row.id for row in draft.attachments])
        mentions.write(connection, [(user_id, draft.id, draft.room.id, draft.seq)
                                    for draft in drafts for user_id in draft.mentions])

    def _give_ids(self, drafts: Sequence[Draft], first_id: int, step: int) -> None:
        """The ids of one INSERT, in the order of its rows."""
        for index, draft in enumerate(drafts):
            draft.id = first_id + index * step

    def _remember(self, drafts: Sequence[Draft]) -> None:
        """What was committed, for the next batch."""
        for draft in drafts:
            draft.room.last_seq, draft.room.last_at = draft.seq, draft.created_at
        if drafts:
            self._newest_id = drafts[-1].id
