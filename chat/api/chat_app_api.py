"""Dialect B (chat-app-api) over HTTP. Its original let anybody read and send as anybody; here the token decides."""
from flask import g, request

from .. import tokens
from ..core.rooms.rooms import DIRECT
from ..dialects.chat_app_api import NAME, as_message
from ..errors import BadRequest, Conflict, Forbidden, Unauthorized
from ..schemas import ListMessages, ListUsers, LoginByEmail, RegisterWithName, SendAs
from .messages import WITHOUT_LIMIT, send
from .support import core, make_blueprint, me, next_link, page_link, page_of, public, takes, takes_query

blueprint = make_blueprint('chat_app_api', '/api')


def user_object(user):
    return {'_id': str(user['id']), 'id': str(user['id']), 'username': user['username']}


def message_object(message):
    described = as_message(message)
    return {'_id': described['id']} | described


@blueprint.post('/user/register')
@public
@takes(RegisterWithName)
def register(body):
    try:
        grant = core.accounts.sign_up(email=body.email, password=body.password, username=body.username,
                                      display_name=None, address=g.address)
    except Conflict as error:
        raise BadRequest(error.message) from None
    user = core.users.get(grant.user_id, grant.user_id)
    return {'message': 'User registered', 'user': user_object(user) | {'email': user['email']}}, 201


@blueprint.post('/user/login')
@public
@takes(LoginByEmail)
def login(body):
    try:
        grant = core.accounts.sign_in(name=body.email, password=body.password, address=g.address)
    except Unauthorized as error:
        raise BadRequest(error.message) from None
    return {'message': 'Login successful', 'token': tokens.issue(grant, NAME)['token'], 'userId': str(grant.user_id)}


@blueprint.get('/user')
@takes_query(ListUsers)
def list_users(query):
    users, more = core.users.everybody(me(), query.q, query.after)
    headers = next_link(request.args.to_dict() | {'after': users[-1]['id']}) if more else {}
    return {'user': [user_object(user) for user in users]}, headers


@blueprint.post('/chat/send')
@takes(SendAs)
def send_message(body):
    if body.sender != me():
        raise Forbidden('sender must be yourself')
    message, status = send(core.sending.to_user(me(), body.receiver), body)
    return {'message': message_object(message)}, status


@blueprint.get('/chat/messages/<id:user_id>')
@takes_query(ListMessages)
def list_own_messages(query, user_id):
    if user_id != me():
        raise Forbidden('You can only read your own messages')
    page = page_of(query, WITHOUT_LIMIT)
    return newest_first(core.histories.all_history(me(), page, kind=DIRECT), page)


@blueprint.get('/chat/messages/<id:sender_id>/<id:receiver_id>')
@takes_query(ListMessages)
def list_messages_between(query, sender_id, receiver_id):
    if me() not in (sender_id, receiver_id):
        raise Forbidden('You can only read your own messages')
    page = page_of(query, WITHOUT_LIMIT)
    other = receiver_id if sender_id == me() else sender_id
    return newest_first(core.histories.direct_history(me(), other, page), page)


def newest_first(found, page):
    """A page of messages in B's order and words."""
    messages, more = found
    return [message_object(message) for message in reversed(messages)], page_link(messages, page) if more else {}
