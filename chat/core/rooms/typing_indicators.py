"""Who is typing where: forgotten when they stop, leave, lose their connection, or say nothing for TIMEOUT seconds.

A user may type in a room in several processes. Each says when it begins and when it stops there; whose stop comes out of the
log as the last one tells everybody.
"""
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import TypeVar

from ...errors import RateLimited
from ..accounts.blocks import Blocks
from ..events import RoomMembers, TypingChanged, Users
from ..machinery.publisher import Publisher
from ..shared.log import Entry, Log
from .rooms import DIRECT, LOBBY, LiveRoom, Rooms

TIMEOUT = 6           # seconds
LATE = 1              # by which the word of another process may be late
MAX_ROOMS = 50        # in which one connection may type at the same time
TYPING = 'typing'     # topic

Key = tuple[int, int, str]  # room id, user id, connection id
K = TypeVar('K')
V = TypeVar('V')


class TypingIndicators:
    """`here` tells this process's clients alone: what a process has said that is no more."""

    def __init__(self, *, rooms: Rooms, blocks: Blocks, publisher: Publisher, here: Publisher, log: Log,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._rooms, self._blocks, self._clock = rooms, blocks, clock
        self._publisher, self._here, self._log = publisher, here, log
        self._until: OrderedDict[Key, float] = OrderedDict()  # when it ends by itself, the first one first
        self._by_connection: dict[str, set[Key]] = {}
        self._by_user: dict[int, dict[int, set[str]]] = {}  # in which rooms, and there on which connections
        self._stopping: dict[tuple[int, int], RoomMembers] = {}  # whom to tell of a stop on its way to the log
        # what other processes say, by room, user and process: until when; as many as there are connections to type on
        self._elsewhere: OrderedDict[tuple[int, int, str], float] = OrderedDict()
        self._processes: Counter[tuple[int, int]] = Counter()  # how many of them there are, by room and user
        log.subscribe(TYPING, self._said)

    def set(self, room: LiveRoom, user_id: int, connection_id: str, is_typing: bool) -> None:
        """The user begins, goes on, or stops typing in a LiveRoom it is in. Raises Forbidden where it is not welcome."""
        if room.kind == DIRECT:
            self._blocks.require_welcome(user_id, room.other(user_id))
        if room.kind == LOBBY:
            return
        key = room.id, user_id, connection_id
        if is_typing:
            self._start(key)
            self._log.tell_others(TYPING, [room.id, user_id, True])
            self._publisher.publish(TypingChanged(self._others(room.id, user_id), room.id, user_id, True))
        else:
            self._stop(key)

    def _start(self, key: Key) -> None:
        room_id, user_id, connection_id = key
        keys = self._by_connection.setdefault(connection_id, set())
        if key not in keys:
            if len(keys) >= MAX_ROOMS:
                raise RateLimited(TIMEOUT)
            keys.add(key)
            self._by_user.setdefault(user_id, {}).setdefault(room_id, set()).add(connection_id)
        self._until.pop(key, None)
        self._until[key] = self._clock() + TIMEOUT

    def closed(self, connection_id: str) -> None:
        """The connection is gone, and with it whatever was being typed."""
        for key in list(self._by_connection.get(connection_id, ())):
            self._stop(key)

    def is_typing(self, room_id: int, user_id: int) -> bool:
        """Whether the user is typing in the room, on a connection of this process."""
        return room_id in self._by_user.get(user_id, {})

    def left(self, room_id: int, user_id: int) -> None:
        """The user is no longer in the room: for those who are, it stops typing."""
        for connection_id in list(self._by_user.get(user_id, {}).get(room_id, ())):
            self._stop((room_id, user_id, connection_id))

    def hide(self, user_id: int, viewer_id: int) -> None:
        """The viewer is blocked: for it the user stops typing, wherever that is."""
        elsewhere = {room_id for room_id, typing_id in self._processes if typing_id == user_id}
        for room_id in elsewhere.union(self._by_user.get(user_id, ())):
            room = self._rooms.find(room_id)
            if room is not None and room.has(viewer_id):
                self._publisher.publish(TypingChanged(Users((viewer_id,)), room_id, user_id, False))

    def expire(self) -> None:
        """Stop those who said nothing for TIMEOUT seconds."""
        while self._until and next(iter(self._until.values())) <= self._clock():
            self._stop(next(iter(self._until)))
        while self._elsewhere and next(iter(self._elsewhere.values())) <= self._clock():
            room_id, user_id, process = next(iter(self._elsewhere))
            self._forget_elsewhere(room_id, user_id, process)
            if not self.is_typing(room_id, user_id) and (room_id, user_id) not in self._processes:
                self._here.publish(TypingChanged(self._others(room_id, user_id), room_id, user_id, False))

    def _said(self, entry: Entry) -> None:
        """A user is typing in a process, or stops there. One that dies says nothing more: that ends by itself."""
        room_id, user_id, is_typing = entry.data
        if entry.is_own:
            audience = self._stopping.pop((room_id, user_id), None)
            if audience is not None and not self.is_typing(room_id, user_id) and (room_id, user_id) not in self._processes:
                self._publisher.publish(TypingChanged(audience, room_id, user_id, False))
            return
        self._forget_elsewhere(room_id, user_id, entry.process)
        if is_typing:
            self._elsewhere[room_id, user_id, entry.process] = self._clock() + TIMEOUT + LATE
            self._processes[room_id, user_id] += 1

    def _forget_elsewhere(self, room_id: int, user_id: int, process: str) -> None:
        if self._elsewhere.pop((room_id, user_id, process), None) is not None:
            self._processes[room_id, user_id] -= 1
            if not self._processes[room_id, user_id]:
                del self._processes[room_id, user_id]

    def _stop(self, key: Key) -> None:
        room_id, user_id, connection_id = key
        audience = self._others(room_id, user_id)  # first, since it may fail: then the key stays, until it expires
        if self._until.pop(key, None) is None:
            return
        _discard(self._by_connection, connection_id, key)
        rooms = self._by_user[user_id]
        _discard(rooms, room_id, connection_id)
        if not rooms:
            del self._by_user[user_id]
        if room_id not in rooms:  # else the user is typing there on another connection
            self._stopping[room_id, user_id] = audience
            self._log.append(TYPING, [room_id, user_id, False])

    def _others(self, room_id: int, user_id: int) -> RoomMembers:
        """The other members, but for those whom the user blocked."""
        return RoomMembers(room_id, without=self._blocks.blocked_by(user_id) | {user_id})


def _discard(groups: dict[K, set[V]], key: K, value: V) -> None:
    """Take the value out of the group of that key, and the group with the last one."""
    groups[key].discard(value)
    if not groups[key]:
        del groups[key]
