"""Chat events of clients, on `/chat` and `/`."""
from .. import schemas
from .handlers import Handler, send


def login(gateway, connection, request):
    """`auth:login`: sign in on an open connection, or extend its sign-in."""
    gateway.login(connection, request.token)
    return {}


def send_message(gateway, connection, request, answer):
    """`send_message`: to a user or a room."""
    send(gateway, connection, receiving_room(gateway, connection, request), answer, **contents(request))


def receiving_room(gateway, connection, request):
    """The LiveRoom that the payload names: that of a user, or one that the connection's user is in."""
    if request.to_user_id is not None:
        return gateway.core.messages.to_user(connection.user_id, request.to_user_id)
    return gateway.core.rooms.require_member(connection.user_id, request.room_id)


def send_private(gateway, connection, request, answer):
    """`message:private`: to a user."""
    room = gateway.core.messages.to_user(connection.user_id, request.to_user_id)
    send(gateway, connection, room, answer, **contents(request))


def contents(request):
    """What a schemas.Content says, in the core's terms."""
    return {'content': request.content, 'attachment_ids': request.attachment_ids, 'reply_to_id': request.reply_to_id,
            'client_id': request.client_id}


def join_room(gateway, connection, request):
    """`join_room`: by id if the room is public, with its invite code otherwise."""
    room_id = gateway.core.membership.join(connection.user_id, request.room_id, request.invite_code)
    return {'room': gateway.core.inbox.room(connection.user_id, room_id)}


def leave_room(gateway, connection, request):
    """`leave_room`; the acknowledgement shows the room as it was."""
    room = gateway.core.inbox.room(connection.user_id, request.room_id)
    gateway.core.membership.leave(connection.user_id, request.room_id)
    return {'room': left(room)}


def left(room):
    """The Room as it is for somebody who has just left it."""
    shown = room | {'role': None, 'memberCount': room['memberCount'] - 1, 'unreadCount': 0, 'lastMessage': None}
    shown.pop('inviteCode', None)
    return shown


def typing(gateway, connection, request):
    """`typing`: in a room, or to a user."""
    room = receiving_room(gateway, connection, request)
    gateway.core.typing.set(room, connection.user_id, connection.sid, request.is_typing)
    return {}


def read_receipt(gateway, connection, request):
    """`read_receipt`: the message, and all before it in its room, are read."""
    gateway.core.receipts.read(connection.user_id, request.message_id)
    return {}


def delivered(gateway, connection, request):
    """`delivered`: the message, and all before it in its room, have arrived."""
    gateway.core.receipts.delivered(connection.user_id, request.message_id)
    return {}


EVENTS = {
    'auth:login': Handler(schemas.AuthLogin, login),
    'send_message': Handler(schemas.SendMessage, send_message, is_send=True),
    'join_room': Handler(schemas.JoinRoomEvent, join_room),
    'leave_room': Handler(schemas.LeaveRoom, leave_room),
    'typing': Handler(schemas.Typing, typing),
    'read_receipt': Handler(schemas.MessageReference, read_receipt),
    'delivered': Handler(schemas.MessageReference, delivered),
    'message:private': Handler(schemas.PrivateMessage, send_private, is_send=True),
}
