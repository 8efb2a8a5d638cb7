"""The log as a stream of Redis, for any number of processes on one database.

Appending never waits: a greenlet adds whatever has queued up as one entry of the stream, another one reads what all have
added. Each process counts what it appends, so that the others notice what they missed.

A process that comes, or comes back, says hello. Where that comes out of the log, the one that it asked writes down the whole
state as of there; with that, what follows, and its own contribution the new one knows what the others know. Whoever has not
been heard of for a while is declared dead by whoever notices.

While Redis does not answer the process goes on alone: what it appends takes effect here, at once, and nowhere else.
"""
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

import gevent
from gevent.event import AsyncResult
from gevent.event import Event as Signal
from redis import RedisError

from ...errors import ChatError, Unavailable
from ...loop import give_way
from .attendance import DEAD_AFTER, Attendance
from .log import Apply, Entry, Plain, Replicated
from .operations import Operation, Operations
from .plain import pack, unpack
from .redis_client import ANSWER_SECONDS, connect_to
from .snapshots import TAKE_SECONDS, Snapshots

log = logging.getLogger(__name__)
STREAM: Final = 'chat:log'
HELLO: Final = 'hello'  # topics of the log's own
CONTRIBUTION: Final = 'contribution'
DIED: Final = 'died'
BEAT_SECONDS = 3
KEPT_SECONDS = 30      # of the log, for those who are slow to read
MAX_ENTRIES = 50_000   # of the log, whatever their age
READ_AT_ONCE = 100     # entries
READ_WAIT = 2000       # milliseconds
PERFORM_SECONDS = 10
GATHER_SECONDS = 0.002  # for which a process that has just read or written entries leaves those to come to gather
PAUSE = 0.5            # seconds between two attempts to reach Redis


