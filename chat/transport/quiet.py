"""Log lines that anyone on the network can cause, and that must not fill a disk."""
import logging
import time
from collections.abc import Callable


class QuietLog:
    """Writes at most one line a second; the next one then tells how many were left out.

    For lines that belong together: what is counted is this object's lines, not each text's.
    """

    def __init__(self, name: str, level: int = logging.WARNING, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._level, self._clock = logging.getLogger(name), level, clock
        self._next, self._left_out = 0.0, 0

    def write(self, message: str) -> None:
        """Log the message, or count it; it is cut to 300 characters and its control characters are escaped."""
        if self._clock() < self._next:
            self._left_out += 1
            return
        self._next = self._clock() + 1
        left_out, self._left_out = self._left_out, 0
        printable = message[:300].encode('unicode_escape').decode()
        self._log.log(self._level, '%s%s', printable, f' ({left_out} more left out)' if left_out else '')
