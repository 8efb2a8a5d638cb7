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
        self._known: set[str] = set()  # who else was there at any beat, and has not been declared dead
        self._came_at = 0.0
        self.others: list[str] = []    # who else was there, the one heard of last behind the others
        self.leads = False

    def come(self) -> None:
        """Be there from now on."""
        self._came_at = time.monotonic()
        self.beat()

    def beat(self) -> bool:
        """Be heard of, and hear who is there; whether this process had been taken to be dead."""
        is_new, leader, *there = self._script(
            keys=[PROCESSES, LEADER], args=[self._process, DEAD_AFTER, DEAD_AFTER * 1000])
        self.leads = leader == self._process.encode()
        self.others = [name.decode() for name in there if name.decode() != self._process]
        return bool(is_new)

    def dead(self, heard_of: Iterable[str]) -> set[str]:
        """Who was there, or heard of, and is no more. Nobody just after this process came: others may be coming, too."""
        self._known.update(self.others, heard_of)
        return self._known - {*self.others} if time.monotonic() - self._came_at > DEAD_AFTER else set()

    def forget(self, process: str) -> None:
        """It was declared dead."""
        self._known.discard(process)

    def go(self) -> None:
        """Be there no longer."""
        self._redis.zrem(PROCESSES, self._process)
        if self.leads:
            self._redis.delete(LEADER)
