"""The order in which what happens in a room is told, where several processes write to it.

Each process hears of what another one committed by the log, which may bring the words of two of them in another order than
that of their commits; and where Redis or a process was gone, not at all. But a room's messages are numbered without a gap
(`seq`), each change names the one before it, and both know how often the room's members had changed. So whatever would be
told out of turn waits: PATIENCE for what must be on its way, and then for the database, which has it.

With one process there is nothing of this: events go from the publisher to the clients.
"""
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import gevent
from gevent.lock import BoundedSemaphore

from ...errors import Unavailable
from ..events import (
    ANY_MEMBERS,
    ChangePlace,
    DirectMessageSent,
    DirectMessageStored,
    Event,
    LobbyMessageStored,
    MessageDeleted,
    MessageStored,
    MessageUpdated,
    ReactionChanged,
    RoomMembers,
)
from ..machinery.publisher import Publisher
from ..rooms.rooms import LiveRoom, Rooms
from .told_rooms import Newest, ToldRooms

log = logging.getLogger(__name__)
MAX_WAITING = 10_000    # of one room; then what was first goes, and is told out of the database
PATIENCE = 0.05         # seconds
LOOK = 0.005            # seconds between two looks at what has come
PAUSE = 0.5             # seconds between two attempts to ask the database
ASKING = 4              # rooms for which it is asked at a time, of perhaps thousands
REMEMBER_SECONDS = 5
REMEMBERED = 3600       # seconds back that the newest message and change are known of
SAFE = 30               # seconds after which everything that was told has arrived, or never will


class Item(NamedTuple):
    """Events that are told together: a new message, with `seq`; a change of that message, with its id; or neither.

    `members_version` is None where it doesn't matter who is in the room.
    """

    room_id: int
    seq: int
    change: ChangePlace | None
    members_version: int | None
    events: Sequence[Event]


