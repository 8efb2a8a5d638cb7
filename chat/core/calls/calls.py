"""Calls between two users: who rings, who answers, when it ends. What the two say to each other is passed on unread.

A call rings, is active once one of the callee's connections has answered, and ends. Everything happens in memory and
at once: nothing here waits while it changes a call, so events keep their order, and the record is stored later.
"""
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ...errors import Busy, Forbidden, Invalid, NotFound, Offline
from ..accounts.blocks import Blocks
from ..accounts.users import Users
from ..events import CallAnswered, CallCandidate, CallEnded, CallSignal, CallStarted, Connections
from ..machinery.clock import now_ms
from ..machinery.publisher import Publisher
from ..objects import Outcome
from .records import BUSY, COMPLETED, DECLINED, FAILED, MISSED, CallRecords, Record


@dataclass(frozen=True, slots=True)
class Signal:
    """What a connection of a user has for another user: `data` is theirs. `call_id` is None if the client didn't say."""

    user_id: int
    connection_id: str
    other_id: int
    call_id: int | None
    data: dict[str, Any]


@dataclass(slots=True, eq=False)
class Call:
    """A call that has not ended.

    `connections` maps each party to those of its connections that take part: the caller's one, and all that ring of the
    callee; after the answer the one that answered. `rings_until` is by the clock of Calls, the other times are in ms.
    """

    id: int
    caller_id: int
    callee_id: int
    connections: dict[int, set[str]]
    started_at: int
    rings_until: float
    answered_at: int | None = None

    @property
    def is_active(self) -> bool:
        return self.answered_at is not None

    def other(self, user_id: int) -> int:
        """The other party."""
        return self.callee_id if user_id == self.caller_id else self.caller_id


