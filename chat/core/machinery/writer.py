"""Group commit: one greenlet commits whatever has queued up as one batch.

While one batch is being committed the next one gathers, so the cost of a commit is shared by all who wait for it
(measured: two to five times the throughput). Each draft is answered after its batch is durable, in order; while one batch
is answered the next one is on its way to the database.
"""
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import gevent
from gevent.queue import Full, Queue

from ...errors import ChatError, Unavailable
from ...loop import give_way
from .failures import InDoubt, RolledBack

log = logging.getLogger(__name__)
MAX_BATCH = 256
MAX_CHARACTERS = 200_000  # of one batch; with four bytes each it stays below MySQL's smallest max_allowed_packet
MAX_QUEUED = 10_000
QUEUE_TIMEOUT = 5   # seconds that a sender waits for a place
ATTEMPTS = 5        # for one batch, each on a connection of its own
DOUBT_TIMEOUT = 30  # seconds in which a batch that may have been committed is looked for


class Stored(Protocol):
    """What became of a draft that is in the database now."""

    @property
    def duplicate(self) -> bool:
        """Whether it had been stored before."""


StoredT = TypeVar('StoredT', bound=Stored)
StoredT_contra = TypeVar('StoredT_contra', bound=Stored, contravariant=True)


class Draft(Protocol[StoredT_contra]):
    """What is to be stored."""

    @property
    def size(self) -> int:
        """How many characters it takes along into the database."""

    @property
    def answer(self) -> Callable[[StoredT_contra | None, ChatError | None], None]:
        """Called once, in the writer's greenlet, with what became of it or the reason why nothing did; must not wait."""


DraftT = TypeVar('DraftT', bound='Draft[Any]')
DraftT_contra = TypeVar('DraftT_contra', bound='Draft[Any]', contravariant=True)
StoredT_co = TypeVar('StoredT_co', bound=Stored, covariant=True)


class Store(Protocol[DraftT_contra, StoredT_co]):
    """Where the drafts go."""

    def store(self, batch: Sequence[DraftT_contra], again: bool) -> Sequence[StoredT_co | ChatError]:
        """The outcome of each draft, in one transaction; `again` if an earlier attempt may have been committed.

        Raises Unavailable when the database does not answer, InDoubt when that may have been after the commit, RolledBack
        when the transaction gave way to another, and whatever the database has against one of the drafts.
        """


class Writer(Generic[DraftT, StoredT]):
    """`on_stored` is told what was newly stored, after every one of a batch has been answered."""

    def __init__(self, *, store: Store[DraftT, StoredT], on_stored: Callable[[Sequence[DraftT]], None]) -> None:
        self._store, self._on_stored = store, on_stored
        self._queue: Queue[DraftT | None] = Queue(MAX_QUEUED)
        self._to_answer: Queue[tuple[Sequence[DraftT], Sequence[StoredT | ChatError]] | None] = Queue(1)
        self._greenlets: list[gevent.Greenlet[[], None]] = []
        self._stopping = False

    def start(self) -> None:
        """Begin to store what is put."""
        self._greenlets = [gevent.spawn(self._write), gevent.spawn(self._answer)]

    def stop(self) -> None:
        """Store what has queued up, then end."""
        self._stopping = True
        if self._greenlets:
            self._queue.put(None)
            gevent.joinall(self._greenlets)

    def accepts(self) -> bool:
        """Whether a draft put now would be stored in its turn."""
        return bool(self._greenlets) and not any(each.dead for each in self._greenlets) and not self._queue.full()

    def put(self, draft: DraftT) -> None:
        """Queue a draft. Raises Unavailable when the queue stays full."""
        if self._stopping:
            raise Unavailable('The server is stopping: try again in a moment')
        try:
            self._queue.put(draft, timeout=QUEUE_TIMEOUT)
        except Full:
            raise Unavailable('Too many messages are waiting to be stored: try again in a moment') from None

    # ------------------------------------------------------------------ batches

    def _write(self) -> None:
        size_before = 0
        while (draft := self._queue.get()) is not None:
            if self._queue.qsize() + 1 < size_before // 2:  # more are to be expected, and larger batches serve them better
                self._wait_for_more()
            batch = self._take_batch(draft)
            size_before = len(batch)
            self._to_answer.put((batch, self._outcomes(batch)))
        self._to_answer.put(None)

    def _wait_for_more(self) -> None:
        """Let drafts come in that are on their way already: all that can be read without waiting, and no others."""
        before = -1
        while before < self._queue.qsize() < MAX_BATCH:
            before = self._queue.qsize()
            give_way()

    def _take_batch(self, draft: DraftT) -> list[DraftT]:
        batch, size = [draft], draft.size
        while len(batch) < MAX_BATCH and self._queue.qsize() and (following := self._queue.peek()) is not None:
            size += following.size
            if size > MAX_CHARACTERS:
                break
            batch.append(following)
            self._queue.get_nowait()
        return batch

    def _outcomes(self, batch: Sequence[DraftT], again: bool = False) -> Sequence[StoredT | ChatError]:
        """What became of each draft; `again` if it may have been stored before."""
        attempts, in_doubt, failure, deadline = 0, False, Unavailable(), time.monotonic() + DOUBT_TIMEOUT
        while attempts < ATTEMPTS or in_doubt and time.monotonic() < deadline and not self._stopping:
            attempts += 1
            try:
                return self._store.store(batch, again)
            except RolledBack as error:  # nothing of it is stored: it can be tried at once, as if for the first time
                failure = error
            except Unavailable as error:  # perhaps committed: the next attempt looks first
                failure, again, in_doubt = error, True, in_doubt or isinstance(error, InDoubt)
                gevent.sleep(min(1, 0.05 * (attempts - 1)))
            except Exception as error:
                return self._outcomes_one_by_one(batch, again, error)
        log.error('%d messages could not be stored: %s', len(batch), failure.__cause__)
        return [failure] * len(batch)

    def _outcomes_one_by_one(self, batch: Sequence[DraftT], again: bool, error: Exception) -> Sequence[StoredT | ChatError]:
        """The outcomes of a batch that the database refused: a row that fails, fails alone."""
        if len(batch) > 1:
            return [self._outcomes([draft], again)[0] for draft in batch]
        log.error('a message could not be stored', exc_info=error)
        return [ChatError('The message could not be stored')]

    # ------------------------------------------------------------------ answers

    def _answer(self) -> None:
        while (stored := self._to_answer.get()) is not None:
            self._answer_batch(*stored)

    def _answer_batch(self, batch: Sequence[DraftT], outcomes: Sequence[StoredT | ChatError]) -> None:
        new = []
        for draft, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, ChatError):
                self._call(draft.answer, None, outcome)
                continue
            if not outcome.duplicate:
                new.append(draft)
            self._call(draft.answer, outcome, None)
        if new:
            self._call(self._on_stored, new)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        """Call what others gave us; the writer goes on whatever it raises."""
        try:
            function(*arguments)
        except Exception:
            log.exception('a stored message could not be answered or published')
