"""Users over HTTP."""
from flask import g, request

from ..schemas import ListBlocked, ListUsers, UpdateProfile
from .support import core, make_blueprint, me, next_link, takes, takes_query

blueprint = make_blueprint('users', '/api/users')


@blueprint.get('')
@takes_query(ListUsers)
def list_users(query):
    return listed(core.users.others(me(), query.q, query.after))


def listed(found):
    """A list of users by username, with the Link to those after it."""
    users, more = found
    return (users, next_link(request.args.to_dict() | {'after': users[-1]['id']})) if more else users


@blueprint.get('/me/blocks')
@takes_query(ListBlocked)
def list_blocked(query):
    return listed(core.users.blocked(me(), query.after))


@blueprint.put('/<id:user_id>/block')
def block(user_id):
    core.users.set_block(me(), user_id, True)
    return '', 204


@blueprint.delete('/<id:user_id>/block')
def unblock(user_id):
    core.users.set_block(me(), user_id, False)
    return '', 204


@blueprint.get('/<id:user_id>')
def get_user(user_id):
    return core.users.get(user_id, me())


@blueprint.get('/me')
def get_me():
    return core.users.get(me(), me())


@blueprint.patch('/me')
@takes(UpdateProfile)
def update_me(body):
    return core.users.update_profile(me(), display_name=body.display_name, email=body.email,
                                     current_password=body.current_password, address=g.address)