class Calls:
    """`timeout` is how long a call rings, in seconds. One process knows of its own calls only."""

    def __init__(self, *, users: Users, blocks: Blocks, records: CallRecords, publisher: Publisher, timeout: float,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._users, self._blocks, self._records, self._publisher = users, blocks, records, publisher
        self._timeout, self._clock = timeout, clock
        # the Call of each party; bounded by those who are connected, since a call ends with its connections
        self._by_user: dict[int, Call] = {}
        self._ringing: dict[int, Call] = {}  # by id, the oldest first

    def __len__(self) -> int:
        return len(self._by_user) // 2

    # ------------------------------------------------------------------ what clients say

    def start(self, signal: Signal, connections_of: Callable[[int], set[str]]) -> tuple[int, bool]:
        """Call the other one; returns (id, whether it is rather the other's call, which came first and rings already).

        `connections_of(user_id)` gives the ids of the connections that calls can reach. Raises Busy, Offline, NotFound.
        """
        caller_id, callee_id = signal.user_id, signal.other_id
        if caller_id == callee_id:
            raise Invalid(to='is yourself')
        is_welcome = not self._blocks.hides(callee_id, caller_id)  # may wait for the database: nothing after it does
        if signal.connection_id not in connections_of(caller_id):
            raise Forbidden('Calls need a connection of the standard dialect on / or /call')
        call = self._by_user.get(caller_id)
        if call and call.caller_id == callee_id and not call.is_active:
            call.connections[caller_id].add(signal.connection_id)  # it may be newer than the ringing, and answer too
            return call.id, True
        if call:
            raise Busy('You are in a call already: end it first')
        call = self._new_call(signal, connections_of(callee_id) if is_welcome else ())
        self._require_reachable(call)
        self._by_user[caller_id] = self._by_user[callee_id] = self._ringing[call.id] = call
        self._tell(call, CallStarted, callee_id, signal.data)
        return call.id, False

    def _require_reachable(self, call: Call) -> None:
        """Raise Offline, NotFound or Busy unless the callee can be rung; that it was tried is recorded."""
        if not call.connections[call.callee_id]:
            self._users.require_active(call.callee_id)
            self._record(call, FAILED)
            raise Offline()
        if call.callee_id in self._by_user:
            self._record(call, BUSY)
            raise Busy()

    def answer(self, signal: Signal) -> int:
        """Take the call that rings; the callee's other connections are told. Returns its id. Raises NotFound."""
        call = self._require(signal)
        if call.is_active or signal.user_id == call.caller_id:
            raise NotFound('There is no call to answer')
        others = call.connections[call.callee_id] - {signal.connection_id}
        call.connections[call.callee_id] = {signal.connection_id}
        call.answered_at = now_ms()
        del self._ringing[call.id]
        self._tell(call, CallAnswered, call.caller_id, signal.data)
        self._tell(call, CallEnded, call.callee_id, {'reason': 'answered_elsewhere'}, others)
        return call.id

    def candidate(self, signal: Signal) -> int:
        """Pass on a way to reach the sender's media, also while it rings. Returns the call's id. Raises NotFound."""
        call = self._require(signal)
        self._tell(call, CallCandidate, signal.other_id, signal.data)
        return call.id

    def end(self, signal: Signal) -> int:
        """Hang up or decline; returns the id of the call. Raises NotFound."""
        call = self._require(signal)
        is_declined = not call.is_active and signal.user_id == call.callee_id
        self._finish(call, COMPLETED if call.is_active else DECLINED if is_declined else MISSED)
        self._tell(call, CallEnded, signal.other_id, signal.data)
        others = call.connections[signal.user_id] - {signal.connection_id}
        self._tell(call, CallEnded, signal.user_id, {'reason': 'declined_elsewhere'}, others)
        return call.id

    def _require(self, signal: Signal) -> Call:
        """The Call in which the connection takes part, with that other user. Raises NotFound."""
        call = self._by_user.get(signal.user_id)
        if (call is None or call.other(signal.user_id) != signal.other_id or signal.call_id not in (None, call.id)
                or signal.connection_id not in call.connections[signal.user_id]):
            raise NotFound('There is no such call')
        return call

    # ------------------------------------------------------------------ what happens to a call

    def closed(self, user_id: int, connection_id: str) -> None:
        """A connection of the user is gone; with its last one that takes part, the call is over.

        The connection is told that it is out of the call: it may have lost its line only, and come back.
        """
        call = self._by_user.get(user_id)
        if call and connection_id in call.connections[user_id]:
            call.connections[user_id].discard(connection_id)
            self._tell(call, CallEnded, user_id, {'reason': 'disconnected'}, {connection_id})
            if not call.connections[user_id]:
                self._break_off(call, 'disconnected')

    def expire(self) -> None:
        """End the calls that nobody has answered in time."""
        while self._ringing and (call := next(iter(self._ringing.values()))).rings_until <= self._clock():
            self._break_off(call, 'timeout')

    def stop(self) -> None:
        """End them all."""
        for call in set(self._by_user.values()):
            self._break_off(call, 'disconnected')

    def _break_off(self, call: Call, reason: str) -> None:
        self._finish(call, FAILED if call.is_active else MISSED)
        for user_id in (call.caller_id, call.callee_id):
            self._tell(call, CallEnded, user_id, {'reason': reason})

    # ------------------------------------------------------------------ the steps that all of this is made of

    def _new_call(self, signal: Signal, reached: Iterable[str]) -> Call:
        connections = {signal.user_id: {signal.connection_id}, signal.other_id: set(reached)}
        return Call(self._records.new_id(), signal.user_id, signal.other_id, connections, now_ms(),
                    self._clock() + self._timeout)

    def _finish(self, call: Call, outcome: Outcome) -> None:
        """Forget the call, and keep its record."""
        self._ringing.pop(call.id, None)
        del self._by_user[call.caller_id], self._by_user[call.callee_id]
        self._record(call, outcome)

    def _record(self, call: Call, outcome: Outcome) -> None:
        self._records.add(Record(
            call.id, call.caller_id, call.callee_id, call.started_at, call.answered_at, now_ms(), outcome))

    def _tell(self, call: Call, event: type[CallSignal], user_id: int, data: dict[str, Any],
              connections: set[str] | None = None) -> None:
        """Tell a party's connections, all that take part or those given, what comes from the other one."""
        told = data | {'from': call.other(user_id), 'callId': call.id}
        to = call.connections[user_id] if connections is None else connections
        if to:
            self._publisher.publish(event(Connections(frozenset(to)), told))