class RoomOrder:
    """Hands events on to `here`, each in its turn."""

    def __init__(self, *, rooms: Rooms, told: ToldRooms, here: Publisher,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._rooms, self._told, self._here, self._clock = rooms, told, here, clock
        self._waiting: dict[int, deque[Item]] = {}  # by room, while there is a greenlet that sees to it
        self._behind: set[int] = set()  # those of these rooms of which the database may have more than what waits
        self._asking = BoundedSemaphore(ASKING)
        self._moments: deque[tuple[float, Newest]] = deque()
        self._is_catching_up, self._doubted_since = False, math.inf

    def settle(self, seconds: float) -> bool:
        """Wait until all that was published before this call was told; whether it was, within so many seconds."""
        deadline, waiting = self._clock() + seconds, dict(self._waiting)
        while waiting := {room_id: items for room_id, items in waiting.items() if self._waiting.get(room_id) is items}:
            if self._clock() > deadline:
                return False
            gevent.sleep(LOOK)
        return True

    # ------------------------------------------------------------------ events on their way

    def put(self, events: Sequence[Event]) -> None:
        """These were published, here or elsewhere: they are told as soon as nothing before them is missing."""
        ready: list[Event] = []
        for item in [Item(*place, tuple(group)) for place, group in groupby(events, _place)]:
            if item.room_id in self._waiting:
                self._wait(item)
            elif self._is_old(item):
                continue
            elif self._is_next(item):
                self._note(item)
                ready += item.events
            else:
                self._wait(item)
        if ready:
            self._here.publish(*ready)

    def _is_old(self, item: Item) -> bool:
        """Whether it was told before, out of the database."""
        told = self._told.get(item.room_id)
        if told is None or not item.seq:
            return False
        return item.change.id <= told.change_id if item.change else item.seq <= told.seq

    def _is_next(self, item: Item) -> bool:
        """Whether nothing before it is missing."""
        if item.members_version is not None and not self._rooms.is_known(item.room_id, item.members_version):
            return False
        if not item.seq:
            return True
        told = self._told.get(item.room_id)
        if told is None:
            return False
        if item.change:
            return item.seq <= told.seq and item.change.previous <= told.change_id
        return item.seq == told.seq + 1

    def _note(self, item: Item) -> None:
        told = self._told.get(item.room_id)
        if told is None or not item.seq:
            return
        if item.change:
            told.change_id = item.change.id
        else:
            told.seq, told.message_id = item.seq, max(told.message_id, _message_id(item))

    # ------------------------------------------------------------------ those that must wait

    def _wait(self, item: Item) -> None:
        waiting = self._waiting.get(item.room_id)
        if waiting is None:
            self._see_to(item.room_id, deque((item,), MAX_WAITING))
        else:
            waiting.append(item)

    def _see_to(self, room_id: int, waiting: deque[Item]) -> None:
        self._waiting[room_id] = waiting
        gevent.spawn(self._resolve, room_id)

    def _resolve(self, room_id: int) -> None:
        """Tell what waits of a room, in its turn; and of one that is behind whatever else was not told."""
        waiting = self._waiting[room_id]
        is_known = self._told.get(room_id) is not None and room_id not in self._behind
        patient_until = self._clock() + PATIENCE if is_known else 0
        try:
            while waiting or room_id in self._behind:
                if self._tell_those_in_turn(waiting):
                    patient_until = self._clock() + PATIENCE
                elif self._clock() < patient_until:
                    gevent.sleep(LOOK)
                elif not self._ask_database(room_id, waiting):
                    gevent.sleep(PAUSE)
        except Exception:
            log.exception('what was missed of room %d could not be told', room_id)
        finally:
            self._behind.discard(room_id)
            del self._waiting[room_id]

    def _tell_those_in_turn(self, waiting: deque[Item]) -> bool:
        """Whether there were any."""
        for index, item in enumerate(waiting):
            is_old = self._is_old(item)
            if is_old or self._is_next(item):
                del waiting[index]
                if not is_old:
                    self._note(item)
                    self._here.publish(*item.events)
                return True
        return False

    def _ask_database(self, room_id: int, waiting: deque[Item]) -> bool:
        """Tell what comes before one of those that wait; False if the database does not answer."""
        is_behind = room_id in self._behind
        self._behind.discard(room_id)  # first, since it may be said again meanwhile
        try:
            with self._asking:
                room = self._current_room(room_id, waiting)
                if room is None:
                    waiting.clear()
                elif is_behind:
                    is_behind = not (self._told.tell_messages(room, None) & self._told.tell_changes(room, None))
                else:
                    self._tell_what_comes_before(room, waiting)
        except Unavailable:
            return False
        finally:
            if is_behind:
                self._behind.add(room_id)
        return True

    def _tell_what_comes_before(self, room: LiveRoom, waiting: deque[Item]) -> None:
        """Then it is the turn of one of those that wait: of the first message, or of the first change."""
        until = [item.seq - 1 for item in waiting if item.seq and item.change is None]
        changes = [item.change for item in waiting if item.change]
        first = min(changes, key=lambda change: change.previous, default=None)
        if first is not None:
            until.append(first.seq)
        if until:
            self._told.tell_messages(room, min(until))
        told = self._told.get(room.id)
        if first is not None and told is not None and told.seq >= first.seq:
            self._told.tell_changes(room, first.previous)

    def _current_room(self, room_id: int, waiting: Iterable[Item]) -> LiveRoom | None:
        """The room, with the members that those who wait ask for, or later ones; None if it is no more."""
        members_version = max((item.members_version or ANY_MEMBERS for item in waiting), default=ANY_MEMBERS)
        if not self._rooms.is_known(room_id, members_version):
            self._rooms.uncertain(room_id)
        return self._rooms.find(room_id)

    # ------------------------------------------------------------------ after something may have been missed

    def begin(self) -> None:
        """Before anything is told here. Raises Unavailable."""
        self._moments.append((self._clock(), self._told.begin()))

    def remember(self) -> None:
        """Note what is the newest by now; to be called every few seconds."""
        now = self._clock()
        self._moments.append((now, self._told.newest()))
        while len(self._moments) > 1 and self._moments[1][0] < now - REMEMBERED:
            self._moments.popleft()

    def doubt(self, seconds: float) -> None:
        """Others may have stored in the last so many seconds what nobody told of: look for it. Does not wait."""
        self._doubted_since = min(self._doubted_since, self._clock() - seconds)
        if not self._is_catching_up and self._moments:
            self._is_catching_up = True
            gevent.spawn(self._catch_up)

    def _catch_up(self) -> None:
        try:
            while True:
                self._is_catching_up = False  # from here on, once more
                try:
                    rooms = self._told.rooms_since(self._newest_at(self._doubted_since - SAFE))
                    break
                except Unavailable:
                    self._is_catching_up = True
                    gevent.sleep(PAUSE)
        except Exception:
            log.exception('it could not be looked up what was missed')
            return
        if not self._is_catching_up:
            self._doubted_since = math.inf
        for room_id in rooms:
            self._behind.add(room_id)
            if room_id not in self._waiting:
                self._see_to(room_id, deque((), MAX_WAITING))

    def _newest_at(self, time: float) -> Newest:
        """What was the newest then, or somewhat earlier."""
        return next((newest for at, newest in reversed(self._moments) if at < time), self._moments[0][1])


def _place(event: Event) -> tuple[int, int, ChangePlace | None, int | None]:
    """What an Item begins with; (0, 0, None, None) for events that come as they come."""
    if isinstance(event, MessageStored):
        return event.message['roomId'], event.seq, None, event.members_version
    if isinstance(event, (DirectMessageStored, DirectMessageSent, LobbyMessageStored)):
        return event.message['roomId'], event.seq, None, None
    if isinstance(event, (MessageUpdated, MessageDeleted, ReactionChanged)):
        room_id, place = event.message['roomId'] if isinstance(event, MessageUpdated) else event.room_id, event.place
        return room_id, place.seq, place, place.members_version if isinstance(event.audience, RoomMembers) else None
    if isinstance(event.audience, RoomMembers):
        return event.audience.room_id, 0, None, ANY_MEMBERS
    return 0, 0, None, None


def _message_id(item: Item) -> int:
    event: Any = item.events[0]
    message_id: int = event.message['id']
    return message_id
