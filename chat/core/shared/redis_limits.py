"""Rate limits that all processes count together, in Redis.

Charges that come at the same time go there in one script. Nobody waits for that while a key is far from its limit: it is
charged here, Redis is told with all others of the next moment, and says how much it is by now, over all processes. A key
that has used half of its limit waits for the answer each time, as do all keys of small limits; so a limit is never passed by
more than what comes before one answer.
"""
import logging
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import gevent
from cachetools import LRUCache
from gevent.event import AsyncResult
from gevent.event import Event as Signal
from redis import RedisError

from ...errors import RateLimited
from ..machinery.limits import MAX_KEYS, Limit, Limits
from .redis_client import connect_to

log = logging.getLogger(__name__)
OF_CONNECTIONS = {'events'}  # limits whose keys are connections: these are one process's alone
SMALL = 20                   # a limit up to which every charge waits
AT_ONCE = 500                # charges in one script
GATHER_SECONDS = 0.02        # for which charges are gathered for whose answer nobody waits
RETRY_SECONDS = 1            # for which nobody asks a Redis that did not answer
ANSWER_SECONDS = 1

# For each key a list of the times of what was charged, the oldest first. (for each key: count, seconds; a count of 0 takes
# the newest charge back) -> for each key: [milliseconds to wait, 0 if it was charged; how many charges there are]
CHARGE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local answers = {}
for index, key in ipairs(KEYS) do
    local count, seconds, wait = tonumber(ARGV[2 * index - 1]), tonumber(ARGV[2 * index]), 0
    if count == 0 then
        redis.call('RPOP', key)
    else
        local oldest = redis.call('LINDEX', key, 0)
        while oldest and tonumber(oldest) <= now - seconds do
            redis.call('LPOP', key)
            oldest = redis.call('LINDEX', key, 0)
        end
        if redis.call('LLEN', key) >= count then
            wait = math.max(1, math.ceil((oldest + seconds - now) * 1000))
        else
            redis.call('RPUSH', key, string.format('%.6f', now))
            redis.call('EXPIRE', key, seconds + 1)
        end
    end
    answers[2 * index - 1], answers[2 * index] = wait, redis.call('LLEN', key)
end
return answers
"""


class Charge:
    """One on its way to Redis; `answer`, if somebody waits for it: the milliseconds to wait, 0, or None if nobody knows."""

    __slots__ = ('key', 'limit', 'answer')

    def __init__(self, key: str, limit: Limit, answer: 'AsyncResult[int | None] | None' = None) -> None:
        self.key, self.limit, self.answer = key, limit, answer


class RedisLimits(Limits):
    """As Limits; while Redis is gone each process counts for itself."""

    def __init__(self, limits: Mapping[str, Limit | None], url: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(limits)
        redis = connect_to(url, ANSWER_SECONDS)
        self._script, self._monotonic = redis.register_script(CHARGE), clock
        self._used: LRUCache[str, int] = LRUCache(MAX_KEYS)  # by all processes, as of the last answer
        self._queue: deque[Charge] = deque()
        self._is_awaited = Signal()
        self._sender: gevent.Greenlet[..., Any] | None = None
        self._ask_again_at = 0.0

    def charge(self, name: str, *key: Hashable) -> None:
        """See Limits."""
        limit = self._limits[name]
        if limit is None:
            return
        if not self._is_counted_together(name):
            super().charge(name, *key)
            return
        shared_key = _key(name, key)
        if limit[0] > SMALL and self._used.get(shared_key, 0) < limit[0] // 2:
            super().charge(name, *key)
            self._put(Charge(shared_key, limit))
            return
        answer: AsyncResult[int | None] = AsyncResult()
        self._put(Charge(shared_key, limit, answer))
        wait = answer.get()
        if wait is None:
            super().charge(name, *key)
        elif wait:
            raise RateLimited(wait / 1000)

    def give_back(self, name: str, *key: Hashable) -> None:
        """See Limits."""
        super().give_back(name, *key)
        if self._limits[name] is not None and self._is_counted_together(name):
            self._put(Charge(_key(name, key), (0, 0)))

    def _is_counted_together(self, name: str) -> bool:
        return name not in OF_CONNECTIONS and len(self._queue) < MAX_KEYS and self._monotonic() >= self._ask_again_at

    def _put(self, charge: Charge) -> None:
        self._queue.append(charge)
        if charge.answer is not None:
            self._is_awaited.set()
        if self._sender is None:
            self._sender = gevent.spawn(self._send_all)

    def _send_all(self) -> None:
        try:
            while self._queue:
                if len(self._queue) < AT_ONCE:
                    self._is_awaited.wait(timeout=GATHER_SECONDS)
                self._is_awaited.clear()
                self._send([self._queue.popleft() for _ in range(min(len(self._queue), AT_ONCE))])
        finally:
            self._sender = None

    def _send(self, charges: list[Charge]) -> None:
        try:
            answers = self._script(keys=[charge.key for charge in charges],
                                   args=[number for charge in charges for number in charge.limit])
        except (RedisError, ValueError) as error:
            log.debug('Redis does not answer, limits are counted for this process alone: %s', error)
            self._ask_again_at = self._monotonic() + RETRY_SECONDS
            answers = [None, 0] * len(charges)
        for charge, wait, used in zip(charges, answers[::2], answers[1::2], strict=True):
            self._used[charge.key] = used
            if charge.answer is not None:
                charge.answer.set(wait)


def _key(name: str, key: tuple[Hashable, ...]) -> str:
    return f'chat:limit:{name}:{":".join(map(str, key))}'
