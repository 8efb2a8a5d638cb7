"""Who is there: a sorted set of the processes, by the time of Redis at which each was last heard of; and who leads."""
import time
from collections.abc import Iterable
from typing import Any, Final

PROCESSES: Final = 'chat:processes'
LEADER: Final = 'chat:leader'
DEAD_AFTER = 15  # seconds; with GRACE of presence and a beat, nobody is online for 30 s after a crash

# (process, seconds after which one is dead, ms for which a leader leads) -> [whether it was not known, who leads, who is
# there ...], the one that was heard of last behind the others
BEAT = """
local now = redis.call('TIME')[1]
local is_new = redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[3])
local leader = redis.call('GET', KEYS[2])
if leader == ARGV[1] then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
return {is_new, leader, unpack(redis.call('ZRANGE', KEYS[1], 0, -1))}
"""


class Attendance:
    """Of one process, as of its last beat. All methods raise RedisError."""

    def __init__(self, redis: Any, process: str) -> None:
        self._redis, self._process, self._script = redis, process, redis.register_script(BEAT)
        self._known: set[str] = set()  # who else was there as far as anybody knows, and has not been declared dead
        self._knows_at: float | None = None  # from when on whoever is not there is dead
        self.others: list[str] = []    # who else was there, the one heard of last behind the others
        self.leads = False

    def come(self) -> None:
        """Be there from now on, for the first time or again.

        Whoever comes back, or comes when Redis has just begun, may be the first of many: nobody is dead for a while then.
        """
        wait = DEAD_AFTER
        if self._knows_at is None:
            wait = max(0, DEAD_AFTER - self._redis.info('server')['uptime_in_seconds'])
        self._knows_at = time.monotonic() + wait
        self.beat()

    def beat(self) -> bool:
        """Be heard of, and hear who is there; whether this process had been taken to be dead."""
        is_new, leader, *there = self._script(
            keys=[PROCESSES, LEADER], args=[self._process, DEAD_AFTER, DEAD_AFTER * 1000])
        self.leads = leader == self._process.encode()
        self.others = [name.decode() for name in there if name.decode() != self._process]
        return bool(is_new)

    def know(self, processes: Iterable[str]) -> None:
        """Others are, or were, there as well: they were heard of, or another process knows them."""
        self._known.update(processes)
        self._known.discard(self._process)

    def known(self) -> list[str]:
        """Who was there and has not been declared dead, with this process."""
        return sorted({self._process, *self._known})

    def dead(self) -> set[str]:
        """Who was known to be there, and is no more."""
        self.know(self.others)
        has_waited = self._knows_at is not None and time.monotonic() > self._knows_at
        return self._known - {*self.others} if has_waited else set()

    def forget(self, process: str) -> None:
        """It was declared dead."""
        self._known.discard(process)

    def go(self) -> None:
        """Be there no longer."""
        self._redis.zrem(PROCESSES, self._process)
        if self.leads:
            self._redis.delete(LEADER)
