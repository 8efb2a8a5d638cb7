"""Dialect C (chat-io) over HTTP: accounts only, since its chat is all on the socket."""
from flask import g

from .. import tokens
from ..dialects.chat_io import NAME
from ..errors import NotFound, Unauthorized
from ..schemas import LoginByEmail, RegisterByName
from .support import core, make_blueprint, me, public, takes

blueprint = make_blueprint('chat_io')


@blueprint.post('/register')
@public
@takes(RegisterByName)
def register(body):
    core.accounts.sign_up(email=body.email, password=body.password, username=None, display_name=body.name,
                          address=g.address)
    return {'message': 'User registered'}, 201


@blueprint.post('/login')
@public
@takes(LoginByEmail)
def login(body):
    try:
        grant = core.accounts.sign_in(name=body.email, password=body.password, address=g.address)
    except Unauthorized as error:
        raise NotFound(error.message) from None
    return {'token': tokens.issue(grant, NAME)['token']}, 201


@blueprint.get('/user')
def get_user():
    user = core.users.get(me(), me())
    return {'id': str(user['id']), 'name': user['displayName'], 'email': user['email']}, 201
