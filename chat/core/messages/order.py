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
from collections.abc import Callable, Collection, Iterable, Sequence
from enum import Enum
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
    MemberJoined,
    MemberLeft,
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
LOOK = 0.02             # seconds between two looks at what has come
SETTLING = 0.005        # seconds between two looks whether nothing waits any more
PAUSE = 0.5             # seconds between two attempts to ask the database
ASKING = 4              # rooms for which it is asked at a time, of perhaps thousands
REMEMBER_SECONDS = 5
REMEMBERED = 3600       # seconds back that the newest message and change are known of
SAFE = 30               # seconds after which everything that was told has arrived, or never will


class Place(NamedTuple):
    """Where events stand in what is told of a room: a new message, by its `seq`; a change of a message, by that change.

    `after` is the number of the message behind which they are told, 0 if that doesn't matter; `members_version` is None
    where nobody minds who is in the room.
    """

    room_id: int
    seq: int = 0
    change: ChangePlace | None = None
    after: int = 0
    members_version: int | None = None


class Item(NamedTuple):
    """Events that are told together."""

    place: Place
    events: Sequence[Event]


class Turn(Enum):
    """When an Item is to be told: it was already, out of the database; now; when what is missing before it was told."""

    PAST, NOW, LATER = range(3)


class Waiting:
    """What waits of a room, something of which was told last at `since`; while the database `is_asked`, all that comes."""

    __slots__ = ('items', 'since', 'is_asked')

    def __init__(self, items: Iterable[Item], since: float) -> None:
        self.items, self.since, self.is_asked = deque(items, MAX_WAITING), since, False


