"""The log as a stream of Redis, for any number of processes on one database.

Appending never waits: a greenlet adds whatever has queued up as one entry of the stream, another one reads what all have
added. Each process counts what it appends, so that the others notice what they missed.

A process that comes, or comes back, says hello. Where that comes out of the log, the one that it asked writes down the whole
state as of there; with that, what follows, and its own contribution the new one knows what the others know. Who is there is
kept in a sorted set, by the time of Redis at which each was last heard of; whoever has not been heard of for DEAD_AFTER
seconds is declared dead by whoever notices.

While Redis does not answer the process goes on alone: what it appends takes effect here, at once, and nowhere else.
"""
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import gevent
from gevent.event import AsyncResult
from gevent.event import Event as Signal
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from ...errors import ChatError, Unavailable
from ...loop import give_way
from .log import Apply, Entry, Plain, Replicated
from .plain import pack, unpack

log = logging.getLogger(__name__)
STREAM: Final = 'chat:log'
PROCESSES: Final = 'chat:processes'
LEADER: Final = 'chat:leader'
SNAPSHOT: Final = 'chat:snapshot:'
HELLO: Final = 'hello'  # topics of the log's own
CONTRIBUTION: Final = 'contribution'
DIED: Final = 'died'
BEAT_SECONDS = 3
DEAD_AFTER = 15        # seconds; with GRACE of presence and a beat, nobody is online for 30 s after a crash
KEPT_SECONDS = 30      # of the log, for those who are slow to read
MAX_ENTRIES = 50_000   # of the log, whatever their age
AT_ONCE = 500          # operations in one entry
READ_AT_ONCE = 100     # entries
READ_WAIT = 2000       # milliseconds
ANSWER_SECONDS = 5     # in which Redis answers, or is taken to be gone
PERFORM_SECONDS = 10
PAUSE = 0.5            # seconds between two attempts to reach Redis
SNAPSHOT_SECONDS = 3   # in which the one that was asked gives its snapshot
MAX_QUEUED = 50_000    # operations on their way to Redis; a process that has more has lost it

# (process, seconds after which one is dead, ms for which a leader leads, seconds for which the log is kept) ->
# [whether it was not known, who leads, who is there ...]
BEAT = """
local now = redis.call('TIME')[1]
local is_new = redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[3])
local leader = redis.call('GET', KEYS[2])
if leader == ARGV[1] then
    redis.call('PEXPIRE', KEYS[2], ARGV[3])
    redis.call('XTRIM', KEYS[3], 'MINID', '~', string.format('%d', (now - ARGV[4]) * 1000))
end
return {is_new, leader, unpack(redis.call('ZRANGE', KEYS[1], 0, -1))}
"""


def connect_to(url: str, seconds: float = ANSWER_SECONDS) -> Any:
    """A client that fails at once where Redis does not answer: what to do then is for its user to say.

    Its own types say that answers may be text or bytes, of several protocols; these are bytes, of one.
    """
    return Redis.from_url(url, protocol=2, socket_timeout=seconds, socket_connect_timeout=ANSWER_SECONDS,
                          retry=Retry(NoBackoff(), 0))


class Operation:
    """Something to be appended: `number` counts those of this process, `result` is what waits for it to come out."""

    __slots__ = ('number', 'topic', 'data', 'packed', 'is_for_all', 'result')

    def __init__(self, topic: str, data: Plain, is_for_all: bool, result: 'AsyncResult[Any] | None' = None) -> None:
        self.number, self.topic, self.data, self.is_for_all, self.result = 0, topic, data, is_for_all, result
        self.packed = b''


