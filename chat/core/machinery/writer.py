"""The one way in which messages reach the database: one greenlet commits whatever has queued up as one batch.

Group commit: while one batch is being committed the next one gathers, so the cost of a commit is shared by all who
wait for it (measured: two to five times the throughput). Each draft is answered after its batch is durable, in order;
while one batch is answered the next one is on its way to the database.
"""
import logging
import time

import gevent
from gevent.queue import Full, Queue

from ...errors import ChatError, Unavailable
from ...loop import give_way
from ..messages.store import MessageStore

log = logging.getLogger(__name__)
MAX_BATCH = 256
MAX_CHARACTERS = 200_000  # of one batch; with four bytes each it stays below MySQL's smallest max_allowed_packet
MAX_QUEUED = 10_000
QUEUE_TIMEOUT = 5   # seconds that a sender waits for a place
ATTEMPTS = 5        # for one batch, each on a connection of its own
DOUBT_TIMEOUT = 30  # seconds in which a batch that may have been committed is looked for


class Writer:
    """`on_stored(list of Draft)` is told what was newly stored, after every one of them has been answered."""

    def __init__(self, database, on_stored):
        self._store, self._on_stored = MessageStore(database), on_stored
        self._queue = Queue(MAX_QUEUED)
        self._stored = Queue(1)  # a batch that waits to be answered: (drafts, outcomes)
        self._greenlets, self._stopping = (), False

    def start(self):
        self._greenlets = gevent.spawn(self._write), gevent.spawn(self._answer)

    def stop(self):
        """Store what has queued up, then end."""
        self._stopping = True
        if self._greenlets:
            self._queue.put(None)
            gevent.joinall(self._greenlets)

    def accepts(self):
        """Whether a draft put now would be stored in its turn."""
        return bool(self._greenlets) and not any(each.dead for each in self._greenlets) and not self._queue.full()

    def put(self, draft):
        """Queue a draft. Raises Unavailable when the queue stays full."""
        draft.nonce = self._store.next_nonce()
        if self._stopping:
            raise Unavailable('The server is stopping: try again in a moment')
        try:
            self._queue.put(draft, timeout=QUEUE_TIMEOUT)
        except Full:
            raise Unavailable('Too many messages are waiting to be stored: try again in a moment') from None

    # ------------------------------------------------------------------ batches

    def _write(self):
        batch = ()
        while (draft := self._queue.get()) is not None:
            if self._queue.qsize() + 1 < len(batch) // 2:  # more are to be expected, and larger batches serve them better
                self._wait_for_more()
            batch = self._take_batch(draft)
            self._stored.put((batch, self._outcomes(batch)))
        self._stored.put(None)

    def _wait_for_more(self):
        """Let drafts come in that are on their way already: all that can be read without waiting, and no others."""
        before = -1
        while before < self._queue.qsize() < MAX_BATCH:
            before = self._queue.qsize()
            give_way()

    def _take_batch(self, draft):
        batch, size = [draft], len(draft.content)
        while len(batch) < MAX_BATCH and self._queue.qsize() and self._queue.peek() is not None:
            size += len(self._queue.peek().content)
            if size > MAX_CHARACTERS:
                break
            batch.append(self._queue.get_nowait())
        return batch

    def _outcomes(self, batch, again=False):
        """What became of each draft: Stored or a ChatError; `again` if it may have been stored before."""
        failure, attempt, deadline = None, 0, time.monotonic() + DOUBT_TIMEOUT
        self._store.in_doubt = False
        while attempt < ATTEMPTS or self._store.in_doubt and time.monotonic() < deadline and not self._stopping:
            try:
                return self._store.store(batch, again)
            except Unavailable as error:  # perhaps committed: the next attempt looks first
                failure = error
                gevent.sleep(min(1, 0.05 * attempt))
            except Exception as error:
                if len(batch) > 1:
                    return [self._outcomes([draft], again)[0] for draft in batch]  # a row that fails, fails alone
                failure = error
            attempt, again = attempt + 1, True
        if isinstance(failure, Unavailable):
            log.error('%d messages could not be stored: %s', len(batch), failure.__cause__)
            return [failure] * len(batch)
        log.error('a message could not be stored', exc_info=failure)
        return [ChatError('The message could not be stored')]

    # ------------------------------------------------------------------ answers

    def _answer(self):
        while (stored := self._stored.get()) is not None:
            self._answer_batch(*stored)

    def _answer_batch(self, batch, outcomes):
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