class RoomOrder:
    """Hands events on to `here`, each in its turn."""

    def __init__(self, *, rooms: Rooms, told: ToldRooms, here: Publisher,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._rooms, self._told, self._here, self._clock = rooms, told, here, clock
        self._waiting: dict[int, Waiting] = {}  # by room, while there is a greenlet that sees to it
        self._behind: set[int] = set()  # those of these rooms of which the database may have more than what waits
        self._asking = BoundedSemaphore(ASKING)
        self._moments: deque[tuple[float, Newest]] = deque()
        self._is_catching_up, self._doubted_since = False, math.inf

    def settle(self, seconds: float) -> bool:
        """Wait until all that was published before this call was told; whether it was, within so many seconds."""
        deadline, before = self._clock() + seconds, dict(self._waiting)
        while any(self._waiting.get(room_id) is each and (each.items or each.is_asked or room_id in self._behind)
                  for room_id, each in before.items()):
            if self._clock() > deadline:
                return False
            gevent.sleep(SETTLING)
        return True

    # ------------------------------------------------------------------ events on their way

    def put(self, events: Sequence[Event]) -> None:
        """These were published, here or elsewhere: they are told as soon as nothing before them is missing."""
        ready: list[Event] = []
        for item in [Item(place, tuple(group)) for place, group in groupby(events, _place)]:
            waiting = self._waiting.get(item.place.room_id)
            turn = self._take(item) if waiting is None or not waiting.is_asked else Turn.LATER
            if turn is Turn.NOW:
                ready += item.events
            if waiting is None:
                if turn is Turn.LATER:
                    self._see_to(item.place.room_id, item)
            elif turn is Turn.LATER:
                waiting.items.append(item)
            else:
                waiting.since = self._clock()
                ready += self._take_those_in_turn(waiting)
        if ready:
            self._here.publish(*ready)

    def _take(self, item: Item) -> Turn:
        """Whether it is an item's turn; if so it counts as told from now on."""
        room_id, seq, change, after, members_version = item.place
        told = self._told.get(room_id) if seq or after else None
        if told and (seq and seq <= told.seq or change and change.id <= told.change_id):
            return Turn.PAST
        if members_version is not None and not self._rooms.is_known(room_id, members_version):
            return Turn.LATER
        if not seq and not after:
            return Turn.NOW
        if told is None or after > told.seq:
            return Turn.LATER
        if seq:
            if seq != told.seq + 1:
                return Turn.LATER
            told.seq, told.message_id = seq, max(told.message_id, _message_id(item))
        elif change:
            if change.previous > told.change_id:
                return Turn.LATER
            told.change_id = change.id
        return Turn.NOW

    # ------------------------------------------------------------------ those that must wait

    def _take_those_in_turn(self, waiting: Waiting) -> list[Event]:
        """The events of those that wait whose turn it is, and of those behind which it is then; they count as told."""
        ready: list[Event] = []
        index = 0
        while index < len(waiting.items):
            item = waiting.items[index]
            turn = self._take(item)
            if turn is Turn.LATER:
                index += 1
                continue
            del waiting.items[index]
            index, waiting.since = 0, self._clock()
            if turn is Turn.NOW:
                ready += item.events
        return ready

    def _see_to(self, room_id: int, *items: Item) -> None:
        self._waiting[room_id] = Waiting(items, self._clock())
        gevent.spawn(self._resolve, room_id)

    def _resolve(self, room_id: int) -> None:
        """Tell what waits of a room, in its turn; and of one that is behind whatever else was not told."""
        waiting = self._waiting[room_id]
        is_known = self._told.get(room_id) is not None and room_id not in self._behind
        asked_since = None if is_known else waiting.since  # nothing came since, for which it would be worth to wait
        try:
            while waiting.items or room_id in self._behind:
                ready = self._take_those_in_turn(waiting)
                if ready:
                    self._here.publish(*ready)
                elif waiting.since != asked_since and self._clock() < waiting.since + PATIENCE:
                    gevent.sleep(LOOK)
                elif self._ask_database(room_id, waiting):
                    asked_since = waiting.since
                else:
                    gevent.sleep(PAUSE)
        except Exception:
            log.exception('what was missed of room %d could not be told', room_id)
        finally:
            self._behind.discard(room_id)
            del self._waiting[room_id]

    def _ask_database(self, room_id: int, waiting: Waiting) -> bool:
        """Tell what comes before one of those that wait; False if the database does not answer."""
        is_behind = room_id in self._behind
        self._behind.discard(room_id)  # first, since it may be said again meanwhile
        try:
            with self._asking:
                waiting.is_asked = True
                room = self._current_room(room_id, waiting.items)
                if room is None:
                    waiting.items.clear()
                elif is_behind:
                    is_behind = not (self._told.tell_messages(room, None) & self._told.tell_changes(room, None))
                else:
                    self._tell_what_comes_before(room, waiting.items)
        except Unavailable:
            return False
        finally:
            waiting.is_asked = False
            if is_behind:
                self._behind.add(room_id)
        return True

    def _tell_what_comes_before(self, room: LiveRoom, waiting: Collection[Item]) -> None:
        """Then it is the turn of one of those that wait: of the first message, or of the first change."""
        changes = [item.place.change for item in waiting if item.place.change]
        first = min(changes, key=lambda change: change.previous, default=None)
        places = [place for place, _ in waiting if not place.change and (place.seq or place.after)]
        until = [place.seq - 1 if place.seq else place.after for place in places]
        if first is not None:
            until.append(first.seq)
        if until:
            self._told.tell_messages(room, min(until))
        told = self._told.get(room.id)
        if first is not None and told is not None and told.seq >= first.seq:
            self._told.tell_changes(room, first.previous)

    def _current_room(self, room_id: int, waiting: Iterable[Item]) -> LiveRoom | None:
        """The room, with the members that those who wait ask for, or later ones; None if it is no more."""
        members_version = max((item.place.members_version or ANY_MEMBERS for item in waiting), default=ANY_MEMBERS)
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
                self._see_to(room_id)

    def _newest_at(self, time: float) -> Newest:
        """What was the newest then, or somewhat earlier."""
        return next((newest for at, newest in reversed(self._moments) if at < time), self._moments[0][1])


def _place(event: Event) -> Place:
    """Where an event stands; room 0 is for those that come as they come."""
    if isinstance(event, MessageStored):
        return Place(event.message['roomId'], event.seq, members_version=event.members_version)
    if isinstance(event, (DirectMessageStored, DirectMessageSent, LobbyMessageStored)):
        return Place(event.message['roomId'], event.seq)
    if isinstance(event, (MessageUpdated, MessageDeleted, ReactionChanged)):
        room_id, change = event.message['roomId'] if isinstance(event, MessageUpdated) else event.room_id, event.place
        members_version = change.members_version if isinstance(event.audience, RoomMembers) else None
        return Place(room_id, 0, change, change.seq, members_version)
    if isinstance(event.audience, RoomMembers):
        after = event.after if isinstance(event, (MemberJoined, MemberLeft)) else 0
        return Place(event.audience.room_id, after=after, members_version=ANY_MEMBERS)
    return Place(0)


def _message_id(item: Item) -> int:
    event: Any = item.events[0]
    message_id: int = event.message['id']
    return message_id
