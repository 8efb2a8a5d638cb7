"""Native threads for work that takes the processor for longer than the event loop can spare."""
import os

from gevent.threadpool import ThreadPool

from ..errors import Unavailable

MAX_WAITING = 200  # pieces of work; at about 0.2 s each on a core, no one waits longer than the client would


class Threads:
    """As many threads as there are cores: more would only take turns (measured: slower than two on two cores)."""

    def __init__(self, size=None):
        self._pool = ThreadPool(size or os.cpu_count() or 1)
        self._waiting = 0

    def run(self, function, *arguments):
        """Call the function in a thread while other greenlets go on. Raises Unavailable when too many wait."""
        if self._waiting >= MAX_WAITING:
            raise Unavailable('Too many are signing in just now: try again in a moment', retry_after=5)
        self._waiting += 1
        try:
            return self._pool.apply(function, arguments)
        finally:
            self._waiting -= 1
