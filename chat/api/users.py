"""Users over HTTP."""
from flask import g, request

from ..schemas import ListBlocked, ListUsers, UpdateProfile
from .downloads import answer
from .forms import received_form, the_file
from .support import core, make_blueprint, me, me_or_nobody, next_link, signable, takes, takes_query

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


@blueprint.put('/me/avatar')
def set_avatar():
    with received_form() as (_, files):
        core.avatars.set(me(), the_file(files).scratch)
    return core.users.get(me(), me())


@blueprint.delete('/me/avatar')
def remove_avatar():
    core.avatars.remove(me())
    return core.users.get(me(), me())


@blueprint.get('/<id:user_id>/avatar')
@signable
def get_avatar(user_id):
    return answer(core.avatars.open(user_id, me_or_nobody(), request.args.get('signature')))


@blueprint.patch('/me')
@takes(UpdateProfile)
def update_me(body):
    return core.users.update_profile(me(), display_name=body.display_name, email=body.email,
                                     current_password=body.current_password, address=g.address)
