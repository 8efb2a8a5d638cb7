"""The one way in which messages reach the database: one greenlet commits whatever has queued up as one batch.

Group commit: while one batch is being committed the next one gathers, so the cost of a commit is shared by all who
wait for it (measured: two to five times the throughput). Each draft is answered after its batch is durable, in order.
"""
import logging
import secrets
import time
from dataclasses import dataclass

import gevent
from cachetools import LRUCache
from gevent.queue import Full, Queue
from sqlalchemy import select, tuple_

from ..errors import ChatError, Conflict, Forbidden, Invalid, NotFound, Unavailable
from ..models import Message
from . import attachments
from .clock import now_ms
from .rooms import ROOMS, LiveRoom

log = logging.getLogger(__name__)
MESSAGES = Message.__table__
MAX_BATCH = 256
MAX_CHARACTERS = 200_000  # of one batch; with four bytes each it stays below MySQL's smallest max_allowed_packet
MAX_QUEUED = 10_000
MAX_ROOMS = 100_000  # whose last time is remembered
QUEUE_TIMEOUT = 5   # seconds that a sender waits for a place
ATTEMPTS = 5        # for one batch, each on a connection of its own
DOUBT_TIMEOUT = 30  # seconds in which a batch that may have been committed is looked for
COLUMNS = ('room_id', 'sender_id', 'seq', 'type', 'content', 'reply_to_id', 'client_id', 'nonce', 'created_at')


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

    @property
    def room_id(self):
        return self.room.id

    @property
    def client_key(self):
        return self.sender_id, self.client_id.encode()

    def row(self):
        return (self.room.id, self.sender_id, self.seq, self.type, self.content, self.reply_to_id,
                self.client_id and self.client_id.encode(), self.nonce, self.created_at)


@dataclass(slots=True)
class Stored:
    """What became of a draft: the row of the message, and whether it had been stored before."""

    row: object
    duplicate: bool
    attachments: tuple | list = ()


