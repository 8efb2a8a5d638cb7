"""How a batch of messages gets into the database: as one transaction, whatever else goes on there.

On MySQL a batch is stored at once, commit and all in one round trip, where all is as this process knows it: nobody else
wrote to its rooms, nobody has left them, nothing in it was stored before. Where that proves wrong the database refuses
the transaction, and the batch takes the careful way, which looks first and has an answer for everything.
"""
import itertools
import secrets
import time
from dataclasses import dataclass

from sqlalchemy import func, select, tuple_
from sqlalchemy.exc import IntegrityError

from ...errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from ..files import attachments
from ..rooms.rooms import LiveRoom, member_ids
from ..tables import MESSAGES, ROOMS
from .queries import newest_of_room

COLUMNS = 'room_id, sender_id, seq, nonce, created_at, reply_to_id, type, content, client_id'


@dataclass(slots=True, eq=False)
class Draft:
    """A message on its way. `done(stored, error)` is called once, in the writer's greenlet; it must not wait.

    `origin` is the connection that sent it, if one did. After the commit `id`, `seq` and `created_at` are filled.
    """

    room: LiveRoom
    sender_id: int
    type: str
    content: str
    reply_to_id: int | None
    client_id: str | None
    origin: str | None
    done: object
    author: str | None = None  # the sender's displayName, where dialects want it
    given: dict | None = None  # what the client says of the message, for them as well
    attachments: tuple | list = ()  # rows of what it takes along
    nonce: int = 0
    id: int | None = None
    seq: int | None = None
    created_at: int | None = None
    message: dict | None = None  # as clients get it

    @property
    def room_id(self):
        return self.room.id

    @property
    def client_key(self):
        return self.sender_id, self.client_id.encode()


@dataclass(slots=True)
class Stored:
    """What became of a draft: the row of the message, and whether it had been stored before."""

    row: object
    duplicate: bool
    attachments: tuple | list = ()


