"""Dialect C (chat-io) over HTTP: accounts only, since its chat is all on the socket."""
from flask import Blueprint
from typing_extensions import TypedDict

from .. import tokens
from ..answers import Done
from ..dialects.chat_io import NAME
from ..errors import Conflict, Forbidden, NotFound, Unauthorized
from ..schemas.accounts import LoginByEmail, RegisterByName
from .context import core, me, my_address
from .operation import PUBLIC, operation

blueprint = Blueprint('chat_io', __name__)


class Token(TypedDict):
    """What C's clients get of a sign-in."""

    token: str


class Profile(TypedDict):
    """Oneself, as C's clients see it."""

    id: str
    name: str
    email: str


@blueprint.post('/register')
@operation(body=RegisterByName, answers={201: Done}, errors=[Conflict, Forbidden], access=PUBLIC)
def register(body: RegisterByName) -> tuple[Done, int]:
    """Make an account, as C's clients do."""
    core.accounts.sign_up(email=body.email, password=body.password, username=None, display_name=body.name,
                          address=my_address())
    return {'message': 'User registered'}, 201


@blueprint.post('/login')
@operation(body=LoginByEmail, answers={201: Token}, errors=[NotFound], access=PUBLIC)
def login(body: LoginByEmail) -> tuple[Token, int]:
    """Sign in by email, as C's clients do."""
    try:
        grant = core.accounts.sign_in(name=body.email, password=body.password, address=my_address())
    except Unauthorized as error:
        raise NotFound(error.message) from None
    return {'token': tokens.issue(grant, NAME)['token']}, 201


@blueprint.get('/user')
@operation(answers={201: Profile})
def get_user() -> tuple[Profile, int]:
    """Oneself."""
    user = core.users.me(me())
    return {'id': str(user['id']), 'name': user['displayName'], 'email': user['email']}, 201
