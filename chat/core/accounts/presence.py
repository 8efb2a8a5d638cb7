"""Who is online: every user with at least one authenticated connection, on any namespace.

Those who share a room with a user are told when it comes and goes. Somebody gone for less than GRACE seconds (a page
that is loaded again) was never gone. Somebody gone for longer is away, and may be told otherwise of what happens.
"""
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Protocol

from gevent.event import Event as Signal
from sqlalchemy import select, update

from ..events import Everyone, OnlineListChanged, PresenceChanged, Users, UserWentOffline
from ..machinery.clock import now_ms
from ..machinery.database import Database
from ..machinery.publisher import Publisher
from ..machinery.write_behind import RowUpdate, WriteBehind
from ..tables import USERS
from .blocks import Blocks

LAST_SEEN: RowUpdate[int, int] = RowUpdate(
    ('user_id', 'seen_at'), lambda user_id, at: (user_id, at),
    lambda new: update(USERS).where(USERS.c.id == new.c.user_id).values(last_seen=new.c.seen_at))
GRACE = 2  # seconds
USUALLY_AWAY_AFTER = 10


class Acquaintances(Protocol):
    """Who knows whom."""

    def sharing(self, user_id: int) -> Iterable[int]:
        """The ids of the others who share a room with the user."""


class Presence:
    """`away_after`: seconds without a connection after which a user is away."""

    def __init__(self, *, database: Database, write_behind: WriteBehind, rooms: Acquaintances, blocks: Blocks,
                 publisher: Publisher, away_after: float = USUALLY_AWAY_AFTER,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._write_behind, self._rooms, self._blocks = database, write_behind, rooms, blocks
        self._publisher, self._away_after, self._clock = publisher, away_after, clock
        self._began = clock()
        self._connections: dict[int, set[str]] = {}  # user id: ids of the open connections; bounded by their number
        self._leaving: OrderedDict[int, float] = OrderedDict()  # user id: when it will have been gone for long enough
        self._left: OrderedDict[int, float] = OrderedDict()     # user id: when it left; of those who are not away yet
        self._came: OrderedDict[int, None] = OrderedDict()      # user ids to be announced as online
        self._news = Signal()

    # ------------------------------------------------------------------ what the connections say

    def connected(self, user_id: int, connection_id: str) -> None:
        """An authenticated connection of the user is open."""
        if user_id not in self._connections:
            self._connections[user_id] = set()
            self._left.pop(user_id, None)
            if self._leaving.pop(user_id, None) is None:
                self._came[user_id] = None
                self._news.set()
        self._connections[user_id].add(connection_id)

    def disconnected(self, user_id: int, connection_id: str) -> None:
        """It is closed; with the last one the user was last seen."""
        connections = self._connections.get(user_id)
        if connections is None:
            return
        connections.discard(connection_id)
        if not connections:
            del self._connections[user_id]
            self._write_behind.put(LAST_SEEN, user_id, now_ms())
            self._came.pop(user_id, None)
            self._leaving[user_id] = self._clock() + GRACE
            self._left[user_id] = self._clock()

    # ------------------------------------------------------------------ what others see

    def is_online(self, user_id: int) -> bool:
        """Whether the user is online, for those who may know."""
        return user_id in self._connections

    def is_away(self, user_id: int) -> bool:
        """Whether the user has had no connection for a while; of what was before this process began nothing is known."""
        since = self._left.get(user_id, self._began)
        return user_id not in self._connections and since + self._away_after <= self._clock()

    def last_seen(self, user_id: int, stored: int | None) -> int | None:
        """When the user's last connection closed, in milliseconds; `stored` is what the database says."""
        newer = self._write_behind.pending(LAST_SEEN, user_id)
        return newer or stored

    def online_users(self) -> list[int]:
        """The ids of all who are online or have just gone, in order."""
        return sorted(self._connections.keys() | self._leaving.keys())

    def tell_of(self, user_id: int, viewers: frozenset[int], stored_last_seen: int | None) -> None:
        """Tell viewers, who have just come to know the user, that it is online; nobody is told of one who is not."""
        if user_id in self._connections:
            self._publisher.publish(PresenceChanged(
                Users(viewers), user_id, True, self.last_seen(user_id, stored_last_seen)))

    def block_changed(self, blocker_id: int, blocked_id: int, is_blocked: bool) -> None:
        """Somebody was blocked, or no longer is: the blocker goes offline, or comes back, for them alone."""
        if blocker_id not in self._connections:
            return
        viewer = Users((blocked_id,))
        self._publisher.publish(OnlineListChanged(viewer))
        if is_blocked:
            self._publisher.publish(UserWentOffline(viewer, blocker_id))
        if blocked_id in self._rooms.sharing(blocker_id):
            last_seen = None if is_blocked else self._last_seen(blocker_id)
            self._publisher.publish(PresenceChanged(viewer, blocker_id, not is_blocked, last_seen))

    # ------------------------------------------------------------------ announcements

    def announce(self) -> None:
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
        while self._left and next(iter(self._left.values())) + self._away_after <= self._clock():
            self._left.popitem(last=False)

    def _tell(self, user_id: int, is_online: bool) -> None:
        hidden_from = self._blocks.blocked_by(user_id)
        viewers = frozenset(self._rooms.sharing(user_id)) - hidden_from
        last_seen = self._last_seen(user_id)
        if is_online != (user_id in self._connections):
            return
        self._publisher.publish(PresenceChanged(Users(viewers), user_id, is_online, last_seen))
        if not is_online:
            self._publisher.publish(UserWentOffline(Everyone(without=hidden_from), user_id))

    def _last_seen(self, user_id: int) -> int | None:
        stored = self._database.scalar(select(USERS.c.last_seen).where(USERS.c.id == user_id))
        return self.last_seen(user_id, stored)