class RedisLog:
    """See Log. `start` is to be called before anything is appended, `stop` at the end."""

    is_shared = True

    def __init__(self, url: str) -> None:
        self.process = secrets.token_hex(4)
        self._writing, self._reading = connect_to(url), connect_to(url, READ_WAIT / 1000 + ANSWER_SECONDS)
        self._attendance = Attendance(self._writing, self.process)
        self._snapshots = Snapshots(giving=self._writing, taking=self._reading)
        self._operations = Operations(self._take_effect)
        self._apply: dict[str, Apply] = {HELLO: self._greeted, CONTRIBUTION: self._contributed, DIED: self._died}
        self._states: dict[str, Replicated] = {}
        self._forget: list[Callable[[float], None]] = []
        self._is_ready, self._has_joined = Signal(), Signal()
        self._is_joining = False  # said hello, or is about to, and what it contributes does not stand behind that yet
        self._seen: dict[str, int] = {}  # of each other process that is there: the number of its newest operation
        self._last = b'0-0'  # entry
        self._is_connected = False
        self._alone_since: float | None = time.monotonic()  # until what this process contributes is with the others
        self._silent: set[str] = set()  # who was asked for the state, and did not give it
        self._greenlets: list[gevent.Greenlet[..., Any]] = []

    # ------------------------------------------------------------------ what its users call

    @property
    def leads(self) -> bool:
        """See Log. Nobody leads while Redis is gone."""
        return self._attendance.leads and self._is_connected

    @property
    def others(self) -> int:
        """See Log."""
        return len({*self._attendance.others, *self._seen}) if self._is_connected else 0

    @property
    def is_connected(self) -> bool:
        """Whether Redis answers."""
        return self._is_connected

    def subscribe(self, topic: str, apply: Apply) -> None:
        """See Log."""
        self._apply[topic] = apply

    def replicate(self, topic: str, state: Replicated) -> None:
        """See Log."""
        self._states[topic] = state

    def on_doubt(self, forget: Callable[[float], None]) -> None:
        """See Log."""
        self._forget.append(forget)

    def append(self, topic: str, data: Plain) -> None:
        """See Log."""
        self._put(Operation(topic, data, True))

    def perform(self, topic: str, data: Plain) -> Any:
        """See Log."""
        result: AsyncResult[Any] = AsyncResult()
        self._put(Operation(topic, data, True, result))
        try:
            return result.get(timeout=PERFORM_SECONDS)
        except gevent.Timeout:
            raise Unavailable('The server is busy: try again in a moment') from None

    def tell_others(self, topic: str, data: Plain) -> None:
        """See Log."""
        if self._is_connected:
            self._put(Operation(topic, data, False))

    def start(self) -> None:
        """Begin, and wait until what the others know is known here, or Redis is known to be gone."""
        self._greenlets = [gevent.spawn(work) for work in (self._read_on, self._write_on, self._beat_on)]
        self._is_ready.wait(timeout=ANSWER_SECONDS + TAKE_SECONDS)
        if not self._is_connected:
            log.error('Redis does not answer: this process goes on alone until it does')

    def stop(self) -> None:
        """Say goodbye, once all that was appended is with the others."""
        if self._is_connected:
            self.append(DIED, self.process)
            deadline = time.monotonic() + ANSWER_SECONDS
            while self._is_connected and not self._operations.are_done and time.monotonic() < deadline:
                gevent.sleep(0.01)
        gevent.killall(self._greenlets)
        try:
            self._attendance.go()
        except RedisError:
            log.debug('Redis is gone: nobody is told that this process ends')
        self._writing.close()
        self._reading.close()

    # ------------------------------------------------------------------ appending

    def _put(self, operation: Operation) -> None:
        if self._is_connected and self._operations.are_too_many:
            self._lose('more waits to be appended than it takes')
        if self._is_connected:
            self._operations.put(operation)
        else:
            self._operations.hold_alone([operation])

    def _write_on(self) -> None:
        """What nobody waits for is gathered for a moment: an entry costs each process more than what is in it."""
        while True:
            self._operations.wait()
            while self._is_connected and (topic := self._operations.next_topic()):
                if topic == HELLO:
                    self._has_joined.clear()
                    self._write(*self._operations.take(1))
                    self._has_joined.wait()  # what waits already is to come behind the contribution
                else:
                    self._write(*self._operations.take())
                    self._operations.rest(GATHER_SECONDS)

    def _write(self, first: int, operations: list[Operation]) -> None:
        entry = pack([first, [[operation.topic, operation.packed] for operation in operations]])
        try:
            self._writing.xadd(STREAM, {'p': self.process, 'd': entry}, maxlen=MAX_ENTRIES)
        except RedisError as error:
            self._lose(error)

    # ------------------------------------------------------------------ what comes out

    def _read_on(self) -> None:
        while True:
            try:
                if not self._is_connected:
                    self._connect()
                for _, entries in self._reading.xread({STREAM: self._last}, READ_AT_ONCE, READ_WAIT) or ():
                    for self._last, fields in entries:
                        self._apply_entry(fields[b'p'].decode(), fields[b'd'])
                    gevent.sleep(GATHER_SECONDS)
            except RedisError as error:
                self._lose(error)
                self._is_ready.set()  # alone, if it was not there from the beginning
                gevent.sleep(PAUSE)
            except Exception:
                log.exception('an entry of the log could not be read')

    def _apply_entry(self, process: str, packed: bytes) -> None:
        if process == self.process:
            if self._operations.is_any_under_way:
                first, operations = unpack(packed)
                self._operations.come_out(first + len(operations) - 1)
            return
        first, operations = unpack(packed)
        self._notice_gap(process, first, len(operations))
        for topic, data in operations:
            self._call(topic, process, data)
        give_way()

    def _notice_gap(self, process: str, first: int, count: int) -> None:
        expected = self._seen.get(process)
        self._seen[process] = first + count - 1
        if expected is not None and first != expected + 1:
            log.warning('something of process %s was missed', process)
            self._say_hello()

    def _take_effect(self, operation: Operation) -> None:
        """An operation of this process comes out, or holds for it alone."""
        result = operation.result
        try:
            value = self._apply[operation.topic](Entry(self.process, True, operation.data))
        except Exception as error:
            if result is not None:
                result.set_exception(error)
            elif not isinstance(error, ChatError):
                log.exception('%s failed', operation.topic)
            return
        if result is not None:
            result.set(value)

    def _call(self, topic: str, process: str, packed: bytes) -> None:
        """Apply what another process appended; that it could not be done is for that one to say."""
        apply = self._apply.get(topic)
        if apply is None:
            return  # a newer process may know more topics
        try:
            apply(Entry(process, False, unpack(packed)))
        except ChatError:
            log.debug('%s of process %s came to nothing', topic, process)
        except Exception:
            log.exception('%s of another process failed', topic)

    # ------------------------------------------------------------------ coming and going

    def _connect(self) -> None:
        newest = self._reading.xrevrange(STREAM, count=1)
        newest_id = newest[0][0] if newest else b'0-0'
        if self._last == b'0-0' or _order(newest_id) < _order(self._last):
            self._last = newest_id  # it begins here, or Redis has lost its log
        self._is_connected = True
        self._attendance.come()
        self._say_hello()

    def _say_hello(self) -> None:
        """First of all, also before what waits already; what this process contributes comes next."""
        if self._is_connected and not self._is_joining:
            self._is_joining = True
            self._silent.clear()
            self._ask_another()

    def _ask_another(self) -> None:
        """Say hello, and ask whoever was heard of last: that one is there most probably."""
        asked = next((process for process in reversed(self._attendance.others) if process not in self._silent), None)
        self._operations.put(Operation(HELLO, [asked, secrets.token_hex(8)], True), is_first=True)

    def _lose(self, reason: object) -> None:
        """Redis is gone: what was appended and has not come out holds here alone."""
        if not self._is_connected:
            return
        log.error('Redis does not answer, this process goes on alone: %s', reason)
        self._is_connected = False
        self._alone_since = self._alone_since or time.monotonic()
        self._operations.give_up(but=(HELLO, CONTRIBUTION, DIED))
        self._is_joining = False
        self._has_joined.set()
        self._is_ready.set()

    def _greeted(self, entry: Entry) -> None:
        """Somebody comes: whoever it asked gives it the state as of here. One's own hello: take that, and contribute."""
        asked, name = entry.data
        if not entry.is_own:
            if asked == self.process:
                self._attendance.know(self._seen)
                self._snapshots.give(name, [self._attendance.known(), {
                    topic: state.snapshot() for topic, state in self._states.items()}])
            return
        if asked is not None and not self._take_over(asked, name):
            self._silent.add(asked)
            if self._is_connected:
                self._ask_another()
                self._has_joined.set()  # so that it is written
        elif self._is_connected:
            contribution = {topic: state.contribution() for topic, state in self._states.items()}
            seconds = time.monotonic() - self._alone_since if self._alone_since is not None else 0
            self._operations.put(Operation(CONTRIBUTION, [seconds, contribution], True), is_first=True)
            self._is_joining = False
            self._has_joined.set()

    def _take_over(self, asked: str, name: str) -> bool:
        """Take the snapshot of that name, which is of this hello and no other; whether it came."""
        try:
            taken = self._snapshots.take(name, lambda: self._is_connected)
        except RedisError as error:
            self._lose(error)
            return False
        if taken is None:
            log.warning('process %s gave no snapshot', asked)
            return False
        known, snapshots = taken
        self._attendance.know(known)  # of whom some may be dead, and still be in what is taken over
        for topic, snapshot in snapshots.items():
            if topic in self._states:  # a newer process may have more
                self._states[topic].restore(snapshot)
        return True

    def _contributed(self, entry: Entry) -> None:
        """A process is back, this one or another: its part of the state is what it says.

        It may have missed what the others did for as long as it was alone, and they what it did.
        """
        seconds, contributions = entry.data
        for topic, contribution in contributions.items():
            if topic in self._states:
                self._states[topic].rejoined(entry._replace(data=contribution))
        self._doubt(seconds)
        if entry.is_own:
            self._alone_since = None
            self._is_ready.set()

    def _died(self, entry: Entry) -> None:
        """A process is no more; one that is said to be and hears of it comes back."""
        process = entry.data
        if process == self.process:
            if not entry.is_own:
                self._say_hello()
            return
        self._seen.pop(process, None)
        self._attendance.forget(process)
        for state in self._states.values():
            state.died(entry)
        self._doubt(DEAD_AFTER)

    def _doubt(self, seconds: float) -> None:
        for forget in self._forget:
            forget(seconds)

    # ------------------------------------------------------------------ who is there

    def _beat_on(self) -> None:
        while True:
            gevent.sleep(BEAT_SECONDS)
            if self._is_connected:
                try:
                    self._beat()
                except RedisError as error:
                    self._lose(error)

    def _beat(self) -> None:
        was_dead = self._attendance.beat()
        self._attendance.know(self._seen)
        for process in self._attendance.dead():
            self.append(DIED, process)
        if self._attendance.leads:
            self._writing.xtrim(STREAM, minid=max(0, _order(self._last)[0] - KEPT_SECONDS * 1000), approximate=True)
        if was_dead and self._is_ready.is_set():
            self._say_hello()


def _order(entry_id: bytes) -> tuple[int, ...]:
    """What entries of a stream are ordered by: the milliseconds of Redis's clock, and a number."""
    return tuple(map(int, entry_id.split(b'-')))
