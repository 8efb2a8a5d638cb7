"""Who is typing where: forgotten when they stop, leave, lose their connection, or say nothing for TIMEOUT seconds."""
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from ...errors import RateLimited
from ..accounts.blocks import Blocks
from ..events import RoomMembers, TypingChanged, Users
from ..machinery.publisher import Publisher
from .rooms import DIRECT, LOBBY, LiveRoom, Rooms

TIMEOUT = 6           # seconds
MAX_ROOMS = 50        # in which one connection may type at the same time

Key = tuple[int, int, str]  # room id, user id, connection id
K = TypeVar('K')
V = TypeVar('V')


class TypingIndicators:

    def __init__(self, *, rooms: Rooms, blocks: Blocks, publisher: Publisher,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._rooms, self._blocks, self._publisher, self._clock = rooms, blocks, publisher, clock
        self._until: OrderedDict[Key, float] = OrderedDict()  # when it ends by itself, the first one first
        self._by_connection: dict[str, set[Key]] = {}
        self._by_user: dict[int, dict[int, set[str]]] = {}  # in which rooms, and there on which connections

    def set(self, room: LiveRoom, user_id: int, connection_id: str, is_typing: bool) -> None:
        """The user begins, goes on, or stops typing in a LiveRoom it is in. Raises Forbidden where it is not welcome."""
        if room.kind == DIRECT:
            self._blocks.require_welcome(user_id, room.other(user_id))
        if room.kind == LOBBY:
            return
        key = room.id, user_id, connection_id
        if is_typing:
            self._start(key)
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

    def left(self, room_id: int, user_id: int) -> None:
        """The user is no longer in the room: for those who are, it stops typing."""
        for connection_id in list(self._by_user.get(user_id, {}).get(room_id, ())):
            self._stop((room_id, user_id, connection_id))

    def hide(self, user_id: int, viewer_id: int) -> None:
        """The viewer is blocked: for it the user stops typing, wherever that is."""
        for room_id in list(self._by_user.get(user_id, ())):
            room = self._rooms.find(room_id)
            if room is not None and room.has(viewer_id):
                self._publisher.publish(TypingChanged(Users((viewer_id,)), room_id, user_id, False))

    def expire(self) -> None:
        """Stop those who said nothing for TIMEOUT seconds."""
        while self._until and next(iter(self._until.values())) <= self._clock():
            self._stop(next(iter(self._until)))

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
            self._publisher.publish(TypingChanged(audience, room_id, user_id, False))

    def _others(self, room_id: int, user_id: int) -> RoomMembers:
        """The other members, but for those whom the user blocked."""
        return RoomMembers(room_id, without=self._blocks.blocked_by(user_id) | {user_id})


def _discard(groups: dict[K, set[V]], key: K, value: V) -> None:
    """Take the value out of the group of that key, and the group with the last one."""
    groups[key].discard(value)
    if not groups[key]:
        del groups[key]
