"""Who is online: every user with at least one authenticated connection, on any namespace."""
from sqlalchemy import bindparam, update

from ..models import User
from .clock import now_ms

USERS = User.__table__
LAST_SEEN = update(USERS).where(USERS.c.id == bindparam('user')).values(last_seen=bindparam('at'))


class Presence:

    def __init__(self, gatherer):
        self._gatherer = gatherer
        self._connections = {}  # user id: ids of the open connections; bounded by their number

    def connected(self, user_id, connection_id):
        """An authenticated connection of the user is open."""
        self._connections.setdefault(user_id, set()).add(connection_id)

    def disconnected(self, user_id, connection_id):
        """It is closed; with the last one the user was last seen."""
        connections = self._connections.get(user_id)
        if connections is None:
            return
        connections.discard(connection_id)
        if not connections:
            del self._connections[user_id]
            self._gatherer.put('last_seen', user_id, {'user': user_id, 'at': now_ms()})

    def is_online(self, user_id):
        return user_id in self._connections

    def last_seen(self, user_id, stored):
        """When the user's last connection closed, in milliseconds; `stored` is what the database says."""
        newer = self._gatherer.pending('last_seen', user_id)
        return newer['at'] if newer else stored
