"""Waiting for things with a deadline; nothing in the tests sleeps for a fixed time and hopes."""

import time


class TimedOut(AssertionError):
    """What was waited for did not happen in time."""


class Deadline:
    """A moment some seconds from now, on the monotonic clock."""

    def __init__(self, seconds):
        self._end = time.monotonic() + seconds

    @property
    def remaining(self):
        """Seconds that are left, never below 0."""
        return max(0.0, self._end - time.monotonic())

    @property
    def over(self):
        """Whether the moment has passed."""
        return self.remaining == 0


def wait_until(condition, timeout=5, message='the condition', interval=0.01):
    """Polls `condition()` until it is true and returns what it gave; raises TimedOut after `timeout` seconds."""
    deadline = Deadline(timeout)
    while True:
        result = condition()
        if result:
            return result
        if deadline.over:
            raise TimedOut(f'{message}: not within {timeout} s')
        time.sleep(interval)
