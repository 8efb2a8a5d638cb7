"""Chat events of clients, on `/chat` and `/`."""
from typing import Any

from typing_extensions import TypedDict

from ..core.objects import Room, SyncPage
from ..core.rooms.rooms import LiveRoom
from ..dialects.dialect import Answer, Handler, MessageAck, NothingMore, send
from ..schemas.accounts import AuthLogin
from ..schemas.messages import (
    Content,
    EditMessage,
    MessageReference,
    PrivateMessage,
    React,
    Receiver,
    SendMessage,
    Sync,
    Typing,
)
from ..schemas.rooms import JoinRoomEvent, LeaveRoom
from .connections import Connection
from .gateway import LOGIN, Gateway


class RoomAck(TypedDict):
    """What the acknowledgement of joining and leaving adds."""

    room: Room


def login(gateway: Gateway, connection: Connection, request: AuthLogin) -> NothingMore:
    """`auth:login`: sign in on an open connection, or extend its sign-in."""
    gateway.login(connection, request.token)
    return {}


def send_message(gateway: Gateway, connection: Connection, request: SendMessage, answer: Answer) -> None:
    """`send_message`: to a user or a room."""
    send(gateway, connection, receiving_room(gateway, connection, request), answer, **contents(request))


def receiving_room(gateway: Gateway, connection: Connection, request: Receiver) -> LiveRoom:
    """The LiveRoom that the payload names: that of a user, or one that the connection's user is in."""
    if request.to_user_id is not None:
        return gateway.core.sending.to_user(connection.me, request.to_user_id)
    assert request.room_id is not None, 'a Receiver names one of the two'
    return gateway.core.rooms.require_member(connection.me, request.room_id)


def send_private(gateway: Gateway, connection: Connection, request: PrivateMessage, answer: Answer) -> None:
    """`message:private`: to a user."""
    room = gateway.core.sending.to_user(connection.me, request.to_user_id)
    send(gateway, connection, room, answer, **contents(request))


def contents(request: Content) -> dict[str, Any]:
    """What a Content says, in the core's terms."""
    return {'content': request.content, 'attachment_ids': request.attachment_ids, 'reply_to_id': request.reply_to_id,
            'client_id': request.client_id}


def join_room(gateway: Gateway, connection: Connection, request: JoinRoomEvent) -> RoomAck:
    """`join_room`: by id if the room is public, with its invite code otherwise."""
    room_id = gateway.core.membership.join(connection.me, request.room_id, request.invite_code)
    return {'room': gateway.core.inbox.room(connection.me, room_id)}


def leave_room(gateway: Gateway, connection: Connection, request: LeaveRoom) -> RoomAck:
    """`leave_room`; the acknowledgement shows the room as it was."""
    room = gateway.core.inbox.room(connection.me, request.room_id)
    gateway.core.membership.leave(connection.me, request.room_id)
    return {'room': left(room)}


def left(room: Room) -> Room:
    """The Room as it is for somebody who has just left it."""
    shown = room | {'role': None, 'memberCount': room['memberCount'] - 1, 'unreadCount': 0, 'lastMessage': None}
    shown.pop('inviteCode', None)
    return shown


def typing(gateway: Gateway, connection: Connection, request: Typing) -> NothingMore:
    """`typing`: in a room, or to a user."""
    room = receiving_room(gateway, connection, request)
    gateway.core.typing.set(room, connection.me, connection.sid, request.is_typing)
    return {}


def read_receipt(gateway: Gateway, connection: Connection, request: MessageReference) -> NothingMore:
    """`read_receipt`: the message, and all before it in its room, are read."""
    gateway.core.receipts.read(connection.me, request.message_id)
    return {}


def delivered(gateway: Gateway, connection: Connection, request: MessageReference) -> NothingMore:
    """`delivered`: the message, and all before it in its room, have arrived."""
    gateway.core.receipts.delivered(connection.me, request.message_id)
    return {}


def edit_message(gateway: Gateway, connection: Connection, request: EditMessage) -> MessageAck:
    """`edit_message`: another content for one's message."""
    return {'message': gateway.core.changing.edit(connection.me, request.message_id, request.content)}


def delete_message(gateway: Gateway, connection: Connection, request: MessageReference) -> MessageAck:
    """`delete_message`: leave nothing of it but its place."""
    return {'message': gateway.core.changing.delete(connection.me, request.message_id)}


def react(gateway: Gateway, connection: Connection, request: React) -> MessageAck:
    """`react`: with an emoji, or no longer."""
    return {'message': gateway.core.changing.react(connection.me, request.message_id, request.emoji, request.remove)}


def sync(gateway: Gateway, connection: Connection, request: Sync) -> SyncPage:
    """`sync`: what is new or has changed since a place."""
    return gateway.core.sync.page(connection.me, request.after, request.limit)


SIGN_IN = {LOGIN: Handler(AuthLogin, login)}
EVENTS = SIGN_IN | {
    'send_message': Handler(SendMessage, send_message, ack=MessageAck, answers_later=True),
    'message:private': Handler(PrivateMessage, send_private, ack=MessageAck, answers_later=True),
    'edit_message': Handler(EditMessage, edit_message, ack=MessageAck),
    'delete_message': Handler(MessageReference, delete_message, ack=MessageAck),
    'react': Handler(React, react, ack=MessageAck),
    'sync': Handler(Sync, sync, ack=SyncPage),
    'join_room': Handler(JoinRoomEvent, join_room, ack=RoomAck),
    'leave_room': Handler(LeaveRoom, leave_room, ack=RoomAck),
    'typing': Handler(Typing, typing),
    'read_receipt': Handler(MessageReference, read_receipt),
    'delivered': Handler(MessageReference, delivered),
}
