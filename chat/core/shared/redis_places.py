"""Places that all processes share: what each has taken stands in Redis, under its name."""
import logging
import time

import gevent
from redis import RedisError

from .attendance import PROCESSES
from .places import MAX_PER_ADDRESS, MAX_PLACES, Places
from .redis_client import connect_to

log = logging.getLogger(__name__)
TAKEN = 'chat:waiting:'
KEPT_SECONDS = 60    # after the last word of a process that is gone; nobody waits that long
ANSWER_SECONDS = 1
RETRY_SECONDS = 1    # for which nobody asks a Redis that did not answer

# (what keys begin with, process, address, its own counts of all and of the address, seconds for which they are kept)
# -> [count of all, count of the address] over all processes that are there
COUNT = """
local own = ARGV[1] .. ARGV[2]
redis.call('HSET', own, 'all', ARGV[4])
if ARGV[5] == '0' then redis.call('HDEL', own, ARGV[3]) else redis.call('HSET', own, ARGV[3], ARGV[5]) end
redis.call('EXPIRE', own, ARGV[6])
local total, of_address = 0, 0
for _, process in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local counts = redis.call('HMGET', ARGV[1] .. process, 'all', ARGV[3])
    total = total + (counts[1] or 0)
    of_address = of_address + (counts[2] or 0)
end
return {total, of_address}
"""


class RedisPlaces(Places):
    """As Places; while Redis is gone each process counts its own."""

    def __init__(self, url: str, process: str) -> None:
        super().__init__()
        self._process, self._redis = process, connect_to(url, ANSWER_SECONDS)
        self._script = self._redis.register_script(COUNT)
        self._ask_again_at = 0.0

    def take(self, address: str) -> bool:
        """See Places."""
        if not super().take(address):
            return False
        total, of_address = self._count(address)
        if total <= MAX_PLACES and of_address <= MAX_PER_ADDRESS:
            return True
        self.give_back(address)
        return False

    def give_back(self, address: str) -> None:
        """See Places."""
        super().give_back(address)
        gevent.spawn(self._count, address)  # whoever gives it back need not wait for that

    def _count(self, address: str) -> tuple[int, int]:
        """Say what is taken here, and hear what is taken everywhere."""
        if time.monotonic() < self._ask_again_at:
            return self._total, self._per_address.get(address, 0)
        try:
            total, of_address = self._script(keys=[PROCESSES], args=[
                TAKEN, self._process, address, self._total, self._per_address.get(address, 0), KEPT_SECONDS])
        except RedisError as error:
            log.debug('Redis does not answer, places are counted for this process alone: %s', error)
            self._ask_again_at = time.monotonic() + RETRY_SECONDS
            return self._total, self._per_address.get(address, 0)
        return total, of_address
