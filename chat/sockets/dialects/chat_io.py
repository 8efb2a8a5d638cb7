"""Dialect C (chat-io): one chat for everybody, which is the lobby; clients name, date and mark their messages."""
from ...fields import ClientId, Text, text
from ...schemas import Request
from ..handlers import Handler, send

NAME = 'chat-io'
GivenText = text(max_length=64)


def _receive_message(data):
    message, given = data['message'], data['given']
    return 'receive-message', {
        'id': given.get('id', str(message['id'])), 'content': message['content'],
        'author_id': str(message['senderId']), 'author_name': data['author'],
        'timestamp': given.get('timestamp', message['createdAt']), 'status': given.get('status', 'sent'),
    }


EVENTS = {'lobby_message': _receive_message}


class SendToAll(Request):
    """A message to the lobby; who wrote it is not the client's to say."""

    id: ClientId | None = None
    content: Text
    timestamp: GivenText | None = None
    status: GivenText | None = None


def send_message(gateway, connection, request, answer):
    """`send-message`: to everybody."""
    given = {name: value for name, value in (
        ('id', request.id), ('timestamp', request.timestamp), ('status', request.status)) if value is not None}
    send(gateway, connection, gateway.core.rooms.lobby(), answer, content=request.content, client_id=request.id,
         given=given)


HANDLERS = {'send-message': Handler(SendToAll, send_message, is_send=True)}
