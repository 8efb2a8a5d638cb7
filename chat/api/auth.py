"""Accounts over HTTP: sign-up, sign-in and its end."""
from flask import Blueprint

from .. import tokens
from ..answers import Done, SignedIn, Tokens
from ..core.accounts.sign_ins import Grant
from ..errors import Conflict, Forbidden, Unauthorized
from ..schemas.accounts import ChangePassword, ForgotPassword, Login, Refresh, Register, ResetPassword
from .context import core, identity, me, my_address
from .operation import PUBLIC, operation

blueprint = Blueprint('auth', __name__, url_prefix='/api/auth')


@blueprint.post('/register')
@operation(body=Register, answers={201: SignedIn}, errors=[Conflict, Forbidden], access=PUBLIC)
def register(body: Register) -> tuple[SignedIn, int]:
    """Make an account and sign in to it."""
    return signed_in(core.accounts.sign_up(
        email=body.email, password=body.password, username=body.username, display_name=body.display_name,
        address=my_address())), 201


@blueprint.post('/login')
@operation(body=Login, answers={200: SignedIn}, errors=[Unauthorized], access=PUBLIC)
def login(body: Login) -> SignedIn:
    """Sign in by username or email."""
    name = body.username or body.email or ''
    return signed_in(core.accounts.sign_in(name=name, password=body.password, address=my_address()))


def signed_in(grant: Grant) -> SignedIn:
    """What a client gets of a new sign-in."""
    return {**tokens.issue(grant), 'user': core.users.me(grant.user_id)}


@blueprint.post('/refresh')
@operation(body=Refresh, answers={200: Tokens}, errors=[Unauthorized], access=PUBLIC)
def refresh(body: Refresh) -> Tokens:
    """Exchange a refresh token, once."""
    return tokens.refresh(body.refresh_token, core.sign_ins)


@blueprint.post('/logout')
@operation(answers={200: Done})
def logout() -> Done:
    """End this sign-in: its tokens and its connections."""
    core.sign_ins.end(identity().sign_in_id)
    return {'message': 'You are signed out'}


@blueprint.post('/password')
@operation(body=ChangePassword, answers={200: Done}, errors=[Forbidden])
def change_password(body: ChangePassword) -> Done:
    """Set a new password, which ends every other sign-in."""
    core.accounts.change_password(me(), identity().sign_in_id, current_password=body.current_password,
                                  new_password=body.new_password, address=my_address())
    return {'message': 'The password is changed, and every other sign-in has ended'}


@blueprint.post('/forgot')
@operation(body=ForgotPassword, answers={202: Done}, access=PUBLIC)
def forgot_password(body: ForgotPassword) -> tuple[Done, int]:
    """Ask for a link to set a new password; the answer is the same whether or not there is such an account."""
    core.password_resets.ask(body.email, my_address())
    return {'message': 'If there is an account with this email, its owner will be sent a link'}, 202


@blueprint.post('/reset')
@operation(body=ResetPassword, answers={200: SignedIn}, errors=[Forbidden], access=PUBLIC)
def reset_password(body: ResetPassword) -> SignedIn:
    """Set a new password by the token of a link, which ends every sign-in, and sign in."""
    return signed_in(core.password_resets.reset(body.token, body.password, my_address()))