class Writer:
    """`on_stored(list of Draft)` is told what was newly stored, after every one of them has been answered."""

    def __init__(self, database, on_stored):
        self._database, self._on_stored = database, on_stored
        self._queue = Queue(MAX_QUEUED)
        self._mark = '?' if database.is_sqlite else '%s'  # of a parameter, in the driver's own SQL
        self._greenlet, self._stopping = None, False
        self._in_doubt = False  # whether the batch at hand may have been committed unseen
        self._times = LRUCache(MAX_ROOMS)  # room id: when its newest message was sent
        self._newest_id = None  # of the messages table, at the last commit here

    def start(self):
        self._greenlet = gevent.spawn(self._run)

    def stop(self):
        """Store what has queued up, then end."""
        self._stopping = True
        if self._greenlet:
            self._queue.put(None)
            self._greenlet.join()

    def accepts(self):
        """Whether a draft put now would be stored in its turn."""
        return self._greenlet is not None and not self._greenlet.dead and not self._queue.full()

    def put(self, draft):
        """Queue a draft. Raises Unavailable when the queue stays full."""
        draft.nonce = secrets.randbits(62)
        if self._stopping:
            raise Unavailable('The server is stopping: try again in a moment')
        try:
            self._queue.put(draft, timeout=QUEUE_TIMEOUT)
        except Full:
            raise Unavailable('Too many messages are waiting to be stored: try again in a moment') from None

    # ------------------------------------------------------------------ batches

    def _run(self):
        while (draft := self._queue.get()) is not None:
            batch, size = [draft], len(draft.content)
            while len(batch) < MAX_BATCH and self._queue.qsize() and self._queue.peek() is not None:
                size += len(self._queue.peek().content)
                if size > MAX_CHARACTERS:
                    break
                batch.append(self._queue.get_nowait())
            self._answer(batch, self._store(batch))

    def _answer(self, batch, outcomes):
        new = []
        for draft, outcome in zip(batch, outcomes, strict=True):
            stored, error = (None, outcome) if isinstance(outcome, ChatError) else (outcome, None)
            if stored and not stored.duplicate:
                new.append(draft)
            self._call(draft.done, stored, error)
        if new:
            self._call(self._on_stored, new)

    def _call(self, function, *arguments):
        """Call what others gave us; the writer goes on whatever it raises."""
        try:
            function(*arguments)
        except Exception:
            log.exception('a stored message could not be answered or published')

    def _store(self, batch):
        """The outcome of each draft: Stored or a ChatError."""
        failure, attempt, deadline = None, 0, time.monotonic() + DOUBT_TIMEOUT
        self._in_doubt = False
        while attempt < ATTEMPTS or self._in_doubt and time.monotonic() < deadline and not self._stopping:
            try:
                return self._transact(batch, again=attempt > 0)
            except Unavailable as error:  # perhaps committed: the next attempt looks first
                failure = error
                gevent.sleep(min(1, 0.05 * attempt))
            except Exception as error:
                if len(batch) > 1:
                    return [self._store([draft])[0] for draft in batch]  # a row that fails, fails alone
                failure = error
            attempt += 1
        if isinstance(failure, Unavailable):
            log.error('%d messages could not be stored: %s', len(batch), failure.__cause__)
            return [failure] * len(batch)
        log.error('a message could not be stored', exc_info=failure)
        return [ChatError('The message could not be stored')]

    def _transact(self, batch, again):
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
                self._in_doubt = True  # an error from here on may be that of a commit that happened
            self._find_attachments(connection, outcomes)
        if new:
            self._newest_id = new[-1].id
        return outcomes

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

    def _lock_rooms(self, connection, batch):
        """{room id: its last sequence number}; whoever else writes to these rooms waits for this transaction."""
        ids = sorted({draft.room.id for draft in batch})
        query = select(ROOMS.c.id, ROOMS.c.last_seq).where(
            ROOMS.c.id.in_(ids), ROOMS.c.deleted_at.is_(None)).order_by(ROOMS.c.id)
        return {row.id: row.last_seq for row in connection.execute(query.with_for_update())}

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
            self._newest_id = connection.exec_driver_sql('SELECT MAX(id) FROM messages').scalar() or 0
        return known

    # ------------------------------------------------------------------ rows

    def _insert(self, connection, drafts, rooms):
        now = now_ms()
        for draft in drafts:
            rooms[draft.room.id] += 1
            last = self._times.get(draft.room.id, 0)  # each later than the one before, so that a time names a place
            draft.seq, draft.created_at = rooms[draft.room.id], max(now, last + 1)
            self._times[draft.room.id] = draft.created_at
        values = tuple(value for draft in drafts for value in draft.row())
        result = connection.exec_driver_sql(self._insert_statement(len(drafts)), values)
        step = self._id_step(connection)
        first = result.lastrowid - (len(drafts) - 1 if self._database.is_sqlite else 0)
        for index, draft in enumerate(drafts):
            draft.id = first + index * step
            if draft.attachments:
                attachments.claim(connection, draft.id, [row.id for row in draft.attachments])
        self._advance_rooms(connection, {draft.room.id: draft for draft in drafts})

    def _insert_statement(self, count):
        row = f'({",".join([self._mark] * len(COLUMNS))})'
        return f'INSERT INTO messages ({",".join(COLUMNS)}) VALUES {",".join([row] * count)}'

    def _advance_rooms(self, connection, newest):
        """Note the newest draft of each room, for all rooms in one statement."""
        mark, count = self._mark, len(newest)
        case = f'CASE id{f" WHEN {mark} THEN {mark}" * count} END'
        connection.exec_driver_sql(
            f'UPDATE rooms SET last_seq = {case}, last_message_id = {case} WHERE id IN ({",".join([mark] * count)})',
            (*(value for room_id, draft in newest.items() for value in (room_id, draft.seq)),
             *(value for room_id, draft in newest.items() for value in (room_id, draft.id)), *newest))

    def _id_step(self, connection):
        """How far apart the ids of one INSERT are: 1 but in clusters (Galera, group replication)."""
        if self._database.is_sqlite:
            return 1
        if 'id_step' not in connection.info:
            connection.info['id_step'] = connection.exec_driver_sql('SELECT @@auto_increment_increment').scalar()
        return connection.info['id_step']
