"""Greenlets shared by all connections, so that an idle connection needs none of its own."""
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, Protocol, TypeVar

import gevent
from gevent.hub import Waiter

from ..loop import give_way

log = logging.getLogger(__name__)


class Pinged(Protocol):
    """A client that is pinged; neither may wait."""

    def ping(self) -> None:
        """Send it a ping."""

    def ping_timed_out(self) -> None:
        """It has not answered."""


Item = TypeVar('Item', bound=Hashable)


class Deadlines(Generic[Item]):
    """Calls `action(item)` once, `delay` seconds after `add(item)`, unless `discard(item)` comes first.

    The delay is the same for all, so they are due in the order in which they were added, and one greenlet serves them
    all; it exists only while there is something to wait for. Items are kept by identity or hash, each once.
    """

    def __init__(self, delay: float, action: Callable[[Item], object]) -> None:
        self._delay, self._action = delay, action

        # unlike dict it finds its first entry fast after many were taken from the front
        self._due: OrderedDict[Item, float] = OrderedDict()
        self._greenlet: gevent.Greenlet[[], None] | None = None

    def __len__(self) -> int:
        return len(self._due)

    def add(self, item: Item) -> None:
        """Have the action called for the item; if it waits already, it keeps its time."""
        if item not in self._due:
            self._due[item] = time.monotonic() + self._delay
            if self._greenlet is None:
                self._greenlet = gevent.spawn(self._run)

    def discard(self, item: Item) -> None:
        """Forget the item at once, if it waits."""
        self._due.pop(item, None)

    def _run(self) -> None:
        while self._due:
            item, due = next(iter(self._due.items()))
            wait = due - time.monotonic()
            if wait > 0:
                del item  # or it would be kept alive by this sleep
                gevent.sleep(wait)
                continue
            del self._due[item]
            try:
                self._action(item)
            except Exception:
                log.exception('deadline')
            give_way()  # thousands may have connected in the same second
        self._greenlet = None


class Pinger:
    """Sends every client its pings and finds those that stopped answering, for Engine.IO's protocol version 4.

    Times are in seconds.
    """

    def __init__(self, interval: float, timeout: float) -> None:
        self._resting: Deadlines[Any] = Deadlines(interval, self._ping)
        self._awaiting: Deadlines[Any] = Deadlines(timeout, lambda session: session.ping_timed_out())

    def __len__(self) -> int:
        return len(self._resting) + len(self._awaiting)

    def schedule(self, session: Pinged) -> None:
        """The client has shown that it is alive: ping it in one interval. A client can't have more than one ping."""
        self._awaiting.discard(session)
        self._resting.add(session)

    def discard(self, session: Pinged) -> None:
        """Forget a client that is gone."""
        self._resting.discard(session)
        self._awaiting.discard(session)

    def _ping(self, session: Pinged) -> None:
        self._awaiting.add(session)
        session.ping()


class Workers:
    """Greenlets that run what the hub must not, because it may wait; idle ones are kept and switched to directly."""

    def __init__(self, max_idle: int = 64) -> None:
        self._idle: list[Waiter[Callable[[], object]]] = []
        self._max_idle = max_idle

    def run(self, function: Callable[[], object]) -> None:
        """Have a worker call the function. May be called only in the hub, that is in a watcher's callback."""
        if self._idle:
            self._idle.pop().switch(function)
        else:
            gevent.spawn(self._work, function)

    def _work(self, function: Callable[[], object] | None) -> None:
        waiter: Waiter[Callable[[], object]] = Waiter()
        while True:
            try:
                if function is not None:
                    function()
            except Exception:
                log.exception('worker')
            if len(self._idle) >= self._max_idle:
                return
            function = None  # or an idle worker would keep alive what it served last
            self._idle.append(waiter)
            function = waiter.get()
            waiter.clear()
