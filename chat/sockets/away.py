"""Connections whose line was lost: for a while they may come back, as if they had never been away."""
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..transport import History, Missed, PrivateIds
from .connections import Connection, Registry

MAX_LOST = 10_000
MAX_PER_USER = 20  # of one user; the oldest gives way


class Lost:
    """A connection that was lost at that time; `heir` is the new one of a client that is on its way back to it."""

    __slots__ = ('connection', 'at', 'heir', 'missed')

    def __init__(self, connection: Connection, at: float) -> None:
        self.connection, self.at = connection, at
        self.heir: Connection | None = None
        self.missed: Missed | None = None


class Away:
    """Those that were lost in the last `seconds`; nobody, without a `history` of what was sent.

    `unseen` is for how many seconds before a loss is noticed a client may have read nothing. `pids` are given to all,
    and say whose they are by themselves, so that nothing is kept here for a connection that is there.
    """

    def __init__(self, *, registry: Registry, history: History | None, seconds: float, unseen: float,
                 clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time) -> None:
        self._registry, self._history, self._seconds, self._unseen = registry, history, seconds, unseen
        self._clock, self._now = clock, now
        self._pids = PrivateIds()
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

    def sid_of(self, pid: Any, namespace: str) -> str | None:
        """The id of the connection that a pid was given to, whatever has become of it; None for one that is none."""
        known = self._pids.read(namespace, pid)
        return known[0] if known else None

    # ------------------------------------------------------------------ who goes

    def add(self, connection: Connection) -> None:
        """A signed-in connection is lost."""
        if self._history is None or not connection.has_offsets:
            return
        lost = self._lost.get(connection.sid)
        if lost is not None:  # it was on its way back
            lost.heir = lost.missed = None
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
        seen = 0 if offset is None else history.number_of(offset)
        missed = None if seen is None else history.missed(lost.connection, max(seen, known[1]), lost.at - self._unseen)
        if missed is None or self._lost.get(known[0]) is not lost or not self._may_continue(lost, connection):
            return None
        lost.heir, lost.missed = connection, missed
        return lost.connection

    def _may_continue(self, lost: Lost, connection: Connection) -> bool:
        before = lost.connection
        return (lost.heir is None and not self._is_over(lost) and before.user_id == connection.user_id
                and (before.expires_at is None or before.expires_at > self._now()))

    def is_heir(self, connection: Connection) -> bool:
        """Whether the connection continues one that is lost, and has not caught up with it yet."""
        lost = self._lost.get(connection.sid)
        return lost is not None and lost.heir is connection

    def catch_up(self, connection: Connection) -> list[bytes] | None:
        """What an heir has to be sent before anything new; it is there again from now on. None if that is not known."""
        lost = self._lost[connection.sid]
        self.discard(connection.sid)
        if self._history is None or lost.missed is None or not self._history.read_on(lost.missed):
            return None
        return lost.missed.frames
