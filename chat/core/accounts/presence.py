"""Who is online: every user with at least one authenticated connection, on any namespace, in any process.

Those who share a room with a user are told when it comes and goes. Somebody gone for less than GRACE seconds (a page
that is loaded again) was never gone. Somebody gone for longer is away, and may be told otherwise of what happens.

Each process says what its own connections of a user amount to, a Level, and all processes hear of these in the same order:
so they agree on who came and who went, and the one whose word made the difference tells the others' clients as well.
"""
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import Protocol

from gevent.event import Event as Signal
from sqlalchemy import select, update

from ..events import Everyone, OnlineListChanged, PresenceChanged, Users, UserWentOffline
from ..machinery.clock import now_ms
from ..machinery.database import Database
from ..machinery.publisher import Publisher
from ..machinery.write_behind import RowUpdate, WriteBehind
from ..shared.log import Entry, Log, Plain
from ..tables import USERS
from .blocks import Blocks

LAST_SEEN: RowUpdate[int, int] = RowUpdate(
    ('user_id', 'seen_at'), lambda user_id, at: (user_id, at),
    lambda new: update(USERS).where(USERS.c.id == new.c.user_id).values(last_seen=new.c.seen_at))
GRACE = 2  # seconds
USUALLY_AWAY_AFTER = 10
PRESENCE = 'presence'  # topic

Levels = dict[str, int]  # by process; those in which the user is not are not named


class Level(IntEnum):
    """What a user's connections to one process amount to."""

    GONE = 0
    ONLINE = 1
    CALLABLE = 2  # there is one that calls can reach


class Acquaintances(Protocol):
    """Who knows whom."""

    def sharing(self, user_id: int) -> Iterable[int]:
        """The ids of the others who share a room with the user."""