class RedisLog:
    """See Log. `start` is to be called before anything is appended, `stop` at the end."""

    is_shared = True

    def __init__(self, url: str) -> None:
        self.process = secrets.token_hex(4)
        self._writing, self._reading = connect_to(url), connect_to(url, READ_WAIT / 1000 + ANSWER_SECONDS)
        self._beat_script = self._writing.register_script(BEAT)
        self._apply: dict[str, Apply] = {HELLO: self._greeted, CONTRIBUTION: self._contributed, DIED: self._died}
        self._states: dict[str, Replicated] = {}
        self._forget: list[Callable[[float], None]] = []
        self._outgoing: deque[Operation] = deque()
        self._under_way: deque[Operation] = deque()  # appended for all, and not seen to come out yet
        self._alone: deque[Operation] = deque()      # that hold here as soon as those before them do
        self._is_holding = False
        self._news, self._is_ready, self._has_joined = Signal(), Signal(), Signal()
        self._is_joining = False  # said hello, or is about to, and what it contributes does not stand behind that yet
        self._numbered = 0   # the number of the newest operation
        self._seen: dict[str, int] = {}  # of each other process that is there: the number of its newest operation
        self._last = b'0-0'  # entry
        self._is_connected = self._leads = False
        self._alone_since: float | None = time.monotonic()  # until what this process contributes is with the others
        self._connected_at = 0.0
        self._others: list[str] = []  # who else was there at the last beat, the one heard of last behind the others
        self._known: set[str] = set()  # who else was there at any, and has not been declared dead
        self._silent: set[str] = set()  # who was asked for the state, and did not give it
        self._greenlets: list[gevent.Greenlet[..., Any]] = []

    # ------------------------------------------------------------------ what its users call

    @property
    def leads(self) -> bool:
        """See Log. Nobody leads while Redis is gone."""
        return self._leads and self._is_connected

    @property
    def others(self) -> int:
        """See Log."""
        return len({*self._others, *self._seen}) if self._is_connected else 0

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
        self._is_ready.wait(timeout=ANSWER_SECONDS + SNAPSHOT_SECONDS)
        if not self._is_connected:
            log.error('Redis does not answer: this process goes on alone until it does')

    def stop(self) -> None:
        """Say goodbye, once all that was appended is with the others."""
        if self._is_connected:
            self.append(DIED, self.process)
            deadline = time.monotonic() + ANSWER_SECONDS
            while self._is_connected and (self._outgoing or self._under_way) and time.monotonic() < deadline:
                gevent.sleep(0.01)
        gevent.killall(self._greenlets)
        try:
            self._writing.zrem(PROCESSES, self.process)
            if self._leads:
                self._writing.delete(LEADER)
        except RedisError:
            log.debug('Redis is gone: nobody is told that this process ends')
        self._writing.close()
        self._reading.close()

    # ------------------------------------------------------------------ appending

    def _put(self, operation: Operation, is_first: bool = False) -> None:
        operation.packed = pack(operation.data)
        if not self._is_connected and not is_first:
            self._hold_alone(operation)
        elif len(self._outgoing) >= MAX_QUEUED:
            self._lose('more waits to be appended than it takes')
            self._hold_alone(operation)
        else:
            (self._outgoing.appendleft if is_first else self._outgoing.append)(operation)
            self._news.set()

    def _write_on(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            while self._outgoing and self._is_connected:
                if self._outgoing[0].topic == HELLO:
                    self._has_joined.clear()
                    self._write([self._outgoing.popleft()])
                    self._has_joined.wait()  # what waits already is to come behind the contribution
                else:
                    self._write([self._outgoing.popleft() for _ in range(min(len(self._outgoing), AT_ONCE))])

    def _write(self, operations: list[Operation]) -> None:
        first = self._numbered + 1
        for operation in operations:
            self._numbered += 1
            operation.number = self._numbered
            if operation.is_for_all:
                self._under_way.append(operation)
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
            except RedisError as error:
                self._lose(error)
                self._is_ready.set()  # alone, if it was not there from the beginning
                gevent.sleep(PAUSE)
            except Exception:
                log.exception('an entry of the log could not be read')

    def _apply_entry(self, process: str, packed: bytes) -> None:
        if process == self.process:
            if self._under_way:
                first, operations = unpack(packed)
                self._come_out(first + len(operations) - 1)
            return
        first, operations = unpack(packed)
        self._notice_gap(process, first, len(operations))
        for topic, data in operations:
            self._call(topic, process, data)
        give_way()

    def _come_out(self, last: int) -> None:
        """Own operations up to that number are in the log; those that held already, alone, are not under way any more."""
        while self._under_way and self._under_way[0].number <= last:
            operation = self._under_way.popleft()
            self._take_effect(operation)
            if operation.result is not None:
                gevent.sleep(0)  # whoever waits for it goes on before anything else comes out

    def _hold_alone(self, *operations: Operation) -> None:
        """Operations of this process hold for it alone, in their order."""
        self._alone.extend(operations)
        if not self._is_holding:
            self._hold_next()

    def _hold_next(self) -> None:
        self._is_holding = True
        while self._alone:
            operation = self._alone.popleft()
            self._take_effect(operation)
            if operation.result is not None and self._alone:
                gevent.spawn(self._hold_next)  # whoever waits for it goes on before the next one holds
                return
        self._is_holding = False

    def _notice_gap(self, process: str, first: int, count: int) -> None:
        expected = self._seen.get(process)
        self._seen[process] = first + count - 1
        if expected is not None and first != expected + 1:
            log.warning('something of process %s was missed', process)
            self._say_hello()

    def _take_effect(self, operation: Operation) -> None:
        """An operation of this process comes out, or holds for it alone."""
        if not operation.is_for_all:
            return
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
        self._is_connected, self._connected_at = True, time.monotonic()
        self._beat()
        self._say_hello()

    def _say_hello(self) -> None:
        """First of all, also before what waits already; what this process contributes comes next."""
        if self._is_connected and not self._is_joining:
            self._is_joining = True
            self._silent.clear()
            self._ask_another()

    def _ask_another(self) -> None:
        """Say hello, and ask whoever was heard of last: that one is there most probably."""
        asked = next((process for process in reversed(self._others) if process not in self._silent), None)
        self._put(Operation(HELLO, [asked, secrets.token_hex(8)], True), is_first=True)

    def _lose(self, reason: object) -> None:
        """Redis is gone: what was appended and has not come out holds here alone."""
        if not self._is_connected:
            return
        log.error('Redis does not answer, this process goes on alone: %s', reason)
        self._is_connected = False
        self._alone_since = self._alone_since or time.monotonic()
        alone = [*self._under_way, *self._outgoing]
        self._under_way.clear()
        self._outgoing.clear()
        self._hold_alone(*(operation for operation in alone if operation.topic not in (HELLO, CONTRIBUTION, DIED)))
        self._is_joining = False
        self._has_joined.set()
        self._is_ready.set()

    def _greeted(self, entry: Entry) -> None:
        """Somebody comes: whoever it asked gives it the state as of here. One's own hello: take that, and contribute."""
        asked, name = entry.data
        if not entry.is_own:
            if asked == self.process:
                state = pack({topic: state.snapshot() for topic, state in self._states.items()})
                gevent.spawn(self._give, name, state)
            return
        if asked is not None and not self._take_over(asked, name):
            self._silent.add(asked)
            if self._is_connected:
                self._ask_another()
                self._has_joined.set()  # so that it is written
        elif self._is_connected:
            contribution = {topic: state.contribution() for topic, state in self._states.items()}
            seconds = time.monotonic() - self._alone_since if self._alone_since is not None else 0
            self._put(Operation(CONTRIBUTION, [seconds, contribution], True), is_first=True)
            self._is_joining = False
            self._has_joined.set()

    def _give(self, name: str, state: bytes) -> None:
        try:
            self._writing.set(SNAPSHOT + name, state, ex=60)
        except RedisError as error:
            log.warning('a process that came could not be given a snapshot: %s', error)

    def _take_over(self, asked: str, name: str) -> bool:
        """Wait for the snapshot of that name, which is of this hello and no other; whether it came."""
        deadline = time.monotonic() + SNAPSHOT_SECONDS
        while self._is_connected and time.monotonic() < deadline:
            try:
                data = self._reading.getdel(SNAPSHOT + name)
            except RedisError as error:
                self._lose(error)
                return False
            if data is not None:
                for topic, snapshot in unpack(data).items():
                    if topic in self._states:  # a newer process may have more
                        self._states[topic].restore(snapshot)
                return True
            gevent.sleep(0.01)
        log.warning('process %s gave no snapshot', asked)
        return False

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
        self._known.discard(process)
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
        """Be heard of, and hear who is there."""
        is_new, leader, *there = self._beat_script(
            keys=[PROCESSES, LEADER, STREAM], args=[self.process, DEAD_AFTER, DEAD_AFTER * 1000, KEPT_SECONDS])
        self._leads = leader == self.process.encode()
        self._others = [name.decode() for name in there if name.decode() != self.process]
        self._known.update(self._others, self._seen)
        if time.monotonic() - self._connected_at > DEAD_AFTER:  # before, they may be on their way back
            for process in self._known - {*self._others}:
                self.append(DIED, process)
        if is_new and self._greenlets and self._is_ready.is_set():  # it was taken to be dead
            self._say_hello()


def _order(entry_id: bytes) -> tuple[int, ...]:
    """What entries of a stream are ordered by."""
    return tuple(map(int, entry_id.split(b'-')))
