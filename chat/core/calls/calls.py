"""Calls between two users: who rings, who answers, when it ends. What the two say to each other is passed on unread.

A call rings, is active once one of the callee's connections has answered, and ends. Everything happens in memory and
at once: nothing here waits while it changes a call, so events keep their order, and the record is stored later.

What clients do is appended to the log, and changes the calls where it comes out: so every process knows of every call, all
agree on who was first, and each tells its own connections. Which of its connections ring only a process itself knows.
"""
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

from ...errors import Busy, Forbidden, Invalid, NotFound, Offline
from ..accounts.blocks import Blocks
from ..accounts.presence import Presence
from ..accounts.users import Users
from ..events import CallAnswered, CallCandidate, CallEnded, CallSignal, CallStarted, Connections
from ..machinery.clock import now_ms
from ..machinery.publisher import Publisher
from ..objects import Outcome
from ..shared.log import Entry, Log, Plain
from .call import Call, Signal
from .records import BUSY, COMPLETED, DECLINED, FAILED, MISSED, CallRecords, Record

CALLS = 'calls'  # topic


class Calls:
    """`timeout` is how long a call rings, in seconds. `publisher` tells this process's connections alone."""

    def __init__(self, *, users: Users, blocks: Blocks, presence: Presence, records: CallRecords, publisher: Publisher,
                 log: Log, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._users, self._blocks, self._presence, self._records = users, blocks, presence, records
        self._publisher, self._log, self._timeout, self._clock = publisher, log, timeout, clock
        # the Call of each party; bounded by those who are connected, since a call ends with its connections
        self._by_user: dict[int, Call] = {}
        self._ringing: dict[int, Call] = {}  # by id, the oldest first
        self._last_id = 0
        self._changes: dict[str, Callable[..., Any]] = {
            'start': self._start, 'answer': self._answer, 'candidate': self._candidate, 'end': self._end,
            'closed': self._closed, 'silent': self._silent, 'expired': self._expired, 'over': self._over}
        log.subscribe(CALLS, self._changed)
        log.replicate(CALLS, self)

    def __len__(self) -> int:
        return len(self._by_user) // 2

    # ------------------------------------------------------------------ what clients say

    def start(self, signal: Signal) -> tuple[int, bool]:
        """Call the other one; returns (id, whether it is rather the other's call, which came first and rings already).

        Raises Busy, Offline, NotFound.
        """
        caller_id, callee_id = signal.user_id, signal.other_id
        if caller_id == callee_id:
            raise Invalid(to='is yourself')
        is_welcome = not self._blocks.hides(callee_id, caller_id)
        if not is_welcome or not self._presence.callable_in(callee_id):
            self._users.require_active(callee_id)
        if signal.connection_id not in self._presence.callable_here(caller_id):
            raise Forbidden('Calls need a connection of the standard dialect on / or /call')
        call_id, is_incoming = self._perform(
            'start', self._records.new_id(), caller_id, callee_id, signal.connection_id, now_ms(), is_welcome, signal.data)
        return call_id, is_incoming

    def answer(self, signal: Signal) -> int:
        """Take the call that rings; the callee's other connections are told. Returns its id. Raises NotFound."""
        return self._say('answer', signal)

    def candidate(self, signal: Signal) -> int:
        """Pass on a way to reach the sender's media, also while it rings. Returns the call's id. Raises NotFound."""
        return self._say('candidate', signal)

    def end(self, signal: Signal) -> int:
        """Hang up or decline; returns the id of the call. Raises NotFound."""
        return self._say('end', signal)

    def _say(self, change: str, signal: Signal) -> int:
        """Whether the connection itself takes part is known here alone; whether it is still in time, by the log."""
        call = self._by_user.get(signal.user_id)
        if call is None or signal.connection_id not in self._here(call, signal.user_id):
            raise NotFound('There is no such call')
        call_id: int = self._perform(change, signal.user_id, signal.other_id, signal.connection_id, signal.call_id, now_ms(),
                                     signal.data)
        return call_id

    def _perform(self, *change: Plain) -> Any:
        return self._log.perform(CALLS, change)

    # ------------------------------------------------------------------ what happens to a call

    def closed(self, user_id: int, connection_id: str) -> None:
        """A connection of the user is gone; with its last one that takes part, the call is over.

        The connection is told that it is out of the call: it may have lost its line only, and come back.
        """
        call = self._by_user.get(user_id)
        if call is None:
            return
        has_rung = user_id == call.callee_id and connection_id in call.ringing
        if has_rung:
            call.ringing.discard(connection_id)
        if connection_id in call.connections[user_id]:
            self._log.append(CALLS, ['closed', user_id, connection_id, now_ms()])
        elif has_rung:
            self._tell(call, CallEnded, user_id, {'reason': 'disconnected'}, {connection_id})
        if has_rung and not call.ringing:
            self._log.append(CALLS, ['silent', call.id, now_ms()])

    def expire(self) -> None:
        """End the calls that nobody has answered in time, those that this process sees to."""
        for call in [call for call in self._ringing.values() if call.rings_until <= self._clock()]:
            if call.process == self._log.process:
                call.rings_until = math.inf
                self._log.append(CALLS, ['expired', call.id, now_ms()])

    def stop(self) -> None:
        """No connection of this process takes part any more."""
        for call in set(self._by_user.values()):
            for user_id in (call.caller_id, call.callee_id):
                for connection_id in self._here(call, user_id):
                    self.closed(user_id, connection_id)

    # ------------------------------------------------------------------ what comes out of the log

    def _changed(self, entry: Entry) -> Any:
        change, *values = entry.data
        return self._changes[change](entry, *values)

    def _start(self, entry: Entry, call_id: int, caller_id: int, callee_id: int, connection_id: str, at: int,
               is_welcome: bool, data: dict[str, Any]) -> tuple[int, bool]:
        before = self._by_user.get(caller_id)
        if before and before.caller_id == callee_id and not before.is_active:
            before.connections[caller_id][connection_id] = entry.process  # it may be newer than the ringing, and answer too
            return before.id, True
        if before:
            raise Busy('You are in a call already: end it first')
        self._last_id = max(self._last_id + 1, call_id)  # so that no two are the same, whoever made them
        connections = {caller_id: {connection_id: entry.process}, callee_id: {}}
        rings_in = self._presence.callable_in(callee_id) if is_welcome else set()
        call = Call(self._last_id, caller_id, callee_id, entry.process, connections, rings_in, at,
                    rings_until=self._clock() + self._timeout)
        if not call.rings_in:
            self._record(entry, call, FAILED, at)
            raise Offline()
        if callee_id in self._by_user:
            self._record(entry, call, BUSY, at)
            raise Busy()
        self._by_user[caller_id] = self._by_user[callee_id] = self._ringing[call.id] = call
        if self._log.process in call.rings_in:
            self._ring(call, data)
        self._close_if_gone(entry, caller_id, connection_id)
        return call.id, False

    def _ring(self, call: Call, data: dict[str, Any]) -> None:
        call.ringing = self._presence.callable_here(call.callee_id)
        if call.ringing:
            self._tell(call, CallStarted, call.callee_id, data)
        else:  # they have closed just now, and the others don't know yet
            self._log.append(CALLS, ['silent', call.id, now_ms()])

    def _answer(self, entry: Entry, user_id: int, other_id: int, connection_id: str, call_id: int | None, at: int,
                data: dict[str, Any]) -> int:
        call = self._require(entry, user_id, other_id, connection_id, call_id)
        if call.is_active or user_id == call.caller_id:
            raise NotFound('There is no call to answer')
        others = self._here(call, user_id) - {connection_id}
        call.connections[user_id] = {connection_id: entry.process}
        call.answered_at, call.ringing = at, set()
        call.rings_in.clear()
        del self._ringing[call.id]
        self._tell(call, CallAnswered, call.caller_id, data)
        self._tell(call, CallEnded, user_id, {'reason': 'answered_elsewhere'}, others)
        self._close_if_gone(entry, user_id, connection_id)
        return call.id

    def _close_if_gone(self, entry: Entry, user_id: int, connection_id: str) -> None:
        """It may have closed while its word was in the log, when it took no part yet."""
        if entry.is_own and connection_id not in self._presence.callable_here(user_id):
            self._log.append(CALLS, ['closed', user_id, connection_id, now_ms()])

    def _candidate(self, entry: Entry, user_id: int, other_id: int, connection_id: str, call_id: int | None, at: int,
                   data: dict[str, Any]) -> int:
        call = self._require(entry, user_id, other_id, connection_id, call_id)
        self._tell(call, CallCandidate, other_id, data)
        return call.id

    def _end(self, entry: Entry, user_id: int, other_id: int, connection_id: str, call_id: int | None, at: int,
             data: dict[str, Any]) -> int:
        call = self._require(entry, user_id, other_id, connection_id, call_id)
        is_declined = not call.is_active and user_id == call.callee_id
        self._finish(entry, call, COMPLETED if call.is_active else DECLINED if is_declined else MISSED, at)
        self._tell(call, CallEnded, other_id, data)
        others = self._here(call, user_id) - {connection_id}
        self._tell(call, CallEnded, user_id, {'reason': 'declined_elsewhere'}, others)
        if entry.is_own and connection_id not in self._presence.callable_here(user_id):  # without an answer
            self._tell(call, CallEnded, user_id, {'reason': 'disconnected'}, {connection_id})
        return call.id

    def _require(self, entry: Entry, user_id: int, other_id: int, connection_id: str, call_id: int | None) -> Call:
        """The Call in which the connection takes part, with that other user. Raises NotFound."""
        call = self._by_user.get(user_id)
        if (call is None or call.other(user_id) != other_id or call_id not in (None, call.id)
                or connection_id not in call.connections[user_id] and not call.rings_for(user_id, entry.process)):
            raise NotFound('There is no such call')
        return call

    def _closed(self, entry: Entry, user_id: int, connection_id: str, at: int) -> None:
        call = self._by_user.get(user_id)
        if call and call.connections[user_id].pop(connection_id, None):
            if entry.is_own:
                self._tell(call, CallEnded, user_id, {'reason': 'disconnected'}, {connection_id})
            if call.is_without(user_id):
                self._break_off(entry, call, 'disconnected', at)

    def _silent(self, entry: Entry, call_id: int, at: int) -> None:
        """It rings no longer in that process."""
        call = self._ringing.get(call_id)
        if call:
            call.rings_in.discard(entry.process)
            if call.is_without(call.callee_id):
                self._break_off(entry, call, 'disconnected', at)

    def _expired(self, entry: Entry, call_id: int, at: int) -> None:
        call = self._ringing.get(call_id)
        if call:
            self._break_off(entry, call, 'timeout', at)

    def _over(self, entry: Entry, call_id: int) -> None:
        """It had ended before it was contributed, and is on record."""
        call = next((call for call in self._all() if call.id == call_id), None)
        if call:
            self._forget(call)
            self._tell_both(call, 'disconnected')

    # ------------------------------------------------------------------ processes that come and go

    def contribution(self) -> Plain:
        """See Replicated."""
        return [call.pack() for call in self._all() if call.concerns(self._log.process)]

    def rejoined(self, entry: Entry) -> None:
        """See Replicated. What has ended on one side is over; what began there is known here from now on."""
        theirs = {call.id: call for call in map(Call.unpack, entry.data)}
        for call in self._all():
            if call.concerns(entry.process) and call.id not in theirs:
                self._break_off(entry, call, 'disconnected', now_ms())
        if entry.is_own:  # what the others did has come between
            known = {call.id for call in self._all()}
            for call_id in theirs.keys() - known:
                self._log.append(CALLS, ['over', call_id])
            return
        for call in theirs.values():
            if call.caller_id not in self._by_user and call.callee_id not in self._by_user:
                self._add(call)

    def died(self, entry: Entry) -> None:
        """See Replicated. A call goes on as long as both parties have a connection; whoever noticed sees to it."""
        for call in self._all():
            call.rings_in.discard(entry.data)
            for user_id, of_party in call.connections.items():
                call.connections[user_id] = {sid: process for sid, process in of_party.items() if process != entry.data}
            if any(call.is_without(user_id) for user_id in (call.caller_id, call.callee_id)):
                self._break_off(entry, call, 'disconnected', now_ms())
            elif call.process == entry.data:
                call.process, call.rings_until = entry.process, min(call.rings_until, self._clock() + self._timeout)

    def snapshot(self) -> Plain:
        """See Replicated."""
        return [self._last_id, [call.pack() for call in self._all()]]

    def restore(self, snapshot: Plain) -> None:
        """See Replicated. Of the calls within this process it knows best itself; others that nobody knows have ended."""
        last_id, calls = snapshot
        known = {Call.unpack(call).id for call in calls}
        for call in self._all():
            if call.concerns(self._log.process) and call.id not in known and not call.is_within(self._log.process):
                self._break_off(Entry(self._log.process, True, None), call, 'disconnected', now_ms())
        own = [call for call in self._all() if call.concerns(self._log.process)]
        self._last_id = max(self._last_id, last_id)
        self._by_user, self._ringing = {}, {}
        for call in (*own, *(call for call in map(Call.unpack, calls) if not call.concerns(self._log.process))):
            if call.caller_id not in self._by_user and call.callee_id not in self._by_user:
                self._add(call)

    def _all(self) -> Iterator[Call]:
        yield from list(dict.fromkeys(self._by_user.values()))

    def _add(self, call: Call) -> None:
        self._by_user[call.caller_id] = self._by_user[call.callee_id] = call
        if not call.is_active:
            self._ringing[call.id] = call

    # ------------------------------------------------------------------ the steps that all of this is made of

    def _break_off(self, entry: Entry, call: Call, reason: str, at: int) -> None:
        self._finish(entry, call, FAILED if call.is_active else MISSED, at)
        self._tell_both(call, reason)

    def _finish(self, entry: Entry, call: Call, outcome: Outcome, at: int) -> None:
        """Forget the call, and keep its record."""
        self._forget(call)
        self._record(entry, call, outcome, at)

    def _forget(self, call: Call) -> None:
        self._ringing.pop(call.id, None)
        del self._by_user[call.caller_id], self._by_user[call.callee_id]

    def _record(self, entry: Entry, call: Call, outcome: Outcome, at: int) -> None:
        """Stored by the process whose doing it is, and no other; listed by all."""
        record = Record(call.id, call.caller_id, call.callee_id, call.started_at, call.answered_at, at, outcome)
        (self._records.add if entry.is_own else self._records.add_for_now)(record)

    def _here(self, call: Call, user_id: int) -> set[str]:
        """The connections of this process that take part for a party."""
        named = {sid for sid, process in call.connections[user_id].items() if process == self._log.process}
        return named | call.ringing if user_id == call.callee_id else named

    def _tell_both(self, call: Call, reason: str) -> None:
        for user_id in (call.caller_id, call.callee_id):
            self._tell(call, CallEnded, user_id, {'reason': reason})

    def _tell(self, call: Call, event: type[CallSignal], user_id: int, data: dict[str, Any],
              connections: set[str] | None = None) -> None:
        """Tell a party's connections, all that take part or those given, what comes from the other one."""
        told = data | {'from': call.other(user_id), 'callId': call.id}
        to = self._here(call, user_id) if connections is None else connections
        if to:
            self._publisher.publish(event(Connections(frozenset(to)), told))