class Presence:
    """`away_after`: seconds without a connection after which a user is away. `here` tells this process's clients alone."""

    def __init__(self, *, database: Database, write_behind: WriteBehind, rooms: Acquaintances, blocks: Blocks,
                 publisher: Publisher, here: Publisher, log: Log, away_after: float = USUALLY_AWAY_AFTER,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._write_behind, self._rooms, self._blocks = database, write_behind, rooms, blocks
        self._publisher, self._here, self._log = publisher, here, log
        self._away_after, self._clock = away_after, clock
        self._began = clock()
        # user id: ids of the open connections here, {id: whether calls can reach it}; bounded by their number
        self._connections: dict[int, dict[str, bool]] = {}
        self._said: dict[int, int] = {}           # where there are other processes: the Levels here that they know
        self._elsewhere: dict[int, Levels] = {}   # of the users who are in other processes; bounded by their connections
        self._leaving: OrderedDict[int, float] = OrderedDict()  # user id: when it will have been gone for long enough
        # user id: when it left, and the same in ms; of those who are not away yet
        self._left: OrderedDict[int, tuple[float, int]] = OrderedDict()
        self._came: OrderedDict[int, Publisher] = OrderedDict()  # user ids to be announced as online, and by whom
        self._to_tell: dict[int, Publisher] = {}  # the same of those who leave; others are for other processes
        self._told_by: dict[int, str] = {}  # of the others who leave: the process that will tell of it, if it lives
        self._news = Signal()
        log.subscribe(PRESENCE, self._changed)
        log.replicate(PRESENCE, self)

    # ------------------------------------------------------------------ what the connections say

    def connected(self, user_id: int, connection_id: str, is_callable: bool = False) -> None:
        """An authenticated connection of the user is open; calls can reach it, or can't."""
        before = self._level(user_id)
        self._connections.setdefault(user_id, {})[connection_id] = is_callable
        self._say(user_id, before)

    def disconnected(self, user_id: int, connection_id: str) -> None:
        """It is closed; with the last one the user was last seen."""
        connections = self._connections.get(user_id)
        if connections is None:
            return
        before = self._level(user_id)
        if connection_id in connections:
            del connections[connection_id]
        if not connections:
            del self._connections[user_id]
            self._write_behind.put(LAST_SEEN, user_id, now_ms())
        self._say(user_id, before)

    def _say(self, user_id: int, before: Level) -> None:
        level = self._level(user_id)
        if level != before:
            self._log.append(PRESENCE, [user_id, level, before, now_ms()])

    def _level(self, user_id: int) -> Level:
        """What the connections here amount to."""
        connections = self._connections.get(user_id)
        if not connections:
            return Level.GONE
        return Level.CALLABLE if any(connections.values()) else Level.ONLINE

    # ------------------------------------------------------------------ what all processes know

    def _changed(self, entry: Entry) -> None:
        """A user's Level in a process is another one."""
        user_id, level, before, at = entry.data
        if entry.is_own:
            self._keep_said(user_id, level)
            if not level:
                self._goes(user_id, at, self._publisher, is_own=True)
            elif not before:
                self._comes(user_id, self._publisher)
        else:
            self._is_elsewhere(user_id, entry.process, level, at, entry.process)

    def _keep_said(self, user_id: int, level: int) -> None:
        if self._log.is_shared:
            if level:
                self._said[user_id] = level
            else:
                self._said.pop(user_id, None)

    def _level_said(self, user_id: int) -> int:
        """What all processes take the connections here to amount to."""
        return self._said.get(user_id, Level.GONE) if self._log.is_shared else self._level(user_id)

    def _is_elsewhere(self, user_id: int, process: str, level: int, at: int, teller: Publisher | str) -> None:
        """A user's Level in another process. A `teller` that is the name of a process is not this one."""
        was_there = user_id in self._elsewhere
        if level:
            if not was_there:
                self._comes(user_id, None if self._level_said(user_id) or isinstance(teller, str) else teller)
            self._elsewhere.setdefault(user_id, {})[process] = level
        elif was_there and self._elsewhere[user_id].pop(process, 0) and not self._elsewhere[user_id]:
            del self._elsewhere[user_id]
            self._goes(user_id, at, teller)

    def _comes(self, user_id: int, teller: Publisher | None) -> None:
        """A process has the user now; unless others had, it came. Who tells of it, if this process is to."""
        self._left.pop(user_id, None)
        self._to_tell.pop(user_id, None)
        self._told_by.pop(user_id, None)
        is_back = self._leaving.pop(user_id, None) is not None
        if teller is not None and not is_back and user_id not in self._elsewhere:
            self._came[user_id] = teller
            self._news.set()

    def _goes(self, user_id: int, at: int, teller: Publisher | str, is_own: bool = False) -> None:
        """A process has the user no longer; if no other has, it leaves."""
        if user_id in self._elsewhere or not is_own and self._level_said(user_id):
            return
        self._came.pop(user_id, None)
        self._leaving[user_id] = self._clock() + GRACE
        self._left[user_id] = self._clock(), at
        self._is_told_by(user_id, teller)

    def _is_told_by(self, user_id: int, teller: Publisher | str) -> None:
        if isinstance(teller, str):
            self._told_by[user_id] = teller
        else:
            self._told_by.pop(user_id, None)
            self._to_tell[user_id] = teller

    def contribution(self) -> Plain:
        """See Replicated."""
        return {user_id: self._level(user_id) for user_id in self._connections}

    def rejoined(self, entry: Entry) -> None:
        """See Replicated. What this process says of itself it knows already."""
        levels: Mapping[int, int] = entry.data
        if entry.is_own:
            self._said = dict(levels)
            return
        gone = [user_id for user_id, by in self._elsewhere.items() if entry.process in by and user_id not in levels]
        for user_id, level in (*levels.items(), *((user_id, Level.GONE) for user_id in gone)):
            self._is_elsewhere(user_id, entry.process, level, now_ms(), self._here)

    def died(self, entry: Entry) -> None:
        """See Replicated. Whoever noticed tells of those who went; where it was that process itself, each tells its own."""
        process = entry.data
        teller = self._publisher if entry.is_own else self._here if entry.process == process else entry.process
        for user_id in [user_id for user_id, teller_of in self._told_by.items() if teller_of == process]:
            self._is_told_by(user_id, teller)
        for user_id in [user_id for user_id, by in self._elsewhere.items() if process in by]:
            self._is_elsewhere(user_id, process, Level.GONE, now_ms(), teller)

    def snapshot(self) -> Plain:
        """See Replicated."""
        here = {user_id: {self._log.process: level} for user_id, level in self._said.items()}
        return {user_id: here.get(user_id, {}) | self._elsewhere.get(user_id, {})
                for user_id in here.keys() | self._elsewhere.keys()}

    def restore(self, snapshot: Plain) -> None:
        """See Replicated."""
        others = {user_id: {process: level for process, level in levels.items() if process != self._log.process}
                  for user_id, levels in snapshot.items()}
        before, after = self._elsewhere, {user_id: levels for user_id, levels in others.items() if levels}
        teller = self._here if self._connections else None  # else nobody is here to be told
        for user_id in after.keys() - before.keys():
            self._comes(user_id, None if self._level_said(user_id) else teller)
        self._elsewhere = after
        for user_id in before.keys() - after.keys():
            self._goes(user_id, now_ms(), self._here)

    # ------------------------------------------------------------------ what others see

    def is_online(self, user_id: int) -> bool:
        """Whether the user is online, for those who may know."""
        return user_id in self._connections or user_id in self._elsewhere

    def callable_in(self, user_id: int) -> set[str]:
        """The processes in which calls can reach the user, as all of them know it."""
        found = {process for process, level in self._elsewhere.get(user_id, {}).items() if level == Level.CALLABLE}
        return found | {self._log.process} if self._level_said(user_id) == Level.CALLABLE else found

    def callable_here(self, user_id: int) -> set[str]:
        """The ids of the user's connections to this process that calls can reach."""
        return {sid for sid, is_callable in self._connections.get(user_id, {}).items() if is_callable}

    def is_away(self, user_id: int) -> bool:
        """Whether the user has had no connection for a while; of what was before this process began nothing is known."""
        since, _ = self._left.get(user_id, (self._began, 0))
        return not self.is_online(user_id) and since + self._away_after <= self._clock()

    def last_seen(self, user_id: int, stored: int | None) -> int | None:
        """When the user's last connection closed, in milliseconds; `stored` is what the database says."""
        newer = self._write_behind.pending(LAST_SEEN, user_id)
        if newer is None and user_id in self._left:  # elsewhere, and perhaps not written yet
            _, newer = self._left[user_id]
        return max(newer or 0, stored or 0) or None  # another process may have written since

    def online_users(self) -> list[int]:
        """The ids of all who are online or have just gone, in order."""
        return sorted(self._connections.keys() | self._leaving.keys() | self._elsewhere.keys())

    def tell_of(self, user_id: int, viewers: frozenset[int], stored_last_seen: int | None) -> None:
        """Tell viewers, who have just come to know the user, that it is online; nobody is told of one who is not."""
        if self.is_online(user_id):
            self._publisher.publish(PresenceChanged(
                Users(viewers), user_id, True, self.last_seen(user_id, stored_last_seen)))

    def block_changed(self, blocker_id: int, blocked_id: int, is_blocked: bool) -> None:
        """Somebody was blocked, or no longer is: the blocker goes offline, or comes back, for them alone."""
        if not self.is_online(blocker_id):
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
            user_id, teller = next(iter(self._came.items()))
            self._tell(user_id, True, teller)
            self._came.pop(user_id, None)
        while self._leaving and next(iter(self._leaving.values())) <= self._clock():
            user_id = next(iter(self._leaving))
            if user_id in self._to_tell:
                self._tell(user_id, False, self._to_tell[user_id])
            self._leaving.pop(user_id, None)
            self._to_tell.pop(user_id, None)
            self._told_by.pop(user_id, None)
        while self._left and next(iter(self._left.values()))[0] + self._away_after <= self._clock():
            self._left.popitem(last=False)

    def _tell(self, user_id: int, is_online: bool, teller: Publisher) -> None:
        hidden_from = self._blocks.blocked_by(user_id)
        viewers = frozenset(self._rooms.sharing(user_id)) - hidden_from
        last_seen = self._last_seen(user_id)
        if is_online != self.is_online(user_id):
            return
        teller.publish(PresenceChanged(Users(viewers), user_id, is_online, last_seen))
        if not is_online:
            teller.publish(UserWentOffline(Everyone(without=hidden_from), user_id))

    def _last_seen(self, user_id: int) -> int | None:
        stored = self._database.scalar(select(USERS.c.last_seen).where(USERS.c.id == user_id))
        return self.last_seen(user_id, stored)
