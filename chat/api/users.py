"""Users over HTTP."""
from flask import g, request

from ..schemas import ListUsers, UpdateProfile
from .support import core, make_blueprint, me, next_link, takes, takes_query

blueprint = make_blueprint('users', '/api/users')


@blueprint.get('')
@takes_query(ListUsers)
def list_users(query):
    users, more = core.users.others(me(), query.q, query.after)
    return (users, next_link(request.args.to_dict() | {'after': users[-1]['id']})) if more else users


@blueprint.get('/<id:user_id>')
def get_user(user_id):
    return core.users.me(user_id) if user_id == me() else core.users.get(user_id)


@blueprint.get('/me')
def get_me():
    return core.users.me(me())


@blueprint.patch('/me')
@takes(UpdateProfile)
def update_me(body):
    return core.users.update_profile(me(), display_name=body.display_name, email=body.email,
                                     current_password=body.current_password, address=g.address)
