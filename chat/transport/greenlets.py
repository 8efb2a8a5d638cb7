"""Greenlets shared by all connections, so that an idle connection needs none of its own."""
import logging
import time
from collections import OrderedDict

import gevent
from gevent.hub import Waiter

from ..loop import give_way

log = logging.getLogger(__name__)


class Deadlines:
    """Calls `action(item)` once, `delay` seconds after `add(item)`, unless `discard(item)` comes first.

    The delay is the same for all, so they are due in the order in which they were added, and one greenlet serves them
    all; it exists only while there is something to wait for. Items are kept by identity or hash, each once.
    """

    def __init__(self, delay, action):
        self._delay, self._action = delay, action
        self._due = OrderedDict()  # unlike dict it finds its first entry fast after many were taken from the front
        self._greenlet = None

    def __len__(self):
        return len(self._due)

    def add(self, item):
        """Have the action called for the item; if it waits already, it keeps its time."""
        if item not in self._due:
            self._due[item] = time.monotonic() + self._delay
            if self._greenlet is None:
                self._greenlet = gevent.spawn(self._run)

    def discard(self, item):
        """Forget the item at once, if it waits."""
        self._due.pop(item, None)

    def _run(self):
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

    Works on objects with `ping()` and `ping_timed_out()`, neither of which may wait. Times are in seconds.
    """

    def __init__(self, interval, timeout):
        self._resting = Deadlines(interval, self._ping)
        self._awaiting = Deadlines(timeout, lambda session: session.ping_timed_out())

    def __len__(self):
        return len(self._resting) + len(self._awaiting)

    def schedule(self, session):
        """The client has shown that it is alive: ping it in one interval. A client can't have more than one ping."""
        self._awaiting.discard(session)
        self._resting.add(session)

    def discard(self, session):
        """Forget a client that is gone."""
        self._resting.discard(session)
        self._awaiting.discard(session)

    def _ping(self, session):
        self._awaiting.add(session)
        session.ping()


class Workers:
    """Greenlets that run what the hub must not, because it may wait; idle ones are kept and switched to directly."""

    def __init__(self, max_idle=64):
        self._idle, self._max_idle = [], max_idle

    def run(self, function):
        """Have a worker call the function. May be called only in the hub, that is in a watcher's callback."""
        if self._idle:
            self._idle.pop().switch(function)
        else:
            gevent.spawn(self._work, function)

    def _work(self, function):
        waiter = Waiter()
        while True:
            try:
                function()
            except Exception:
                log.exception('worker')
            if len(self._idle) >= self._max_idle:
                return
            function = None  # or an idle worker would keep alive what it served last
            self._idle.append(waiter)
            function = waiter.get()
            waiter.clear()
