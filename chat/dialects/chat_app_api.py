"""Dialect B (chat-app-api): direct messages as `chat message`, ids as strings, and events in an envelope."""
from typing_extensions import TypedDict

from .. import jsonio
from ..core.events import DirectMessageStored
from ..core.objects import Message
from ..errors import BadRequest, Forbidden, NotFound
from ..fields import Id, Text
from ..validation import Request, parse
from .dialect import Answer, Connection, Dialect, Gateway, Handler, MessageAck, NothingMore, Word, send

NAME = 'chat-app-api'


class ChatMessage(TypedDict):
    """A direct message."""

    id: str
    sender: str
    receiver: str
    content: str
    timestamp: str


def as_message(message: Message) -> ChatMessage:
    """A direct Message in B's words."""
    return {'id': str(message['id']), 'sender': str(message['senderId']), 'receiver': str(message['receiverId']),
            'content': message['content'], 'timestamp': message['createdAt']}


class Join(Request):
    """The bare id of a user."""

    user_id: Id


class SendChatMessage(Request):
    """A message, as B's clients send it: the sender names itself."""

    sender: Id
    receiver: Id
    content: Text


class Envelope(Request):
    """An event within an event: a JSON string `{"event": …, "data": …}`."""

    text: str


def join(gateway: Gateway, connection: Connection, request: Join) -> NothingMore:
    """`join`: a client says whose messages it wants; they can only be its own, which it gets anyway."""
    if request.user_id != connection.me:
        raise Forbidden('You can only join as yourself')
    return {}


def chat_message(gateway: Gateway, connection: Connection, request: SendChatMessage, answer: Answer) -> None:
    """`chat message`: to a user, as oneself."""
    if request.sender != connection.me:
        raise Forbidden('sender must be yourself')
    room = gateway.core.sending.to_user(connection.me, request.receiver)
    send(gateway, connection, room, answer, content=request.content)


def enveloped(gateway: Gateway, connection: Connection, request: Envelope, answer: Answer) -> None:
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
        answer(join(gateway, connection, parse(Join, {'userId': inner.get('data')})))
    elif event == 'chat message':
        chat_message(gateway, connection, parse(SendChatMessage, inner.get('data')), answer)
    else:
        raise NotFound('There is no such event in an envelope: send join or chat message')


DIALECT = Dialect(
    NAME,
    words={DirectMessageStored: Word[DirectMessageStored](
        'chat message', ChatMessage, lambda event: as_message(event.message))},
    handlers={
        'join': Handler(Join, join, bare='userId'),
        'chat message': Handler(SendChatMessage, chat_message, ack=MessageAck, answers_later=True),
        'message': Handler(Envelope, enveloped, ack=MessageAck | NothingMore, answers_later=True, bare='text'),
    }, about=__doc__ or '')
