"""Dialect C (chat-io): one chat for everybody, which is the lobby; clients name, date and mark their messages."""
from typing import Annotated

from pydantic import StringConstraints
from typing_extensions import TypedDict

from ..core.events import LobbyMessageStored
from ..fields import AnyText, ClientId, Text
from ..validation import Request
from .dialect import Answer, Connection, Dialect, Gateway, Handler, MessageAck, Word, send

NAME = 'chat-io'
GivenText = Annotated[AnyText, StringConstraints(max_length=64)]


class ReceivedMessage(TypedDict):
    """A message in the lobby; `id`, `timestamp` and `status` as the author's client gave them, if it did."""

    id: str
    content: str
    author_id: str
    author_name: str
    timestamp: str
    status: str


def _received_message(event: LobbyMessageStored) -> ReceivedMessage:
    message, given = event.message, event.given
    return {
        'id': given.get('id', str(message['id'])), 'content': message['content'],
        'author_id': str(message['senderId']), 'author_name': event.author_name,
        'timestamp': given.get('timestamp', message['createdAt']), 'status': given.get('status', 'sent'),
    }


class SendToAll(Request):
    """A message to the lobby; who wrote it is not the client's to say."""

    id: ClientId | None = None
    content: Text
    timestamp: GivenText | None = None
    status: GivenText | None = None


def send_message(gateway: Gateway, connection: Connection, request: SendToAll, answer: Answer) -> None:
    """`send-message`: to everybody."""
    given = {name: value for name, value in (
        ('id', request.id), ('timestamp', request.timestamp), ('status', request.status)) if value is not None}
    send(gateway, connection, gateway.core.rooms.lobby(), answer, content=request.content, client_id=request.id,
         given=given)


DIALECT = Dialect(
    NAME,
    words={LobbyMessageStored: Word('receive-message', ReceivedMessage, _received_message)},
    handlers={'send-message': Handler(SendToAll, send_message, ack=MessageAck, answers_later=True)},
    about=__doc__ or '')
