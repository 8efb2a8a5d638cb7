"""What happens, and whom it concerns: one frozen class for each event, each with its audience.

The core publishes them after the commit; how a client is told, in which words and whether at all, is for its dialect to
say. An audience names people by what they are to the event, not by a list: each process looks up who that is.
"""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .objects import Message, RoomSummary, User

NOBODY: frozenset[int] = frozenset()


# ---------------------------------------------------------------------- audiences

@dataclass(frozen=True, slots=True)
class Users:
    """The connections of these users, but for the one that was told by its acknowledgement."""

    ids: frozenset[int] | tuple[int, ...]
    but_connection: str | None = None


@dataclass(frozen=True, slots=True)
class RoomMembers:
    """The members of a room as of now, those in `also` (who have just left, say), and nobody in `without`."""

    room_id: int
    also: frozenset[int] = NOBODY
    without: frozenset[int] = NOBODY


@dataclass(frozen=True, slots=True)
class Everyone:
    """Every signed-in user, but for those in `without`."""

    without: frozenset[int] = NOBODY


@dataclass(frozen=True, slots=True)
class Connections:
    """Some connections, by their ids, whosever they are."""

    ids: frozenset[str]


Audience = Users | RoomMembers | Everyone | Connections


@dataclass(frozen=True, slots=True)
class Event:
    """The base of all events."""

    audience: Audience

    @property
    def told_first(self) -> int | None:
        """The user whose connections are told before the others, if somebody waits to see it."""
        return None


# ---------------------------------------------------------------------- messages
#
# Where several processes write to a room, these are told in the order of their commits, by what they know of their place:
# `seq` numbers the messages of a room, `members_version` says as of which change of the room's members it was. Who joins and
# leaves is told `after` the messages up to that number.

ANY_MEMBERS = 0  # as a members_version: whoever is in the room now


class ChangePlace(NamedTuple):
    """Where a change of a message stands in its room: the message's `seq`, its own id, and that of the change before it."""

    seq: int
    id: int
    previous: int
    members_version: int


@dataclass(frozen=True, slots=True)
class MessageStored(Event):
    """There is a new message in a public or private room."""

    message: Message
    seq: int
    members_version: int

    @property
    def told_first(self) -> int:
        return self.message['senderId']


@dataclass(frozen=True, slots=True)
class DirectMessageStored(Event):
    """There is a new direct message, for its receiver."""

    message: Message
    seq: int


@dataclass(frozen=True, slots=True)
class DirectMessageSent(Event):
    """The same, for its sender, who may have sent it from somewhere else."""

    message: Message
    seq: int


@dataclass(frozen=True, slots=True)
class LobbyMessageStored(Event):
    """There is a new message in the lobby.

    `given` is what the sender's client says of it beside the content.
    """

    message: Message
    author_name: str
    given: Mapping[str, str]
    seq: int

    @property
    def told_first(self) -> int:
        return self.message['senderId']


@dataclass(frozen=True, slots=True)
class MessageUpdated(Event):
    """A message has another content."""

    message: Message
    place: ChangePlace


@dataclass(frozen=True, slots=True)
class MessageDeleted(Event):
    """Of a message only its place is left."""

    room_id: int
    message_id: int
    place: ChangePlace


@dataclass(frozen=True, slots=True)
class ReactionChanged(Event):
    """A user reacts to a message with an emoji, or no longer."""

    room_id: int
    message_id: int
    user_id: int
    emoji: str
    is_removed: bool
    place: ChangePlace


@dataclass(frozen=True, slots=True)
class Receipt(Event):
    """The base of both kinds of receipts: of a message and all before it in its room; `at` in milliseconds."""

    room_id: int
    message_id: int
    user_id: int
    at: int


@dataclass(frozen=True, slots=True)
class MessagesDelivered(Receipt):
    """They have reached a member."""


@dataclass(frozen=True, slots=True)
class MessagesRead(Receipt):
    """A member has read them."""


# ---------------------------------------------------------------------- rooms

@dataclass(frozen=True, slots=True)
class RoomUpdated(Event):
    """A room has another name."""

    room: RoomSummary


@dataclass(frozen=True, slots=True)
class RoomDeleted(Event):
    """A room is no more."""

    room_id: int


@dataclass(frozen=True, slots=True)
class MemberJoined(Event):
    """Somebody is in a room from now on, as the audience sees them."""

    room_id: int
    user: User
    after: int


@dataclass(frozen=True, slots=True)
class MemberLeft(Event):
    """Somebody is in a room no longer."""

    room_id: int
    user_id: int
    after: int


@dataclass(frozen=True, slots=True)
class TypingChanged(Event):
    """A member begins, goes on, or stops typing."""

    room_id: int
    user_id: int
    is_typing: bool


# ---------------------------------------------------------------------- users

@dataclass(frozen=True, slots=True)
class PresenceChanged(Event):
    """A user came or went, for those who share a room with it.

    `last_seen` is in milliseconds.
    """

    user_id: int
    is_online: bool
    last_seen: int | None


@dataclass(frozen=True, slots=True)
class UserWentOffline(Event):
    """A user has gone, for everybody who may know of it."""

    user_id: int


@dataclass(frozen=True, slots=True)
class OnlineUsers(Event):
    """Who is online, as a whole list, for those who want it so."""

    user_ids: list[int]


@dataclass(frozen=True, slots=True)
class OnlineListChanged(Event):
    """Somebody goes offline, or comes back, for the audience alone: lists that it was sent before no longer hold."""


@dataclass(frozen=True, slots=True)
class SignInsEnded(Event):
    """These sign-ins have ended, and with them the connections that hang on them."""

    ids: Sequence[str]


# ---------------------------------------------------------------------- calls

@dataclass(frozen=True, slots=True)
class CallSignal(Event):
    """The base of what one party of a call says to the other: `data` is the clients' own, with `from` and `callId`."""

    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CallStarted(CallSignal):
    """A call rings."""


@dataclass(frozen=True, slots=True)
class CallAnswered(CallSignal):
    """A call was taken."""


@dataclass(frozen=True, slots=True)
class CallCandidate(CallSignal):
    """A way to reach the other party's media."""


@dataclass(frozen=True, slots=True)
class CallEnded(CallSignal):
    """A call is over, or rings no longer here."""
