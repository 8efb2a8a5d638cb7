"""Dialect B (chat-app-api): direct messages as `chat message`, ids as strings, and events in an envelope."""
from ... import jsonio
from ...errors import BadRequest, Forbidden, NotFound
from ...fields import Id, Text
from ...schemas import Request, parse
from ..handlers import Handler, send

NAME = 'chat-app-api'


def as_message(message):
    """A direct Message in B's words."""
    return {'id': str(message['id']), 'sender': str(message['senderId']), 'receiver': str(message['receiverId']),
            'content': message['content'], 'timestamp': message['createdAt']}


EVENTS = {'direct_message': lambda message: ('chat message', as_message(message))}


class Join(Request):
    """The bare id of a user."""

    user_id: Id


class ChatMessage(Request):
    """A message, as B's clients send it: the sender names itself."""

    sender: Id
    receiver: Id
    content: Text


class Envelope(Request):
    """An event within an event: a JSON string `{"event": …, "data": …}`."""

    text: str


def join(gateway, connection, request):
    """`join`: a client says whose messages it wants; they can only be its own, which it gets anyway."""
    if request.user_id != connection.user_id:
        raise Forbidden('You can only join as yourself')
    return {}


def chat_message(gateway, connection, request, answer):
    """`chat message`: to a user, as oneself."""
    if request.sender != connection.user_id:
        raise Forbidden('sender must be yourself')
    room = gateway.core.messages.to_user(connection.user_id, request.receiver)
    send(gateway, connection, room, answer, content=request.content)


def enveloped(gateway, connection, request, answer):
    """`message`: another event of this dialect, the only form that the original server handled."""
    try:
        inner = jsonio.loads(request.text)
    except ValueError:
        inner = None
    if not isinstance(inner, dict):
        raise BadRequest('Send a JSON string {"event": …, "data": …}')
    event = inner.get('event')
    if event == 'join':
        connection.wait_for_earlier()
        answer(join(gateway, connection, parse_join(inner.get('data'))))
    elif event == 'chat message':
        chat_message(gateway, connection, parse(ChatMessage, inner.get('data')), answer)
    else:
        raise NotFound('There is no such event in an envelope: send join or chat message')


def parse_join(payload):
    return parse(Join, {'userId': payload})


HANDLERS = {
    'join': Handler(parse_join, join),
    'chat message': Handler(ChatMessage, chat_message, is_send=True),
    'message': Handler(lambda payload: parse(Envelope, {'text': payload}), enveloped, is_send=True),
}
