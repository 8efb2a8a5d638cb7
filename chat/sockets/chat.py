"""Chat events of clients, on `/chat` and `/`."""
from .. import schemas
from .gateway import Handler


def login(gateway, connection, request):
    """`auth:login`: sign in on an open connection, or extend its sign-in."""
    gateway.login(connection, request.token)
    return {}


def send_message(gateway, connection, request, answer):
    """`send_message`: to a user or a room."""
    if request.to_user_id is not None:
        room = gateway.core.messages.to_user(connection.user_id, request.to_user_id)
    else:
        room = gateway.core.rooms.require_member(connection.user_id, request.room_id)
    _send(gateway, connection, room, request, answer)


def send_private(gateway, connection, request, answer):
    """`message:private`: to a user."""
    room = gateway.core.messages.to_user(connection.user_id, request.to_user_id)
    _send(gateway, connection, room, request, answer)


def _send(gateway, connection, room, request, answer):
    gateway.core.messages.send(
        connection.user_id, room, content=request.content, reply_to_id=request.reply_to_id,
        client_id=request.client_id, origin=connection.sid,
        done=lambda message, error, duplicate: answer(error or {'message': message}))


EVENTS = {
    'auth:login': Handler(schemas.AuthLogin, login),
    'send_message': Handler(schemas.SendMessage, send_message, is_send=True),
    'message:private': Handler(schemas.PrivateMessage, send_private, is_send=True),
}
