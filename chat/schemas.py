"""What clients send: validation and the references are made from these models.

Requests are pydantic models, strict about types; unknown fields are ignored. What is answered are the core's objects.
"""
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, Field, model_validator

from .core.files.attachments import MAX_ATTACHMENTS
from .core.lists import LONGEST
from .core.messages.sync import USUAL
from .core.objects import Notify, Role, Says
from .errors import Invalid
from .fields import (
    MAX_DURATION,
    AnyText,
    ClientId,
    Count,
    Cursor,
    DisplayName,
    Email,
    Id,
    NotNull,
    Password,
    Place,
    RoomName,
    SearchText,
    Text,
    Username,
)
from .validation import Request, says

# ---------------------------------------------------------------------- accounts and users

class Register(Request):
    """A new account. Without a username, one is made from the email."""

    email: Email
    password: Password
    username: Username | None = None
    confirm_password: Annotated[AnyText | None, Says('The same as password.')] = None
    display_name: DisplayName | None = None

    @model_validator(mode='after')
    def passwords_match(self) -> Self:
        if self.confirm_password is not None and self.confirm_password != self.password:
            raise Invalid(confirmPassword='must be the same as password')
        return self


class Login(Request):
    """Who signs in: a username, an email, or in `username` either."""

    model_config = says(anyOf=[{'required': ['username']}, {'required': ['email']}])

    username: AnyText | None = None
    email: AnyText | None = None
    password: AnyText

    @model_validator(mode='after')
    def has_a_name(self) -> Self:
        if not (self.username or self.email):
            raise Invalid(username='is missing: send username or email')
        return self


class RegisterWithName(Request):
    """As B's clients do."""

    username: Username
    email: Email
    password: Password


class RegisterByName(Request):
    """As C's clients do: the name is shown, the username is made from the email."""

    name: DisplayName
    email: Email
    password: Password


class LoginByEmail(Request):
    """As B's and C's clients do."""

    email: AnyText
    password: AnyText


class Refresh(Request):
    """The refresh token of a sign-in, which works once."""

    refresh_token: AnyText


class ChangePassword(Request):
    """The password as it is, and as it shall be."""

    current_password: AnyText
    new_password: Password


class NewPassword(Request):
    """As the host sets one on the command line."""

    password: Password


class ForgotPassword(Request):
    """Whose password is forgotten."""

    email: Email


class ResetPassword(NewPassword):
    """By the token of a link."""

    token: Annotated[AnyText, Field(max_length=200)]


class UpdateProfile(Request):
    """What is to be changed of oneself; a new email needs the current password."""

    display_name: DisplayName | None = None
    email: Email | None = None
    current_password: AnyText | None = None


class PushEndpoint(Request):
    """Where a push service takes messages for a browser."""

    endpoint: Annotated[AnyText, Field(max_length=2000)]


class PushKeys(Request):
    """By which messages for a browser are encrypted."""

    p256dh: AnyText = Field(alias='p256dh')
    auth: AnyText


class PushSubscription(PushEndpoint):
    """A browser's, as it serialises itself."""

    keys: PushKeys
    expiration_time: float | None = Field(None, ge=0, le=2**53)

    @property
    def expires_at(self) -> int | None:
        """Milliseconds."""
        return None if self.expiration_time is None else int(self.expiration_time)


class Paged(Request):
    """The base of the queries of all lists that come in pages: `Link` names the next one."""


class Listing(Paged):
    """A list of things other than messages: so many of them."""

    limit: Annotated[Count, Field(ge=1, le=LONGEST)] = LONGEST


class ListAfter(Listing):
    """A list that continues behind the one with this id, wherever that stands in its order."""

    after: Id | None = None


class ListById(Listing):
    """A list in the order of ids, that continues after this one."""

    after: Id = 0


class ListUsers(ListAfter):
    """Users, or those whose username or displayName holds `q`."""

    q: Text | None = Field(None, max_length=100)


# ---------------------------------------------------------------------- messages

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


# ---------------------------------------------------------------------- rooms

class CreateRoom(Request):
    """A new room."""

    name: RoomName
    is_private: bool = False


class RenameRoom(Request):
    """Another name for a room."""

    name: RoomName


class JoinRoom(Request):
    """By the id of a public room, by the code of any, or by both."""

    model_config = says(anyOf=[{'required': ['roomId']}, {'required': ['inviteCode']}])

    room_id: Id | None = None
    invite_code: AnyText | None = None

    @model_validator(mode='after')
    def names_a_room(self) -> Self:
        if self.room_id is None and not self.invite_code:
            raise Invalid(inviteCode='is missing: send inviteCode or roomId')
        return self


class JoinRoomEvent(JoinRoom):
    """A room by its id, with its code where it is private."""

    model_config = says()

    room_id: Id


class LeaveRoom(Request):
    """A room that one is in."""

    room_id: Id


class ChangeSettings(Request):
    """What one wants to be told of while away, and whether the room is pinned; at least one of the two."""

    model_config = says(anyOf=[{'required': ['notify']}, {'required': ['isPinned']}])

    notify: Notify | None = None
    is_pinned: bool | None = None

    @model_validator(mode='after')
    def has_one(self) -> Self:
        if self.notify is None and self.is_pinned is None:
            raise Invalid(notify='is missing: send notify or isPinned')
        return self


class ChangeRole(Request):
    """What a member shall be."""

    role: Role


# ---------------------------------------------------------------------- calls

CALL_RECEIVERS = 'to', 'receiverId', 'userId'  # names of the other party; the first that is there counts


class CallUser(Request):
    """Whom to call; whatever else the payload holds is passed on."""

    model_config = says(additionalProperties=True)

    to: Id = Field(validation_alias=AliasChoices(*CALL_RECEIVERS))


class CallSignal(CallUser):
    """An event of a call that is there already."""

    call_id: Id | None = None


class ListCalls(Listing):
    """Past calls, that continue with those before this one."""

    before: Id | None = None


# ---------------------------------------------------------------------- events

class AuthLogin(Request):
    """A token, as signing in over HTTP gives it."""

    token: AnyText
