"""The connections of this process: one for each namespace that a client opened."""
from collections import deque

from gevent.event import Event as Signal

from .dialects import DIALECTS

MAX_PENDING = 512  # sends of one connection that wait for the database; then it is read no further


class Connection:
    """One client in one namespace. `user_id` is None until it has signed in.

    Sends are acknowledged when they are stored, in the order in which they came: `begin` puts an Arrival in the order,
    `finish` gives it its result, and the answers before it go out first. `kind` says which encoding of an event it gets.
    """

    __slots__ = ('sid', 'eio_sid', 'namespace', 'address', 'user_id', 'sign_in_id', 'expires_at', 'dialect', 'kind',
                 'failed_logins', 'is_open', '_arrivals', '_progress')

    def __init__(self, sid, eio_sid, namespace, address):
        self.sid, self.eio_sid, self.namespace, self.address = sid, eio_sid, namespace, address
        self.user_id = self.sign_in_id = self.expires_at = self.dialect = self.kind = None
        self.failed_logins = 0
        self.is_open = False
        self._arrivals = deque()
        self._progress = None  # made when somebody waits, which is seldom

    def identify(self, identity, default_dialect):
        """Bind the connection to a tokens.Identity; the first one decides the dialect, unless the handshake did."""
        self.user_id, self.sign_in_id = identity.user_id, identity.sign_in_id
        self.expires_at = identity.expires_at
        self.dialect = self.dialect or (identity.dialect if identity.dialect in DIALECTS else default_dialect)
        self.kind = self.namespace, self.dialect

    def begin(self, arrival):
        """Put an event in the order of answers, once there is a place for it."""
        while len(self._arrivals) >= MAX_PENDING:
            self._wait()
        self._arrivals.append(arrival)

    def finish(self, arrival, result):
        """Give the event its result; yields those whose turn it is to be answered."""
        arrival.result = result
        while self._arrivals and self._arrivals[0].result is not None:
            yield self._arrivals.popleft()
        if self._progress:
            self._progress.set()

    def wait_for_earlier(self):
        """Wait until every event before the newest has been answered."""
        while len(self._arrivals) > 1:
            self._wait()

    def _wait(self):
        self._progress = self._progress or Signal()
        self._progress.clear()
        self._progress.wait()


class Arrival:
    """An event of a client, from its arrival to its answer."""

    __slots__ = ('connection', 'name', 'payload', 'ack_id', 'result')

    def __init__(self, connection, name, payload, ack_id):
        self.connection, self.name, self.payload, self.ack_id = connection, name, payload, ack_id
        self.result = None


class Registry:
    """Finds connections by their own id, by user and by Engine.IO session."""

    def __init__(self):
        self._by_sid, self._by_user, self._by_session, self._by_dialect = {}, {}, {}, {}

    def add(self, connection):
        """A connection that was accepted, whether or not it has signed in."""
        self._by_sid[connection.sid] = connection
        self._by_session.setdefault(connection.eio_sid, set()).add(connection)

    def sign_in(self, connection):
        """The connection is its user's from now on, and gets events."""
        self._by_user.setdefault(connection.user_id, set()).add(connection)
        self._by_dialect.setdefault(connection.dialect, set()).add(connection)

    def remove(self, sid):
        """The connection, which is no longer found; None if there is none."""
        connection = self._by_sid.pop(sid, None)
        if connection is not None:
            _discard(self._by_session, connection.eio_sid, connection)
            _discard(self._by_user, connection.user_id, connection)
            _discard(self._by_dialect, connection.dialect, connection)
        return connection

    def get(self, sid):
        return self._by_sid.get(sid)

    def all(self):
        return list(self._by_sid.values())

    def of_namespace(self, eio_sid, namespace):
        """The connection that an Engine.IO session has in a namespace, or None."""
        for connection in self._by_session.get(eio_sid, ()):
            if connection.namespace == namespace:
                return connection
        return None

    def of_session(self, eio_sid):
        """The connections of one Engine.IO session."""
        return self._by_session.get(eio_sid, ())

    def of_dialect(self, dialect):
        """The signed-in connections that speak it."""
        return self._by_dialect.get(dialect, ())

    def of_users(self, users):
        """The signed-in connections of these users; of everyone for None."""
        groups = self._by_user.values() if users is None else filter(None, map(self._by_user.get, users))
        return [connection for group in groups for connection in group]

    def __len__(self):
        return len(self._by_sid)


def _discard(groups, key, connection):
    group = groups.get(key)
    if group is not None:
        group.discard(connection)
        if not group:
            del groups[key]
