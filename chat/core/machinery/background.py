"""Work that goes on beside the requests, in a greenlet of its own."""
import logging
import time
from collections.abc import Callable, Iterable

import gevent

from ...errors import Unavailable

log = logging.getLogger(__name__)
PAUSE_AFTER_ERROR = 1  # seconds
PIECE_PAUSE = 0.02     # seconds, at least, after each piece of work


def repeat(function: Callable[[], object], pause: float) -> 'gevent.Greenlet[..., None]':
    """Start calling the function again and again, `pause` seconds apart, whatever it raises; returns the greenlet."""
    return gevent.spawn(_repeat, function, pause)


def _repeat(function: Callable[[], object], pause: float) -> None:
    while True:
        gevent.sleep(pause)
        try:
            function()
        except Unavailable:
            log.debug('%s waits for the database', function.__qualname__)
            gevent.sleep(PAUSE_AFTER_ERROR)
        except Exception:
            log.exception('%s failed', function.__qualname__)
            gevent.sleep(PAUSE_AFTER_ERROR)


def in_pieces(pieces: Iterable[int]) -> int:
    """Do work that may have piled up and comes in pieces, one transaction each; returns the sum of what they say.

    A piece is done when it is asked for: `in_pieces(iter(remove_some, 0))` removes until there is nothing left. On SQLite
    a piece holds the whole process, so after each one everybody else gets as much time as it took, and PIECE_PAUSE at
    least.
    """
    total, began = 0, time.monotonic()
    for count in pieces:
        total += count
        gevent.sleep(max(PIECE_PAUSE, time.monotonic() - began))
        began = time.monotonic()
    return total