class MessageStore:
    """Stores batches; `in_doubt` tells, after an error, whether the batch may have been stored all the same."""

    def __init__(self, database):
        self._database = database
        self._mark = '?' if database.is_sqlite else '%s'  # of a parameter, in the driver's own SQL
        self._nonces = itertools.count(secrets.randbits(62))
        self._newest_id = None  # of the messages table, at the last commit here
        self._newest_at = 0  # when the newest one came: microseconds, no two the same
        self.in_doubt = False

    def next_nonce(self):
        """A number that no other message has."""
        return next(self._nonces)

    def store(self, batch, again):
        """The outcome of each draft, Stored or a ChatError; `again` if an earlier attempt may have been committed.

        Raises Unavailable, and whatever the database has against one of the drafts.
        """
        if not again and self._is_usual(batch):
            try:
                return self._store_at_once(batch)
            except IntegrityError:
                pass  # something in it was stored before, something else wrote to its rooms, or somebody has left one
        return self._store_carefully(batch, again)

    # ------------------------------------------------------------------ at once

    def _is_usual(self, batch):
        """Whether a batch can be stored at once."""
        rooms = {draft.room.id: draft.room for draft in batch}
        return not self._database.is_sqlite and self._newest_id is not None and all(
            draft.room.last_seq is not None and not draft.attachments and draft.room.has(draft.sender_id)
            and rooms[draft.room.id] is draft.room for draft in batch)

    def _store_at_once(self, batch):
        """Raises IntegrityError where not all is as it should be."""
        expected = {draft.room.id: draft.room for draft in batch}
        newest = self._number(batch, {room_id: (room.last_seq, room.last_at) for room_id, room in expected.items()})
        insertion, values = self._insertion(batch, claimed=len(expected))
        try:
            (_, first_id, _), step = self._database.at_once((self._claim(newest, expected), insertion, 'COMMIT'), values)
        except Unavailable as error:
            self.in_doubt = getattr(error.__cause__, 'connection_invalidated', False)  # lost, perhaps after the commit
            raise
        self._give_ids(batch, first_id, step)
        self._stored(batch)
        return [Stored(draft, False) for draft in batch]

    # ------------------------------------------------------------------ carefully

    def _store_carefully(self, batch, again):
        with self._database.writing() as connection:
            rooms = self._lock_rooms(connection, batch)
            known = self._find_known(connection, batch, again)
            unsent = self._lock_unsent(connection, batch)
            outcomes, new = [], []
            for draft in batch:
                outcome = self._settle(draft, rooms, known) or self._take(draft, unsent)
                if outcome is None:
                    new.append(draft)
                    outcome = Stored(draft, False, draft.attachments)
                    if draft.client_id is not None:
                        known[draft.client_key] = draft
                outcomes.append(outcome)
            if new:
                self._insert(connection, new, rooms)
                self.in_doubt = True  # an error from here on may be that of a commit that happened
            self._find_attachments(connection, outcomes)
        self._stored(new)
        return outcomes

    def _lock_rooms(self, connection, batch):
        """{room id: its row}; whoever else writes to these rooms, or leaves one, waits for this transaction.

        The members of the batch's LiveRooms are brought up to date.
        """
        ids = ','.join([f'{room_id:d}' for room_id in sorted({draft.room.id for draft in batch})])
        rows = {row.id: row for row in connection.exec_driver_sql(
            f'SELECT id, last_seq, departures FROM rooms WHERE id IN ({ids}) AND deleted_at IS NULL ORDER BY id'
            f'{"" if self._database.is_sqlite else " FOR UPDATE"}')}
        for draft in batch:
            room, row = draft.room, rows.get(draft.room.id)
            if row is not None and room.departures != row.departures:  # somebody may have left unseen
                room.members, room.departures = member_ids(connection, room.id), row.departures
        return rows

    def _places(self, connection, drafts, rooms):
        """{room id: (the sequence number of its newest message, its time)} of the rooms of these drafts."""
        places = {draft.room.id: (draft.room.last_seq, draft.room.last_at) for draft in drafts
                  if draft.room.last_seq == rooms[draft.room.id].last_seq}
        others = {draft.room.id for draft in drafts} - places.keys()
        if others:
            at = newest_of_room(MESSAGES.c.created_at).label('at')
            for row in connection.execute(select(ROOMS.c.id, ROOMS.c.last_seq, at).where(ROOMS.c.id.in_(others))):
                places[row.id] = row.last_seq, row.at or 0
        return places

    def _settle(self, draft, rooms, known):
        """The outcome of a draft that needs no row of its own; None if it does."""
        if draft.nonce in known:
            stored = known[draft.nonce]
            draft.id, draft.seq, draft.created_at = stored.id, stored.seq, stored.created_at
            return Stored(draft, False, draft.attachments)
        first = draft.client_id is not None and known.get(draft.client_key)
        if first:
            room_id = first.room.id if isinstance(first, Draft) else first.room_id
            if room_id != draft.room.id:
                return Conflict('This clientId belongs to a message in another conversation: choose a new one')
            return Stored(first, duplicate=True)
        if draft.room.id not in rooms:
            return NotFound('There is no such room')
        if not draft.room.has(draft.sender_id):
            return Forbidden('You are no longer in this room')
        return None

    def _lock_unsent(self, connection, batch):
        """The ids of the batch's attachments that are still to be had."""
        ids = [row.id for draft in batch if draft.attachments for row in draft.attachments]
        return attachments.lock_unsent(connection, ids) if ids else set()

    def _take(self, draft, unsent):
        """Take the draft's attachments out of those still to be had; Invalid if one of them is not, else None."""
        if not draft.attachments:
            return None
        ids = {row.id for row in draft.attachments}
        if not ids <= unsent:
            return Invalid(attachmentIds='names an upload that was sent before: upload the file again')
        unsent -= ids
        return None

    def _find_attachments(self, connection, outcomes):
        """Fill in what duplicates took along when they were first stored."""
        again = [outcome for outcome in outcomes if isinstance(outcome, Stored) and outcome.duplicate
                 and outcome.row.type in attachments.KINDS]
        found = attachments.of_messages(connection, [outcome.row.id for outcome in again]) if again else {}
        for outcome in again:
            outcome.attachments = found.get(outcome.row.id, ())

    def _find_known(self, connection, batch, again):
        """Rows already there, by (sender, client id) and, after a lost connection, by nonce."""
        known = {}
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

    def _number(self, drafts, places):
        """Give drafts their places, behind those of the newest messages: {room id: (sequence number, milliseconds)}.

        Returns {room id: (last sequence number, time that orders rooms, in microseconds)}.
        """
        now, places, newest = time.time_ns() // 1000, dict(places), {}
        for draft in drafts:
            room_id = draft.room.id
            seq, at = places[room_id]
            self._newest_at = now = max(now, self._newest_at + 1)
            # each later than the one before, so that a time names a place
            places[room_id] = draft.seq, draft.created_at = seq + 1, max(now // 1000, at + 1)
            newest[room_id] = draft.seq, now
        return newest

    def _insert(self, connection, drafts, rooms):
        expected = {draft.room.id: rooms[draft.room.id] for draft in drafts}
        newest = self._number(drafts, self._places(connection, drafts, rooms))
        connection.exec_driver_sql(self._claim(newest, expected))
        insertion, values = self._insertion(drafts)
        last_id = connection.exec_driver_sql(insertion, tuple(values)).lastrowid
        if self._database.is_sqlite:  # it tells the last id, MySQL the first one
            self._give_ids(drafts, last_id - len(drafts) + 1, 1)
        else:
            self._give_ids(drafts, last_id, connection.info['id_step'])
        for draft in drafts:
            if draft.attachments:
                attachments.claim(connection, draft.id, [row.id for row in draft.attachments])

    def _give_ids(self, drafts, first_id, step):
        """The ids of one INSERT, in the order of its rows."""
        for index, draft in enumerate(drafts):
            draft.id = first_id + index * step

    def _stored(self, drafts):
        """Remember what was committed."""
        for draft in drafts:
            draft.room.last_seq, draft.room.last_at = draft.seq, draft.created_at
        if drafts:
            self._newest_id = drafts[-1].id

    # ------------------------------------------------------------------ statements

    def _claim(self, newest, expected):
        """The UPDATE that locks rooms and takes their next numbers, of those that are there and as expected."""
        rooms = ' OR '.join([f'id = {room_id:d} AND last_seq = {room.last_seq:d} AND departures = {room.departures:d}'
                             for room_id, room in sorted(expected.items())])
        last_seq = _by_room({room_id: seq for room_id, (seq, _) in newest.items()})
        newest_at = _by_room({room_id: at for room_id, (_, at) in newest.items()})
        return f'UPDATE rooms SET last_seq = {last_seq}, newest_at = {newest_at} WHERE ({rooms}) AND deleted_at IS NULL'

    def _insertion(self, drafts, claimed=None):
        """(INSERT, its parameters) of all drafts; refused, for a NULL, unless the statement before found `claimed` rows.

        Whole numbers stand in the statement itself, since the driver takes long for each parameter.
        """
        rows, values, mark = [], [], self._mark
        for draft in drafts:
            reply_to_id, client_id = draft.reply_to_id, draft.client_id
            seq = draft.seq if rows or claimed is None else f'IF(ROW_COUNT() = {claimed:d}, {draft.seq:d}, NULL)'
            rows.append(f'({draft.room.id:d},{draft.sender_id:d},{seq},{draft.nonce:d},{draft.created_at:d},'
                        f'{"NULL" if reply_to_id is None else f"{reply_to_id:d}"},{mark},{mark},'
                        f'{"NULL" if client_id is None else mark})')
            values += (draft.type, draft.content)
            if client_id is not None:
                values.append(client_id.encode())
        return f'INSERT INTO messages ({COLUMNS}) VALUES {",".join(rows)}', values


def _by_room(numbers):
    """The SQL that has a number for each room."""
    return f'CASE id {" ".join([f"WHEN {room_id:d} THEN {number:d}" for room_id, number in numbers.items()])} END'
