"""Native threads for work that takes the processor for longer than the event loop can spare."""
import os
from collections.abc import Callable
from typing import TypeVar

from gevent import Timeout
from gevent.threadpool import ThreadPool

from ...errors import Unavailable

T = TypeVar('T')
MAX_WAITING = 200  # pieces of work; at about 0.2 s each on a core, no one waits longer than the client would


class Threads:
    """As many threads as there are cores: more would only take turns (measured: slower than two on two cores).

    `busy` is what callers are told beyond `max_waiting` pieces of work.
    """

    def __init__(self, *, busy: str, size: int | None = None, max_waiting: int = MAX_WAITING) -> None:
        self._pool = ThreadPool(size or os.cpu_count() or 1)
        self._max_waiting, self._busy = max_waiting, busy
        self._waiting = 0

    def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Call the function in a thread while other greenlets go on; returns or raises what it does.

        Raises Unavailable when too many wait.
        """
        if self._waiting >= self._max_waiting:
            raise Unavailable(self._busy, retry_after=5)
        self._waiting += 1
        try:
            outcome: T | Failure = self._pool.apply(_outcome, (function, arguments))
        finally:
            self._waiting -= 1
        if isinstance(outcome, Failure):
            raise outcome.error
        return outcome

    def stop(self, seconds: float | None = None) -> None:
        """Wait for what is being done, and end the threads: a process that exits under them is aborted.

        Where they may wait in the system for long (for a name, say), under which a process may exit: for so many seconds.
        """
        timeout = Timeout(seconds)
        try:
            with timeout:
                self._pool.kill()
        except Timeout as raised:
            if raised is not timeout:
                raise


class Failure:
    """What a function raised."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def _outcome(function: Callable[..., T], arguments: tuple[object, ...]) -> T | Failure:
    """What the call returns or raises: an error that leaves a thread of gevent's pool is logged as if none was expected."""
    try:
        return function(*arguments)
    except Exception as error:
        return Failure(error)
