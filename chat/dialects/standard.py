"""The standard dialect: the clients of A and E, and new ones.

What they say is handled in chat/sockets/.
"""
from typing import Any, NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from ..core import events
from ..core.machinery.clock import iso
from ..core.objects import Message, RoomSummary, Time, User
from .dialect import Dialect, Word


class RoomMessage(Message):
    """A message in a room; `userId` is `senderId` again."""

    userId: int


class MessagePlace(TypedDict):
    """Where a message was."""

    id: int
    roomId: int


class ReactionEvent(TypedDict):
    """Who reacts to a message, and how; or no longer."""

    messageId: int
    roomId: int
    userId: int
    emoji: str
    removed: bool


class RoomReference(TypedDict):
    """A room that is no more."""

    roomId: int


class JoinedMember(TypedDict):
    """Who came into a room."""

    roomId: int
    user: User


class RoomUser(TypedDict):
    """A user in a room."""

    roomId: int
    userId: int


class TypingEvent(RoomUser):
    """Who types where."""

    isTyping: bool


class DeliveryReceipt(RoomUser):
    """How far messages have reached a member."""

    messageId: int
    deliveredAt: Time


class ReadReceipt(RoomUser):
    """How far a member has read."""

    messageId: int
    readAt: Time


class UserStatus(TypedDict):
    """Whether a user is there."""

    userId: int
    online: bool
    lastSeen: Time | None


# `from` is no name in Python; what else the other side's client said comes along
CallEvent = TypedDict('CallEvent', {'from': int, 'callId': int, 'reason': NotRequired[Any]})
CallEvent.__doc__ = 'What the other party of a call said, in its own words.'
with_config(ConfigDict(extra='allow'))(CallEvent)


def _room_message(event: events.MessageStored | events.LobbyMessageStored) -> RoomMessage:
    return {**event.message, 'userId': event.message['senderId']}


def _message_deleted(event: events.MessageDeleted) -> MessagePlace:
    return {'id': event.message_id, 'roomId': event.room_id}


def _reaction(event: events.ReactionChanged) -> ReactionEvent:
    return {'messageId': event.message_id, 'roomId': event.room_id, 'userId': event.user_id, 'emoji': event.emoji,
            'removed': event.is_removed}


def _delivery_receipt(event: events.MessagesDelivered) -> DeliveryReceipt:
    return {'roomId': event.room_id, 'messageId': event.message_id, 'userId': event.user_id, 'deliveredAt': iso(event.at)}


def _read_receipt(event: events.MessagesRead) -> ReadReceipt:
    return {'roomId': event.room_id, 'messageId': event.message_id, 'userId': event.user_id, 'readAt': iso(event.at)}


def _typing(event: events.TypingChanged) -> TypingEvent:
    return {'roomId': event.room_id, 'userId': event.user_id, 'isTyping': event.is_typing}


def _user_status(event: events.PresenceChanged) -> UserStatus:
    return {'userId': event.user_id, 'online': event.is_online,
            'lastSeen': None if event.last_seen is None else iso(event.last_seen)}


def _member_joined(event: events.MemberJoined) -> JoinedMember:
    return {'roomId': event.room_id, 'user': event.user}


def _member_left(event: events.MemberLeft) -> RoomUser:
    return {'roomId': event.room_id, 'userId': event.user_id}


def _room_deleted(event: events.RoomDeleted) -> RoomReference:
    return {'roomId': event.room_id}


def _call(name: str) -> Word[events.CallSignal]:
    return Word(name, CallEvent, lambda event: event.data)


DIALECT = Dialect('standard', {
    events.DirectMessageStored: Word[events.DirectMessageStored]('newMessage', Message, lambda event: event.message),
    events.DirectMessageSent: Word[events.DirectMessageSent]('message_sent', Message, lambda event: event.message),
    events.MessageStored: Word('receive_message', RoomMessage, _room_message),
    events.LobbyMessageStored: Word('receive_message', RoomMessage, _room_message),
    events.MessageUpdated: Word[events.MessageUpdated]('message_updated', Message, lambda event: event.message),
    events.MessageDeleted: Word('message_deleted', MessagePlace, _message_deleted),
    events.ReactionChanged: Word('reaction', ReactionEvent, _reaction),
    events.MessagesDelivered: Word('delivery_receipt', DeliveryReceipt, _delivery_receipt),
    events.MessagesRead: Word('read_receipt', ReadReceipt, _read_receipt),
    events.TypingChanged: Word('typing', TypingEvent, _typing),
    events.PresenceChanged: Word('user_status', UserStatus, _user_status),
    events.RoomUpdated: Word[events.RoomUpdated]('room_updated', RoomSummary, lambda event: event.room),
    events.RoomDeleted: Word('room_deleted', RoomReference, _room_deleted),
    events.MemberJoined: Word('member_joined', JoinedMember, _member_joined),
    events.MemberLeft: Word('member_left', RoomUser, _member_left),
    events.CallStarted: _call('callUser'),
    events.CallAnswered: _call('makeAnswer'),
    events.CallCandidate: _call('iceCandidate'),
    events.CallEnded: _call('endCall'),
}, about=__doc__ or '')
