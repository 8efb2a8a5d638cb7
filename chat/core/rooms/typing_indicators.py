"""Who is typing where: forgotten when they stop, when their connection closes, and after TIMEOUT seconds without a word."""
import time
from collections import OrderedDict

from ...errors import RateLimited
from ..machinery.publisher import Event
from .rooms import DIRECT, LOBBY

TIMEOUT = 6           # seconds
MAX_ROOMS = 50        # in which one connection may type at the same time


class Typing:

    def __init__(self, rooms, blocks, publisher, clock=time.monotonic):
        self._rooms, self._blocks, self._publisher, self._clock = rooms, blocks, publisher, clock
        self._until = OrderedDict()  # (room id, user id, connection id): when it ends by itself, the first one first
        self._by_connection = {}     # connection id: its keys

    def set(self, room, user_id, connection_id, is_typing):
        """The user begins, goes on, or stops typing in a LiveRoom it is in. Raises Forbidden where it is not welcome."""
        if room.kind == DIRECT:
            self._blocks.require_welcome(user_id, room.other(user_id))
        if room.kind == LOBBY:
            return
        key = room.id, user_id, connection_id
        if not is_typing:
            self._stop(key)
            return
        keys = self._by_connection.setdefault(connection_id, set())
        if len(keys) >= MAX_ROOMS and key not in keys:
            raise RateLimited(TIMEOUT)
        keys.add(key)
        self._until.pop(key, None)
        self._until[key] = self._clock() + TIMEOUT
        self._tell(room, user_id, True)

    def closed(self, connection_id):
        """The connection is gone, and with it whatever was being typed."""
        for key in list(self._by_connection.get(connection_id, ())):
            self._stop(key)

    def hide(self, user_id, viewer_id):
        """The viewer is blocked: for it the user stops typing, wherever that is."""
        for room_id in {key[0] for key in self._until if key[1] == user_id}:
            room = self._rooms.find(room_id)
            if room is not None and room.has(viewer_id):
                data = {'roomId': room_id, 'userId': user_id, 'isTyping': False}
                self._publisher.publish(Event('typing', data, (viewer_id,)))

    def expire(self):
        """Stop those who said nothing for TIMEOUT seconds."""
        while self._until and next(iter(self._until.values())) <= self._clock():
            self._stop(next(iter(self._until)))

    def _stop(self, key):
        if self._until.pop(key, None) is None:
            return
        room_id, user_id, connection_id = key
        keys = self._by_connection[connection_id]
        keys.discard(key)
        if not keys:
            del self._by_connection[connection_id]
        if any(other[:2] == (room_id, user_id) for other in self._until):
            return  # the user is typing there on another connection
        room = self._rooms.find(room_id)
        if room is not None and room.has(user_id):
            self._tell(room, user_id, False)

    def _tell(self, room, user_id, is_typing):
        others = room.members - {user_id} - self._blocks.blocked_by(user_id)
        data = {'roomId': room.id, 'userId': user_id, 'isTyping': is_typing}
        self._publisher.publish(Event('typing', data, tuple(others)))
