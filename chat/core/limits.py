"""Rate limits: `limits` decides by a moving window, in a store of ours that is bounded and can give a charge back."""
import time
from collections import OrderedDict, deque

from limits import RateLimitItemPerSecond
from limits.storage import MovingWindowSupport, Storage
from limits.strategies import MovingWindowRateLimiter

from ..errors import RateLimited

MAX_KEYS = 100_000  # one key per user and room, connection or address that did something in the window


class BoundedStorage(Storage, MovingWindowSupport):
    """The times of what was charged, by key, oldest first; keys whose window has passed go first when it grows.

    The library's own memory store keeps every key it ever saw, scans them all every 10 ms, and can't take a charge
    back.
    """

    STORAGE_SCHEME = None  # made directly, never by a URL

    def __init__(self, clock=time.time):
        super().__init__()
        self._clock = clock
        self._windows = OrderedDict()  # key: (seconds, deque of times); least recently charged first

    @property
    def base_exceptions(self):
        return ValueError

    def acquire_entry(self, key, limit, expiry, amount=1):
        """Charge `amount` unless that makes more than `limit` in `expiry` seconds; whether it did."""
        times = self._current(key, expiry)
        if len(times) + amount > limit:
            return False
        times.extend([self._clock()] * amount)
        self._windows[key] = expiry, times
        self._windows.move_to_end(key)
        self._shrink()
        return True

    def get_moving_window(self, key, limit, expiry):
        """When the oldest charge in the window was made, and how many there are."""
        times = self._current(key, expiry)
        return (times[0] if times else self._clock()), len(times)

    def release(self, key):
        """Take the newest charge back."""
        _, times = self._windows.get(key, (0, None))
        if times:
            times.pop()

    def _current(self, key, expiry):
        _, times = self._windows.get(key, (0, None))
        if times is None:
            return deque()
        oldest = self._clock() - expiry
        while times and times[0] <= oldest:
            times.popleft()
        return times

    def _shrink(self):
        for _ in range(2):  # two for each one that came, so that what has passed is gone soon
            key, (expiry, times) = next(iter(self._windows.items()))
            if times and times[-1] > self._clock() - expiry and len(self._windows) <= MAX_KEYS:
                return
            del self._windows[key]
            if not self._windows:
                return

    def get(self, key):
        return len(self._windows.get(key, (0, ()))[1])

    def clear(self, key):
        self._windows.pop(key, None)

    def reset(self):
        self._windows.clear()

    def check(self):
        return True

    def incr(self, key, expiry, amount=1):
        self.acquire_entry(key, float('inf'), expiry, amount)
        return self.get(key)

    def get_expiry(self, key):
        expiry, times = self._windows.get(key, (0, ()))
        return expiry + (times[0] if times else self._clock())


class Limits:
    """The server's limits by name, each a pair (count, seconds) or None for no limit."""

    def __init__(self, limits, storage=None, clock=time.time):
        self._clock = clock
        self._storage = storage or BoundedStorage(clock)
        self._strategy = MovingWindowRateLimiter(self._storage)
        self._items = {name: RateLimitItemPerSecond(count, seconds, namespace=name)
                       for name, (count, seconds) in ((n, pair) for n, pair in limits.items() if pair)}

    def charge(self, name, *key):
        """Count one use; raises RateLimited, with the time to wait, when the limit is reached."""
        item = self._items.get(name)
        if item is None:
            return
        key = tuple(map(str, key))
        if not self._strategy.hit(item, *key):
            reset, _ = self._strategy.get_window_stats(item, *key)
            raise RateLimited(reset - self._clock())

    def give_back(self, name, *key):
        """Undo the newest charge: what it paid for did not happen."""
        item = self._items.get(name)
        if item is not None:
            self._storage.release(item.key_for(*map(str, key)))
