"""Dialect B (chat-app-api) over HTTP. Its original let anybody read and send as anybody; here the token decides."""
from flask import Blueprint
from typing_extensions import TypedDict

from .. import tokens
from ..core.messages.page import Page
from ..core.objects import Message, User
from ..core.rooms.rooms import DIRECT
from ..dialects.chat_app_api import NAME, ChatMessage, as_message
from ..errors import BadRequest, Conflict, Forbidden, NotFound, Unauthorized
from ..schemas.accounts import ListUsers, LoginByEmail, RegisterWithName
from ..schemas.messages import ListMessages, SendAs
from .context import core, me, my_address
from .messages import WITHOUT_LIMIT, send
from .operation import PUBLIC, operation
from .pages import Answer, next_messages, page_answer, page_of

blueprint = Blueprint('chat_app_api', __name__, url_prefix='/api')


class ListedUser(TypedDict):
    """A user, as B's clients see one."""

    _id: str
    id: str
    username: str


class RegisteredUser(ListedUser):
    """A user who has just signed up."""

    email: str


class Registered(TypedDict):
    """Who has signed up."""

    message: str
    user: RegisteredUser


class LoggedIn(TypedDict):
    """What B's clients get of a sign-in."""

    message: str
    token: str
    userId: str


class UsersAnswer(TypedDict):
    """Everybody."""

    user: list[ListedUser]


class ListedMessage(ChatMessage):
    """A message over HTTP; `_id` is `id` again."""

    _id: str


class SentMessage(TypedDict):
    """What was sent."""

    message: ListedMessage


def user_object(user: User) -> ListedUser:
    """The User in B's words."""
    return {'_id': str(user['id']), 'id': str(user['id']), 'username': user['username']}


def message_object(message: Message) -> ListedMessage:
    """The Message in B's words."""
    described = as_message(message)
    return {'_id': described['id'], **described}


@blueprint.post('/user/register')
@operation(body=RegisterWithName, answers={201: Registered}, errors=[BadRequest, Forbidden], access=PUBLIC)
def register(body: RegisterWithName) -> tuple[Registered, int]:
    """Make an account, as B's clients do."""
    try:
        grant = core.accounts.sign_up(email=body.email, password=body.password, username=body.username,
                                      display_name=None, address=my_address())
    except Conflict as error:
        raise BadRequest(error.message) from None
    user = core.users.me(grant.user_id)
    return {'message': 'User registered', 'user': {**user_object(user), 'email': user['email']}}, 201


@blueprint.post('/user/login')
@operation(body=LoginByEmail, answers={200: LoggedIn}, errors=[BadRequest], access=PUBLIC)
def login(body: LoginByEmail) -> LoggedIn:
    """Sign in by email, as B's clients do."""
    try:
        grant = core.accounts.sign_in(name=body.email, password=body.password, address=my_address())
    except Unauthorized as error:
        raise BadRequest(error.message) from None
    return {'message': 'Login successful', 'token': tokens.issue(grant, NAME)['token'], 'userId': str(grant.user_id)}


@blueprint.get('/user')
@operation(query=ListUsers, answers={200: UsersAnswer})
def list_users(query: ListUsers) -> Answer:
    """Everybody by username, oneself included."""
    users, more = core.users.everybody(me(), query.q, query.after, query.limit)
    return page_answer([user_object(user) for user in users], {'after': users[-1]['id']} if more else None, 'user')


@blueprint.post('/chat/send')
@operation(body=SendAs, answers={200: SentMessage, 201: SentMessage}, errors=[Conflict, Forbidden, NotFound])
def send_message(body: SendAs) -> tuple[SentMessage, int]:
    """Send a message to a user, as oneself."""
    if body.sender != me():
        raise Forbidden('sender must be yourself')
    message, status = send(core.sending.to_user(me(), body.receiver), body)
    return {'message': message_object(message)}, status


@blueprint.get('/chat/messages/<id:user_id>')
@operation(query=ListMessages, answers={200: list[ListedMessage]}, errors=[Forbidden])
def list_own_messages(query: ListMessages, user_id: int) -> Answer:
    """One's own direct messages, the newest first."""
    if user_id != me():
        raise Forbidden('You can only read your own messages')
    page = page_of(query, WITHOUT_LIMIT)
    return newest_first(core.histories.all_history(me(), page, kind=DIRECT), page)


@blueprint.get('/chat/messages/<id:sender_id>/<id:receiver_id>')
@operation(query=ListMessages, answers={200: list[ListedMessage]}, errors=[Forbidden, NotFound])
def list_messages_between(query: ListMessages, sender_id: int, receiver_id: int) -> Answer:
    """The direct messages between oneself and a user, the newest first."""
    if me() not in (sender_id, receiver_id):
        raise Forbidden('You can only read your own messages')
    page = page_of(query, WITHOUT_LIMIT)
    other = receiver_id if sender_id == me() else sender_id
    return newest_first(core.histories.direct_history(me(), other, page), page)


def newest_first(found: tuple[list[Message], bool], page: Page) -> Answer:
    """A page of messages in B's order and words."""
    return page_answer([message_object(message) for message in reversed(found[0])], next_messages(found, page))
