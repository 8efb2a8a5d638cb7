"""Who is online: every user with at least one authenticated connection, on any namespace."""


class Presence:

    def __init__(self):
        self._connections = {}  # user id: ids of the open connections; bounded by their number

    def connected(self, user_id, connection_id):
        """An authenticated connection of the user is open."""
        self._connections.setdefault(user_id, set()).add(connection_id)

    def disconnected(self, user_id, connection_id):
        """It is closed."""
        connections = self._connections.get(user_id, set())
        connections.discard(connection_id)
        if not connections:
            self._connections.pop(user_id, None)

    def is_online(self, user_id):
        return user_id in self._connections
