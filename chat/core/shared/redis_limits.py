"""Rate limits that all processes count together, in Redis."""
import logging
import time
from collections.abc import Callable, Hashable, Mapping

from redis import RedisError

from ...errors import RateLimited
from ..machinery.limits import Limit, Limits
from .redis_log import connect_to

log = logging.getLogger(__name__)
OF_CONNECTIONS = {'events'}  # limits whose keys are connections: these are one process's alone
RETRY_SECONDS = 1            # for which nobody asks a Redis that did not answer
ANSWER_SECONDS = 1

# A list of the times of what was charged, the oldest first. (count, seconds) -> the seconds to wait, '' if it was charged
CHARGE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local count, seconds = tonumber(ARGV[1]), tonumber(ARGV[2])
local oldest = redis.call('LINDEX', KEYS[1], 0)
while oldest and tonumber(oldest) <= now - seconds do
    redis.call('LPOP', KEYS[1])
    oldest = redis.call('LINDEX', KEYS[1], 0)
end
if redis.call('LLEN', KEYS[1]) >= count then
    return string.format('%.3f', oldest + seconds - now)
end
redis.call('RPUSH', KEYS[1], string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], seconds + 1)
return ''
"""


class RedisLimits(Limits):
    """As Limits; while Redis is gone each process counts for itself."""

    def __init__(self, limits: Mapping[str, Limit | None], url: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(limits)
        self._redis, self._monotonic = connect_to(url, ANSWER_SECONDS), clock
        self._script = self._redis.register_script(CHARGE)
        self._ask_again_at = 0.0

    def charge(self, name: str, *key: Hashable) -> None:
        """See Limits."""
        limit = self._limits[name]
        if limit is None:
            return
        if self._is_counted_together(name):
            try:
                wait = self._script(keys=[_key(name, key)], args=limit)
            except RedisError as error:
                self._count_alone(error)
            else:
                if wait:
                    raise RateLimited(float(wait))
                return
        super().charge(name, *key)

    def give_back(self, name: str, *key: Hashable) -> None:
        """See Limits."""
        if self._limits[name] is not None and self._is_counted_together(name):
            try:
                self._redis.rpop(_key(name, key))
                return
            except RedisError as error:
                self._count_alone(error)
        super().give_back(name, *key)

    def _is_counted_together(self, name: str) -> bool:
        return name not in OF_CONNECTIONS and self._monotonic() >= self._ask_again_at

    def _count_alone(self, error: RedisError) -> None:
        log.debug('Redis does not answer, limits are counted for this process alone: %s', error)
        self._ask_again_at = self._monotonic() + RETRY_SECONDS


def _key(name: str, key: tuple[Hashable, ...]) -> str:
    return f'chat:limit:{name}:{":".join(map(str, key))}'
