"""Rate limits by a moving window: so many uses in the last so many seconds, counted at the time of each use.

A store of our own, since a charge can be given back here, and since the way of every message passes it three times.
"""
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Mapping

from ...errors import RateLimited

Limit = tuple[int, int]  # so many uses in so many seconds
MAX_KEYS = 100_000  # one key per user and room, connection or address that did something in the window


class Limits:
    """The server's limits by name, each a pair (count, seconds) or None for no limit.

    The times of what was charged are kept by name and key, the oldest first; the keys in the order of their last charges.
    Keys whose window has passed go soon; when there are more than MAX_KEYS all the same, those at the front.
    """

    def __init__(self, limits: Mapping[str, Limit | None], clock: Callable[[], float] = time.time) -> None:
        self._limits, self._clock = limits, clock
        self._windows: OrderedDict[tuple[str, tuple[Hashable, ...]], deque[float]] = OrderedDict()

    def charge(self, name: str, *key: Hashable) -> None:
        """Count one use; raises RateLimited, with the time to wait, when the limit is reached."""
        limit = self._limits[name]
        if limit is None:
            return
        (count, seconds), now = limit, self._clock()
        window = name, key
        times = self._windows.get(window)
        if times is None:
            self._windows[window] = times = deque()
            self._shrink(now)
        else:
            self._windows.move_to_end(window)
            while times and times[0] <= now - seconds:
                times.popleft()
        if len(times) >= count:
            raise RateLimited(times[0] + seconds - now)
        times.append(now)

    def give_back(self, name: str, *key: Hashable) -> None:
        """Undo the newest charge: what it paid for did not happen."""
        times = self._windows.get((name, key))
        if times:
            times.pop()

    def _shrink(self, now: float) -> None:
        for _ in range(2):  # two for each one that came, so that what has passed is gone soon
            window, times = next(iter(self._windows.items()))
            limit = self._limits[window[0]]
            assert limit is not None  # what has none has no window
            _, seconds = limit
            if times and times[-1] > now - seconds and len(self._windows) <= MAX_KEYS or len(self._windows) == 1:
                return
            del self._windows[window]
