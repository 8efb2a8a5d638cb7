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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

import gevent
from cachetools import LRUCache
from sqlalchemy import Select, func, select

from ...errors import Unavailable
from ..accounts.users import Users
from ..events import (
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
from ..machinery.database import Database
from ..machinery.publisher import Publisher
from ..objects import Message
from ..rooms.rooms import LOBBY, LiveRoom, Rooms
from ..sql import by_room
from ..tables import CHANGES, MESSAGES, AnyRow
from . import parts
from .changing import audience
from .delivery import events_of
from .parts import NO_PARTS
from .view import SHOWN, MessageView

log = logging.getLogger(__name__)
MAX_ROOMS = 100_000     # of which it is known what was told
MAX_WAITING = 10_000    # of one room; then what was first goes, and is told out of the database
PATIENCE = 0.05         # seconds
LOOK = 0.005            # seconds between two looks at what has come
PAUSE = 0.5             # seconds between two attempts to ask the database
ROWS_AT_ONCE = 500
CATCH_UP_AT_ONCE = 10_000  # messages and changes, the newest; who missed more is served by `sync`
REMEMBER_SECONDS = 5
REMEMBERED = 3600       # seconds back that the newest message and change are known of
SAFE = 30               # seconds after which everything that was told has arrived, or never will
ANY = 0                 # as a members_version
T = TypeVar('T')


class Newest(NamedTuple):
    """The ids of the newest message and of the newest change at a moment."""

    message_id: int
    change_id: int


@dataclass(slots=True)
class Told:
    """What of a room was told: all up to the message of that number, the last of them by its id, and that change."""

    seq: int
    change_id: int
    message_id: int


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

    def __init__(self, *, database: Database, rooms: Rooms, users: Users, view: MessageView, here: Publisher,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._rooms, self._users, self._view = database, rooms, users, view
        self._here, self._clock = here, clock
        self._told: LRUCache[int, Told] = LRUCache(MAX_ROOMS)
        self._waiting: dict[int, deque[Item]] = {}  # by room, while there is a greenlet that sees to it
        self._behind: set[int] = set()  # those of these rooms of which the database may have more than what waits
        self._base = Newest(0, 0)  # whatever is not newer counts as told, where nothing is known of a room
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
        patient_until = self._clock() + PATIENCE if room_id in self._told and room_id not in self._behind else 0
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
            room = self._current_room(room_id, max((item.members_version or ANY for item in waiting), default=ANY))
            if room is None:
                waiting.clear()
            elif is_behind:
                is_behind = not (self._tell_messages(room, None) & self._tell_changes(room, None))
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
            self._tell_messages(room, min(until))
        if first is not None and self._told[room.id].seq >= first.seq:
            self._tell_changes(room, first.previous)

    def _current_room(self, room_id: int, members_version: int) -> LiveRoom | None:
        """The room, with the members of that version or a later one; None if it is no more."""
        if not self._rooms.is_known(room_id, members_version):
            self._rooms.uncertain(room_id)
        return self._rooms.find(room_id)

    # ------------------------------------------------------------------ what the database has

    def _tell_messages(self, room: LiveRoom, until: int | None) -> bool:
        """The messages that were not told, up to that number; whether these were all.

        From then on it is known what was told of the room.
        """
        told = self._told.get(room.id) or self._begin(room.id)
        query = by_room(select(*SHOWN)).where(MESSAGES.c.room_id == room.id, MESSAGES.c.id > told.message_id)
        rows = self._database.rows(query.order_by(MESSAGES.c.id).limit(ROWS_AT_ONCE))
        is_all = len(rows) < ROWS_AT_ONCE
        rows = [row for row in rows if row.seq > told.seq and (until is None or row.seq <= until)]
        messages = self._messages(room, rows)
        authors = {row.id: self._users.display_name(row.sender_id) for row in rows} if room.kind == LOBBY else {}
        for row in rows:  # nothing waits from here on: what counts as told is told
            told.seq, told.message_id = row.seq, row.id
            if row.deleted_at is None:
                self._here.publish(*events_of(room, messages[row.id], row.seq, author=authors.get(row.id)))
        if until is not None and is_all:
            told.seq = max(told.seq, until)  # what there is no row of is no more
        return is_all

    def _begin(self, room_id: int) -> Told:
        """Of a room of which nothing is known yet: what was there at the beginning counts as told."""
        newest = by_room(select(MESSAGES.c.seq)).where(MESSAGES.c.room_id == room_id, MESSAGES.c.id <= self._base.message_id)
        seq = self._database.scalar(newest.order_by(MESSAGES.c.id.desc()).limit(1)) or 0
        while len(self._told) >= MAX_ROOMS:
            _, forgotten = self._told.popitem()
            self._base = Newest(max(self._base.message_id, forgotten.message_id),
                                max(self._base.change_id, forgotten.change_id))
        told = self._told[room_id] = Told(seq, self._base.change_id, self._base.message_id)
        return told

    def _tell_changes(self, room: LiveRoom, until: int | None) -> bool:
        """The messages that have changed since what was told, as they are now, up to the change of that id; whether all."""
        told = self._told[room.id]
        newer = select(CHANGES.c.id, CHANGES.c.message_id).where(
            CHANGES.c.room_id == room.id, CHANGES.c.message_id.is_not(None), CHANGES.c.id > told.change_id)
        if until is not None:
            newer = newer.where(CHANGES.c.id <= until)
        changed = self._database.rows(newer.order_by(CHANGES.c.id).limit(ROWS_AT_ONCE))
        rows = {row.id: row for row in self._rows_of([change.message_id for change in changed])}
        messages = self._messages(room, list(rows.values()))
        for change in changed:
            told.change_id = max(told.change_id, change.id)
            row = rows.get(change.message_id)
            if row is not None:
                place = ChangePlace(row.seq, change.id, 0, ANY)
                self._here.publish(MessageDeleted(audience(room), room.id, row.id, place) if row.deleted_at is not None
                                   else MessageUpdated(audience(room), messages[row.id], place))
        is_all = len(changed) < ROWS_AT_ONCE
        if until is not None and is_all:
            told.change_id = max(told.change_id, until)
        return is_all

    def _rows_of(self, message_ids: Sequence[int]) -> Sequence[AnyRow]:
        return self._database.rows(select(*SHOWN).where(MESSAGES.c.id.in_(message_ids))) if message_ids else ()

    def _messages(self, room: LiveRoom, rows: Sequence[AnyRow]) -> dict[int, Message]:
        """{id: Message} of rows."""
        with self._database.reading() as connection:
            found = parts.of_messages(connection, rows)
        return {row.id: self._view.for_everyone(row, room, found.get(row.id, NO_PARTS)) for row in rows}

    # ------------------------------------------------------------------ after something may have been missed

    def begin(self) -> None:
        """Before anything is told here. Raises Unavailable."""
        self._base = self._newest()
        self._moments.append((self._clock(), self._base))

    def remember(self) -> None:
        """Note what is the newest by now; to be called every few seconds."""
        now = self._clock()
        self._moments.append((now, self._newest()))
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
                    rooms = self._rooms_since(self._newest_at(self._doubted_since - SAFE))
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

    def _rooms_since(self, since: Newest) -> set[int]:
        """The ids of the rooms in which something happened that was not told."""
        def limited(query: Select[T]) -> Select[T]:
            return query.limit(CATCH_UP_AT_ONCE)

        found = set()
        for row in self._database.rows(limited(select(MESSAGES.c.room_id, MESSAGES.c.seq).where(
                MESSAGES.c.id > since.message_id).order_by(MESSAGES.c.id.desc()))):
            told = self._told.get(row.room_id)
            if told is None or told.seq < row.seq:
                found.add(row.room_id)
        for row in self._database.rows(limited(select(CHANGES.c.room_id, CHANGES.c.id).where(
                CHANGES.c.id > since.change_id, CHANGES.c.message_id.is_not(None)).order_by(CHANGES.c.id.desc()))):
            told = self._told.get(row.room_id)
            if told is None or told.change_id < row.id:
                found.add(row.room_id)
        return found

    def _newest(self) -> Newest:
        return Newest(self._database.scalar(select(func.max(MESSAGES.c.id))) or 0,
                      self._database.scalar(select(func.max(CHANGES.c.id))) or 0)


def _place(event: Event) -> tuple[int, int, ChangePlace | None, int | None]:
    """What an Item begins with; (0, 0, None, None) for events that come as they come."""
    if isinstance(event, MessageStored):
        return event.message['roomId'], event.seq, None, event.members_version
    if isinstance(event, (DirectMessageStored, DirectMessageSent, LobbyMessageStored)):
        return event.message['roomId'], event.seq, None, None
    if isinstance(event, (MessageUpdated, MessageDeleted, ReactionChanged)):
        place = ChangePlace(*event.place)
        room_id = event.message['roomId'] if isinstance(event, MessageUpdated) else event.room_id
        return room_id, place.seq, place, place.members_version if isinstance(event.audience, RoomMembers) else None
    if isinstance(event.audience, RoomMembers):
        return event.audience.room_id, 0, None, ANY
    return 0, 0, None, None


def _message_id(item: Item) -> int:
    event: Any = item.events[0]
    message_id: int = event.message['id']
    return message_id
