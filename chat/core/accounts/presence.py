"""Who is online: every user with at least one authenticated connection, on any namespace.

Those who share a room with a user are told when it comes and goes. Somebody gone for less than GRACE seconds (a page
that is loaded again) was never gone.
"""
import time
from collections import OrderedDict

from gevent.event import Event as Signal
from sqlalchemy import select, update

from ..machinery.clock import iso, now_ms
from ..machinery.gatherer import Kind
from ..machinery.publisher import EVERYONE, Event
from ..tables import USERS

LAST_SEEN = Kind(('user_id', 'seen_at'), lambda user_id, at: (user_id, at),
                 lambda new: update(USERS).where(USERS.c.id == new.c.user_id).values(last_seen=new.c.seen_at))
GRACE = 2  # seconds


class Presence:

    def __init__(self, database, gatherer, rooms, blocks, publisher, clock=time.monotonic):
        self._database, self._gatherer, self._rooms, self._blocks = database, gatherer, rooms, blocks
        self._publisher, self._clock = publisher, clock
        self._connections = {}         # user id: ids of the open connections; bounded by their number
        self._leaving = OrderedDict()  # user id: when it will have been gone for long enough
        self._came = OrderedDict()     # user ids to be announced as online
        self._news = Signal()

    # ------------------------------------------------------------------ what the connections say

    def connected(self, user_id, connection_id):
        """An authenticated connection of the user is open."""
        if user_id not in self._connections:
            self._connections[user_id] = set()
            if self._leaving.pop(user_id, None) is None:
                self._came[user_id] = None
                self._news.set()
        self._connections[user_id].add(connection_id)

    def disconnected(self, user_id, connection_id):
        """It is closed; with the last one the user was last seen."""
        connections = self._connections.get(user_id)
        if connections is None:
            return
        connections.discard(connection_id)
        if not connections:
            del self._connections[user_id]
            self._gatherer.put('last_seen', user_id, now_ms())
            self._came.pop(user_id, None)
            self._leaving[user_id] = self._clock() + GRACE

    # ------------------------------------------------------------------ what others see

    def is_online(self, user_id, viewer_id=None):
        """Whether the user is online, as the viewer sees it: whom the user blocked sees it offline."""
        return user_id in self._connections and not (viewer_id and self._blocks.hides(user_id, viewer_id))

    def last_seen(self, user_id, stored, viewer_id=None):
        """When the user's last connection closed, in milliseconds; `stored` is what the database says."""
        if viewer_id and self._blocks.hides(user_id, viewer_id):
            return None
        newer = self._gatherer.pending('last_seen', user_id)
        return newer or stored

    def status_events(self, user_id, viewers, stored_last_seen, hidden_from):
        """The events that tell the viewers (user ids) that the user is online; none while it is offline."""
        if user_id not in self._connections:
            return []
        told = status(user_id, True, self.last_seen(user_id, stored_last_seen))
        return [Event('user_status', told, tuple(set(viewers) - hidden_from))]

    def online_users(self):
        """The ids of all who are online or have just gone, in order."""
        return sorted(self._connections.keys() | self._leaving.keys())

    def block_changed(self, blocker_id, blocked_id, is_blocked):
        """Somebody was blocked, or no longer is: the blocker goes offline, or comes back, for them alone."""
        if blocker_id not in self._connections:
            return
        self._publisher.publish(Event('online_list_changed', {'viewer_id': blocked_id}, ()))
        if is_blocked:
            self._publisher.publish(Event('user_offline', {'userId': blocker_id}, (blocked_id,)))
        if blocked_id in self._rooms.sharing(blocker_id):
            told = status(blocker_id, False, None) if is_blocked else self._status(blocker_id, True)
            self._publisher.publish(Event('user_status', told, (blocked_id,)))

    # ------------------------------------------------------------------ announcements

    def announce(self):
        """Wait a moment for somebody to come; tell those who share a room with them who came and who went."""
        self._news.wait(timeout=0.1)
        self._news.clear()
        while self._came:
            user_id = next(iter(self._came))
            self._tell(user_id, True)
            self._came.pop(user_id, None)
        while self._leaving and next(iter(self._leaving.values())) <= self._clock():
            user_id = next(iter(self._leaving))
            self._tell(user_id, False)
            self._leaving.pop(user_id, None)

    def _tell(self, user_id, online):
        hidden_from = self._blocks.blocked_by(user_id)
        viewers = set(self._rooms.sharing(user_id)) - hidden_from
        told = self._status(user_id, online)
        if online != (user_id in self._connections):
            return
        self._publisher.publish(Event('user_status', told, tuple(viewers)))
        if not online:
            self._publisher.publish(Event('user_offline', {'userId': user_id}, EVERYONE, without=hidden_from))

    def _status(self, user_id, online):
        stored = self._database.scalar(select(USERS.c.last_seen).where(USERS.c.id == user_id))
        return status(user_id, online, self.last_seen(user_id, stored))


def status(user_id, online, last_seen):
    """What others are told of a user."""
    return {'userId': user_id, 'online': online, 'lastSeen': iso(last_seen)}
