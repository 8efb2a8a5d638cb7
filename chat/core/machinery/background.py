"""Work that goes on beside the requests, in a greenlet of its own."""
import logging

import gevent

from ...errors import Unavailable

log = logging.getLogger(__name__)
PAUSE_AFTER_ERROR = 1  # seconds


def repeat(function, pause):
    """Start calling the function again and again, `pause` seconds apart, whatever it raises; returns the greenlet."""
    return gevent.spawn(_repeat, function, pause)


def _repeat(function, pause):
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
