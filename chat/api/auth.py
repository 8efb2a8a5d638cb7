"""Accounts over HTTP: sign-up, sign-in and its end."""
from flask import g

from .. import tokens
from ..schemas import ChangePassword, Login, Refresh, Register
from .support import core, make_blueprint, me, public, takes

blueprint = make_blueprint('auth', '/api/auth')


@blueprint.post('/register')
@public
@takes(Register)
def register(body):
    grant = core.accounts.sign_up(email=body.email, password=body.password, username=body.username,
                                  display_name=body.display_name, address=g.address)
    return tokens.issue(grant) | {'user': core.users.get(grant.user_id, grant.user_id)}, 201


@blueprint.post('/login')
@public
@takes(Login)
def login(body):
    grant = core.accounts.sign_in(name=body.username or body.email, password=body.password, address=g.address)
    return tokens.issue(grant) | {'user': core.users.get(grant.user_id, grant.user_id)}


@blueprint.post('/refresh')
@public
@takes(Refresh)
def refresh(body):
    return tokens.refresh(body.refresh_token, core.sign_ins)


@blueprint.post('/logout')
def logout():
    core.sign_ins.end(g.identity.sign_in_id)
    return {'message': 'You are signed out'}


@blueprint.post('/password')
@takes(ChangePassword)
def change_password(body):
    core.accounts.change_password(me(), g.identity.sign_in_id, current_password=body.current_password,
                                  new_password=body.new_password, address=g.address)
    return {'message': 'The password is changed, and every other sign-in has ended'}
