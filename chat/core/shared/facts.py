"""Facts: what a process has committed that others may have in memory as it was before. No client is told of them."""
from collections.abc import Sequence
from typing import NamedTuple


class MembersChanged(NamedTuple):
    """Somebody is in a room from now on, or no longer; `version` counts such changes. Nobody: others say who."""

    room_id: int
    version: int
    joined: int | None
    left: int | None


class RoomRenamed(NamedTuple):
    """A room has another name."""

    room_id: int
    name: str


class RoomRemoved(NamedTuple):
    """A room is no more."""

    room_id: int


class DirectRoomMade(NamedTuple):
    """There is a direct room of that key."""

    key: str


class MessagesKept(NamedTuple):
    """New messages: of each its room, its sequence number there, its time (ms), and who sent it."""

    places: Sequence[tuple[int, int, int, int]]


class MarkMoved(NamedTuple):
    """How far a member has read, and how far messages have reached it; sequence numbers and times (ms)."""

    room_id: int
    user_id: int
    read_seq: int
    read_at: int | None
    delivered_seq: int
    delivered_at: int | None


class SettingsChanged(NamedTuple):
    """A member of a room wants to be told of other things."""

    room_id: int


class UserChanged(NamedTuple):
    """A user has another name."""

    user_id: int


class BlockChanged(NamedTuple):
    """A user blocked another one, or does so no longer."""

    blocker_id: int
    blocked_id: int


class SignInsOver(NamedTuple):
    """These sign-ins have ended."""

    ids: Sequence[str]


class Subscribed(NamedTuple):
    """A user has a browser that is to be told while it is away."""

    user_id: int


Fact = (MembersChanged | RoomRenamed | RoomRemoved | DirectRoomMade | MessagesKept | MarkMoved | SettingsChanged
        | UserChanged | BlockChanged | SignInsOver | Subscribed)
