"""Snapshots of the whole replicated state, from one process to another that comes."""
import logging
import time
from collections.abc import Callable
from typing import Any, Final

import gevent
from redis import RedisError

from .log import Plain
from .plain import pack, unpack

log = logging.getLogger(__name__)
KEY: Final = 'chat:snapshot:'
KEPT_SECONDS = 60
TAKE_SECONDS = 3  # in which a snapshot that was asked for comes
LOOK = 0.01       # seconds between two looks


class Snapshots:
    """Each has a name, that of the hello by which it was asked for."""

    def __init__(self, *, giving: Any, taking: Any) -> None:
        self._giving, self._taking = giving, taking

    def give(self, name: str, state: Plain) -> None:
        """Have the state as of now laid down. Does not wait."""
        gevent.spawn(self._give, name, pack(state))

    def _give(self, name: str, packed: bytes) -> None:
        try:
            self._giving.set(KEY + name, packed, ex=KEPT_SECONDS)
        except RedisError as error:
            log.warning('a process that came could not be given a snapshot: %s', error)

    def take(self, name: str, is_wanted: Callable[[], bool]) -> Plain:
        """Wait for a state while it is wanted; None if it does not come. Raises RedisError."""
        deadline = time.monotonic() + TAKE_SECONDS
        while is_wanted() and time.monotonic() < deadline:
            packed = self._taking.getdel(KEY + name)
            if packed is not None:
                return unpack(packed)
            gevent.sleep(LOOK)
        return None
