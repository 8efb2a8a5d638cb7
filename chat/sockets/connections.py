"""The connections of this process: one for each namespace that a client opened."""
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from gevent.event import Event as Signal

from ..dialects import DIALECTS
from ..errors import ChatError, Unauthorized
from ..tokens import Identity

MAX_PENDING = 512  # sends of one connection that wait for the database; then it is read no further
K = TypeVar('K')


class Kind(NamedTuple):
    """Connections of one kind get the same encoding of an event; the dialect is '' until one is known."""

    namespace: str
    dialect: str
    has_offsets: bool


_kinds: dict[Kind, Kind] = {}  # each once, whoever is of it


def shared(kind: Kind) -> Kind:
    """The one Kind that is equal to this one."""
    return _kinds.setdefault(kind, kind)


class Connection:
    """One client in one namespace. `user_id` is None until it has signed in; `is_open` says that it is not gone.

    Sends are acknowledged when they are stored, in the order in which they came: `begin` puts an Arrival in the order,
    `finish` gives it its result, and the answers before it go out first.
    """

    __slots__ = ('sid', 'eio_sid', 'namespace', 'address', 'user_id', 'sign_in_id', 'expires_at', 'dialect', 'kind',
                 'failed_logins', 'is_open', 'moved_in', '_arrivals', '_progress')

    def __init__(self, sid: str, eio_sid: str, namespace: str, address: str, has_offsets: bool = False) -> None:
        self.sid, self.eio_sid, self.namespace, self.address = sid, eio_sid, namespace, address
        self.user_id: int | None = None
        self.sign_in_id: str | None = None
        self.expires_at: float | None = None  # seconds
        self.dialect: str | None = None
        self.kind = shared(Kind(namespace, '', has_offsets))
        self.failed_logins = 0
        self.is_open = False
        self.moved_in: tuple[int, str | None] | None = None  # from another process: at which number, and its offset of then
        self._arrivals = NOTHING  # a deque of its own costs 760 bytes, which an idle connection can do without
        self._progress: Signal | None = None  # made when somebody waits, which is seldom

    @property
    def me(self) -> int:
        """The id of the user who is signed in. Raises Unauthorized if nobody is."""
        if self.user_id is None:
            raise Unauthorized()
        return self.user_id

    def identify(self, identity: Identity, default_dialect: str) -> None:
        """Bind the connection to an Identity; the first one decides the dialect, unless the handshake did."""
        self.user_id, self.sign_in_id = identity.user_id, identity.sign_in_id
        self.expires_at = identity.expires_at
        self.dialect = self.dialect or (identity.dialect if identity.dialect in DIALECTS else default_dialect)
        self.kind = shared(self.kind._replace(dialect=self.dialect or default_dialect))

    def continues(self, lost: 'Connection') -> None:
        """This is another one of the same user, whose client has come back: be what it was."""
        self.sid, self.dialect, self.kind, self.moved_in = lost.sid, lost.dialect, lost.kind, lost.moved_in

    @property
    def has_offsets(self) -> bool:
        """Whether the client is given an offset with each event."""
        return self.kind.has_offsets

    def begin(self, arrival: 'Arrival') -> None:
        """Put an event in the order of answers, once there is a place for it."""
        while len(self._arrivals) >= MAX_PENDING:
            self._wait()
        if self._arrivals is NOTHING:
            self._arrivals = deque()
        self._arrivals.append(arrival)

    def finish(self, arrival: 'Arrival', result: 'Result') -> Iterator['Arrival']:
        """Give the event its result; yields those whose turn it is to be answered."""
        arrival.result = result
        while self._arrivals and self._arrivals[0].result is not None:
            yield self._arrivals.popleft()
        if not self._arrivals:
            self._arrivals = NOTHING
        if self._progress:
            self._progress.set()

    def wait_for_earlier(self) -> None:
        """Wait until every event before the newest has been answered."""
        while len(self._arrivals) > 1:
            self._wait()

    def _wait(self) -> None:
        self._progress = self._progress or Signal()
        self._progress.clear()
        self._progress.wait()


Result = dict[str, Any] | ChatError  # what an acknowledgement adds, or why there is nothing


class Arrival:
    """An event of a client, from its arrival to its answer; the name and the payload are what the client sent."""

    __slots__ = ('connection', 'name', 'payload', 'ack_id', 'result')

    def __init__(self, connection: Connection, name: Any, payload: Any, ack_id: int | None) -> None:
        self.connection, self.name, self.payload, self.ack_id = connection, name, payload, ack_id
        self.result: Result | None = None


NOTHING: deque[Arrival] = deque(maxlen=0)

class Registry:
    """Finds connections by their own id, by user, by dialect and by Engine.IO session.

    One that is lost and may come back is still found by its user, so that what it misses is made for it.
    """

    def __init__(self) -> None:
        self._by_sid: dict[str, Connection] = {}
        self._by_user: dict[int, set[Connection]] = {}
        self._by_session: dict[str, set[Connection]] = {}
        self._by_dialect: dict[str, set[Connection]] = {}

    def add(self, connection: Connection) -> None:
        """A connection that was accepted, whether or not it has signed in."""
        self._by_sid[connection.sid] = connection
        self._by_session.setdefault(connection.eio_sid, set()).add(connection)

    def sign_in(self, connection: Connection) -> None:
        """The connection is its user's from now on, and gets events."""
        self._by_user.setdefault(connection.me, set()).add(connection)
        self._by_dialect.setdefault(connection.kind.dialect, set()).add(connection)

    def remove(self, sid: str) -> Connection | None:
        """The connection, which is no longer found; None if there is none."""
        connection = self._by_sid.pop(sid, None)
        if connection is not None:
            _discard(self._by_session, connection.eio_sid, connection)
            _discard(self._by_user, connection.user_id, connection)
            _discard(self._by_dialect, connection.dialect, connection)
        return connection

    def add_lost(self, connection: Connection) -> None:
        """A connection that was removed is one that may come back."""
        self._by_user.setdefault(connection.me, set()).add(connection)

    def remove_lost(self, connection: Connection) -> None:
        """It came back as another one, or no longer may."""
        _discard(self._by_user, connection.user_id, connection)

    def get(self, sid: str) -> Connection | None:
        """The connection of that id."""
        return self._by_sid.get(sid)

    def all(self) -> list[Connection]:
        """Those that were accepted, whether or not they have signed in."""
        return list(self._by_sid.values())

    def of_namespace(self, eio_sid: str, namespace: str) -> Connection | None:
        """The connection that an Engine.IO session has in a namespace, or None."""
        for connection in self._by_session.get(eio_sid, ()):
            if connection.namespace == namespace:
                return connection
        return None

    def of_session(self, eio_sid: str) -> Collection[Connection]:
        """The connections of one Engine.IO session."""
        return self._by_session.get(eio_sid, ())

    def of_dialect(self, dialect: str) -> Collection[Connection]:
        """The signed-in connections that speak it."""
        return self._by_dialect.get(dialect, ())

    def of_users(self, user_ids: Iterable[int]) -> list[Connection]:
        """The signed-in connections of these users, and those that are lost."""
        return [connection for group in filter(None, map(self._by_user.get, user_ids)) for connection in group]

    def of_everyone(self) -> list[Connection]:
        """All signed-in connections, and those that are lost."""
        return [connection for group in self._by_user.values() for connection in group]

    def __len__(self) -> int:
        return len(self._by_sid)


def _discard(groups: dict[K, set[Connection]], key: K | None, connection: Connection) -> None:
    group = groups.get(key) if key is not None else None
    if group is not None and key is not None:
        group.discard(connection)
        if not group:
            del groups[key]
