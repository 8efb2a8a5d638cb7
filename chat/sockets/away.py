"""Connections whose line was lost: for a while they may come back, as if they had never been away."""
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from ..transport import History, Missed, PrivateIds, fingerprint
from .connections import Connection, Kind, Registry

NO_SESSION = ''  # is that of a connection that was never here
MAX_LOST = 10_000
MAX_PER_USER = 20  # of one user; the oldest gives way


class Given(NamedTuple):
    """What a process knows of a connection that it lost, for another one to which its client has come.

    `frames` are what it missed, `offset` that of the last of them, `known` the fingerprints of what it saw shortly before.
    """

    sign_in_id: str
    frames: list[bytes]
    offset: str | None
    known: list[bytes]


class Lost:
    """A connection that was lost at that time; `heir` is the new one of a client that is on its way back to it.

    What it `missed` here comes behind what it missed in the process that it was lost in, if that was another one: `given`.
    """

    __slots__ = ('connection', 'at', 'heir', 'given', 'missed')

    def __init__(self, connection: Connection, at: float) -> None:
        self.connection, self.at = connection, at
        self.heir: Connection | None = None
        self.given: Given | None = None
        self.missed: Missed | None = None


class Away:
    """Those that were lost in the last `seconds`; nobody, without a `history` of what was sent.

    `unseen` is for how many seconds before a loss is noticed a client may have read nothing. `pids` are given to all,
    and say whose they are by themselves, so that nothing is kept here for a connection that is there.
    """

    def __init__(self, *, registry: Registry, history: History | None, seconds: float, unseen: float,
                 key: bytes | None = None, clock: Callable[[], float] = time.monotonic,
                 now: Callable[[], float] = time.time) -> None:
        self._registry, self._history, self._seconds, self._unseen = registry, history, seconds, unseen
        self._clock, self._now = clock, now
        self._pids = PrivateIds(key)
        self._lost: OrderedDict[str, Lost] = OrderedDict()  # by the connection's id, the longest away first
        self._of_user: dict[int, dict[str, None]] = {}  # the ids of a user's, in the same order

    def __len__(self) -> int:
        return len(self._lost)

    @property
    def is_possible(self) -> bool:
        """Whether anybody can come back at all."""
        return self._history is not None

    def new_pid(self, connection: Connection) -> str | None:
        """The private id of a connection that begins now; None if its client can't come back."""
        if self._history is None or not connection.has_offsets:
            return None
        return self._pids.issue(connection.namespace, connection.sid, self._history.last)

    def read(self, pid: Any, namespace: str) -> tuple[str, int] | None:
        """(the id of the connection that a pid was given to, where it began), whatever has become of it.

        None for one that is none.
        """
        return self._pids.read(namespace, pid)

    # ------------------------------------------------------------------ who goes

    def add(self, connection: Connection) -> None:
        """A signed-in connection is lost."""
        if self._history is None or not connection.has_offsets:
            return
        lost = self._lost.get(connection.sid)
        if lost is not None:  # it was on its way back
            lost.heir = lost.missed = None
            lost.given = None
            return
        of_user = self._of_user.setdefault(connection.me, {})
        if len(of_user) >= MAX_PER_USER:
            self.discard(next(iter(of_user)))
        elif len(self._lost) >= MAX_LOST:
            self.discard(next(iter(self._lost)))
        self._lost[connection.sid] = Lost(connection, self._clock())
        self._of_user.setdefault(connection.me, {})[connection.sid] = None
        self._registry.add_lost(connection)

    def discard(self, sid: str) -> None:
        """A connection does not come back any more, or has."""
        lost = self._lost.pop(sid, None)
        if lost is not None:
            of_user = self._of_user[lost.connection.me]
            del of_user[sid]
            if not of_user:
                del self._of_user[lost.connection.me]
            self._registry.remove_lost(lost.connection)

    def expire(self) -> None:
        """Forget those that have been away for too long, and what nobody can have missed any more."""
        while self._lost and self._is_over(lost := next(iter(self._lost.values()))):
            self.discard(lost.connection.sid)
        if self._history is not None:
            self._history.forget()

    def _is_over(self, lost: Lost) -> bool:
        return lost.at + self._seconds < self._clock()

    # ------------------------------------------------------------------ who comes back

    def get(self, sid: str) -> Connection | None:
        """The connection of that id that is lost."""
        lost = self._lost.get(sid)
        return lost.connection if lost else None

    def claim(self, connection: Connection, pid: Any, offset: Any) -> Connection | None:
        """The lost connection that a new, signed-in one of the same user continues, if all that it missed is known.

        `offset` is the last that the client has seen, None if there was none. Others may have their turn meanwhile.
        """
        known, history = self._pids.read(connection.namespace, pid), self._history
        lost = self._lost.get(known[0]) if known else None
        if known is None or history is None or lost is None or not self._may_continue(lost, connection):
            return None
        since = self._seen(lost.connection, known[1], offset)
        missed = None if since is None else history.missed(lost.connection, since, lost.at - self._unseen)
        if missed is None or self._lost.get(known[0]) is not lost or not self._may_continue(lost, connection):
            return None
        lost.heir, lost.missed = connection, missed
        return lost.connection

    def _seen(self, connection: Connection, start: int, offset: Any) -> int | None:
        """The number up to which its client has seen everything; None if that is not known."""
        assert self._history is not None
        if connection.moved_in is not None:
            start, moved_with = connection.moved_in
            if offset == moved_with:
                return start
        seen = 0 if offset is None else self._history.number_of(offset)
        return None if seen is None else max(seen, start)

    def _may_continue(self, lost: Lost, connection: Connection) -> bool:
        before = lost.connection
        return (lost.heir is None and not self._is_over(lost) and before.user_id == connection.user_id
                and (before.expires_at is None or before.expires_at > self._now()))

    def is_claimed_by(self, connection: Connection, sid: str) -> bool:
        """Whether the connection is on its way to continue the lost one of that id."""
        lost = self._lost.get(sid)
        return lost is not None and lost.heir is connection

    def is_heir(self, connection: Connection) -> bool:
        """Whether the connection continues one that is lost, and has not caught up with it yet."""
        return self.is_claimed_by(connection, connection.sid)

    def catch_up(self, connection: Connection) -> list[bytes] | None:
        """What an heir has to be sent before anything new; it is there again from now on. None if that is not known."""
        lost = self._lost[connection.sid]
        self.discard(connection.sid)
        if self._history is None or lost.missed is None or not self._history.read_on(lost.missed):
            return None
        if lost.given is None:
            return lost.missed.frames
        known = Counter([*map(fingerprint, lost.given.frames), *lost.given.known])
        frames = list(lost.given.frames)
        for frame in lost.missed.frames:
            event = fingerprint(frame)
            if known[event]:
                known[event] -= 1
            else:
                frames.append(frame)
        return frames

    # ------------------------------------------------------------------ who moves from one process to another

    def expect(self, connection: Connection, sid: str, kind: Kind) -> None:
        """Begin to keep what is for a connection of that kind that another process has lost: the new one of its client."""
        lost = Connection(sid, NO_SESSION, connection.namespace, connection.address)
        lost.user_id, lost.sign_in_id, lost.expires_at = connection.user_id, connection.sign_in_id, connection.expires_at
        lost.dialect, lost.kind = kind.dialect, kind
        assert self._history is not None
        lost.moved_in = self._history.last, None
        self.add(lost)

    def take(self, connection: Connection, sid: str, given: Given) -> None:
        """The new connection continues the one that was expected, which another process gives away."""
        lost = self._lost[sid]
        assert lost.connection.moved_in is not None
        start, _ = lost.connection.moved_in
        lost.connection.moved_in, lost.connection.sign_in_id = (start, given.offset), given.sign_in_id
        lost.heir, lost.given, lost.missed = connection, given, Missed(lost.connection, start)

    def give(self, sid: str, start: int, offset: Any) -> Given | None:
        """Give a lost connection away: it is gone here. `start` is where it began, unless it had moved here.

        None if not all that it missed is known, or if its client is on its way back to this process.
        """
        lost, history = self._lost.get(sid), self._history
        if lost is None or history is None or lost.heir is not None or self._is_over(lost):
            return None
        since = self._seen(lost.connection, start, offset)
        missed = None if since is None else history.missed(lost.connection, since, lost.at - self._unseen)
        if since is None or missed is None or self._lost.get(sid) is not lost or not history.read_on(missed):
            return None
        self.discard(sid)
        return Given(lost.connection.sign_in_id or '', missed.frames,
                     offset if missed.last is None else history.offset_of(missed.last),
                     [*map(fingerprint, history.seen(lost.connection, since))])
