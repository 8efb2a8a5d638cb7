"""A call, and what one of its parties has for the other."""
import math
from dataclasses import dataclass, field
from typing import Any

from ..shared.log import Plain


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

    `connections` maps each party to those of its connections that take part by name, and these to their processes: the
    caller's one, after the answer the one that answered. Until then it also rings on whatever the callee has in the
    processes `rings_in`, of which `ringing` are those of this process. `process` sees to it that it does not ring for ever:
    `rings_until` is by the clock of Calls, the other times are in ms.
    """

    id: int
    caller_id: int
    callee_id: int
    process: str
    connections: dict[int, dict[str, str]]
    rings_in: set[str]
    started_at: int
    answered_at: int | None = None
    rings_until: float = math.inf
    ringing: set[str] = field(default_factory=set)

    @property
    def is_active(self) -> bool:
        return self.answered_at is not None

    def other(self, user_id: int) -> int:
        """The other party."""
        return self.callee_id if user_id == self.caller_id else self.caller_id

    def rings_for(self, user_id: int, process: str) -> bool:
        """Whether it rings on connections of the user in a process."""
        return user_id == self.callee_id and process in self.rings_in

    def concerns(self, process: str) -> bool:
        """Whether a connection of that process takes part."""
        return process in self.rings_in or any(process in of_party.values() for of_party in self.connections.values())

    def is_within(self, process: str) -> bool:
        """Whether both parties take part by connections of that process."""
        return all(process in of_party.values() or self.rings_for(user_id, process)
                   for user_id, of_party in self.connections.items())

    def is_without(self, user_id: int) -> bool:
        """Whether a party has no connection left that takes part."""
        return not self.connections[user_id] and not (user_id == self.callee_id and self.rings_in)

    def pack(self) -> Plain:
        """What all processes know of it."""
        return [self.id, self.caller_id, self.callee_id, self.process, self.connections, sorted(self.rings_in),
                self.started_at, self.answered_at]

    @classmethod
    def unpack(cls, data: Plain) -> 'Call':
        """The Call that was packed."""
        call_id, caller_id, callee_id, process, connections, rings_in, started_at, answered_at = data
        return cls(call_id, caller_id, callee_id, process, connections, set(rings_in), started_at, answered_at)
