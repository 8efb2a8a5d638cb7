"""Messages on their way, what becomes of them, and how they are looked for."""
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, model_validator

from ..core.files.attachments import MAX_ATTACHMENTS
from ..core.lists import LONGEST
from ..core.messages.sync import USUAL
from ..errors import Invalid
from ..fields import MAX_DURATION, AnyText, ClientId, Count, Cursor, Id, NotNull, Place, SearchText, Text
from ..validation import Request, says
from .lists import Paged

RECEIVERS = 'toUserId', 'receiverId', 'roomId'


class Receiver(Request):
    """One of a user and a room."""

    model_config = says(oneOf=[{'required': [name]} for name in RECEIVERS])

    to_user_id: Annotated[Id | None, NotNull()] = Field(None, validation_alias=AliasChoices('toUserId', 'receiverId'))
    room_id: Annotated[Id | None, NotNull()] = None

    @model_validator(mode='before')
    @classmethod
    def has_one_receiver(cls, data: Any) -> Any:
        if isinstance(data, dict):
            receivers = data.keys() & RECEIVERS
            if len(receivers) > 1:
                raise Invalid(errors={name: ['only one receiver can be named'] for name in sorted(receivers)})
            for name in receivers:
                if data[name] is None:
                    raise Invalid(errors={name: ['must not be null']})
            if not receivers:
                cls.check_without_receiver(data)
        return data

    @classmethod
    def check_without_receiver(cls, data: Mapping[str, object]) -> None:
        raise Invalid(toUserId='is missing: send toUserId or roomId')


class Content(Request):
    """What every way of sending a message takes."""

    content: Text = Field('', validation_alias=AliasChoices('content', 'message'))
    attachment_ids: list[Id] | None = Field(None, max_length=MAX_ATTACHMENTS)
    reply_to_id: Id | None = None
    client_id: ClientId | None = None


class SendMessage(Content, Receiver):
    """To one of a user and a room."""


class SendAnywhere(SendMessage):
    """As SendMessage; without a receiver it goes to the lobby, unless a misspelt one may have been meant."""

    model_config = says()

    @classmethod
    def check_without_receiver(cls, data: Mapping[str, object]) -> None:
        unknown = data.keys() - {'content', 'message', 'attachmentIds', 'replyToId', 'clientId'}
        if unknown:
            raise Invalid(errors={name: ['is unknown: without a receiver this would go to the lobby']
                                  for name in sorted(unknown)})


class SendAs(Content):
    """As B's clients do: the sender names itself."""

    sender: Id
    receiver: Id


class PrivateMessage(Content):
    """To a user."""

    to_user_id: Id


class ListMessages(Paged):
    """A page of a history; `cursor` is another name of `before`, and takes a time as well."""

    limit: Annotated[Count, Field(ge=1, le=100)] | None = None
    before: Id | None = None
    after: Id | None = None
    cursor: Cursor | None = None


class Sync(Request):
    """Catching up from a place; without one from the beginning."""

    after: Place = 0
    limit: Annotated[Id, Field(ge=1, le=LONGEST)] = USUAL


class SearchMessages(Paged):
    """What to look for, where, of whom and when; `cursor` is where the page before says that the next one begins."""

    q: SearchText
    room_id: Id | None = None
    sender: Id | None = Field(None, validation_alias='from')
    before: Cursor | None = None
    after: Cursor | None = None
    sort: Literal['best', 'newest'] = 'best'
    limit: Annotated[Count, Field(ge=1, le=100)] = 50
    cursor: AnyText | None = None


class Typing(Receiver):
    """Whether one types, and where."""

    is_typing: bool


class MessageReference(Request):
    """An event about one message."""

    message_id: Id


class EditContent(Request):
    """Another content for a message."""

    content: Text = Field(validation_alias=AliasChoices('content', 'message'))


class EditMessage(EditContent, MessageReference):
    """The same as an event, which names the message."""


class React(MessageReference):
    """An emoji for a message, or away from it."""

    emoji: Text
    remove: bool = False


class Upload(Request):
    """The fields of a form beside its file."""

    kind: Literal['voice'] | None = None
    duration_ms: Annotated[Id, Field(le=MAX_DURATION)] | None = None
