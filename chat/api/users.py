"""Users over HTTP."""
from flask import Blueprint, Response, request

from ..core.objects import Me, User
from ..errors import Conflict, Forbidden, Invalid, NotFound
from ..schemas.accounts import ListUsers, UpdateProfile
from ..schemas.lists import ListAfter
from .context import core, me, me_or_nobody, my_address
from .downloads import RangeNotSatisfiable, answer
from .forms import ReceivedFile
from .operation import SIGNED, FileBytes, operation
from .pages import Answer, page_answer

blueprint = Blueprint('users', __name__, url_prefix='/api/users')


@blueprint.get('')
@operation(query=ListUsers, answers={200: list[User]})
def list_users(query: ListUsers) -> Answer:
    """Everybody else by username; `q` looks in username and displayName."""
    users, more = core.users.others(me(), query.q, query.after, query.limit)
    return page_answer(users, {'after': users[-1]['id']} if more else None)


@blueprint.get('/me/blocks')
@operation(query=ListAfter, answers={200: list[User]})
def list_blocked(query: ListAfter) -> Answer:
    """Those whom one has blocked, by username."""
    users, more = core.users.blocked(me(), query.after, query.limit)
    return page_answer(users, {'after': users[-1]['id']} if more else None)


@blueprint.put('/<id:user_id>/block')
@operation(answers={204: None}, errors=[Invalid, NotFound])
def block(user_id: int) -> tuple[str, int]:
    """Block a user: it can neither write nor call, and sees one offline."""
    core.users.set_block(me(), user_id, True)
    return '', 204


@blueprint.delete('/<id:user_id>/block')
@operation(answers={204: None}, errors=[Invalid, NotFound])
def unblock(user_id: int) -> tuple[str, int]:
    """Block a user no longer."""
    core.users.set_block(me(), user_id, False)
    return '', 204


@blueprint.get('/<id:user_id>')
@operation(answers={200: User | Me}, errors=[NotFound])
def get_user(user_id: int) -> User | Me:
    """One user."""
    return core.users.me(user_id) if user_id == me() else core.users.get(user_id, me())


@blueprint.get('/me')
@operation(answers={200: Me})
def get_me() -> Me:
    """Oneself, with one's email."""
    return core.users.me(me())


@blueprint.put('/me/avatar')
@operation(files=1, answers={200: Me})
def set_avatar(file: ReceivedFile) -> Me:
    """Set one's avatar."""
    core.avatars.set(me(), file.scratch)
    return core.users.me(me())


@blueprint.delete('/me/avatar')
@operation(answers={200: Me})
def remove_avatar() -> Me:
    """Have no avatar any more."""
    core.avatars.remove(me())
    return core.users.me(me())


@blueprint.get('/<id:user_id>/avatar')
@operation(answers={200: FileBytes, 206: FileBytes, 304: None}, errors=[NotFound, RangeNotSatisfiable], access=SIGNED)
def get_avatar(user_id: int) -> Response:
    """The avatar of a user."""
    return answer(core.avatars.open(user_id, me_or_nobody(), request.args.get('signature')))


@blueprint.patch('/me')
@operation(body=UpdateProfile, answers={200: Me}, errors=[Conflict, Forbidden])
def update_me(body: UpdateProfile) -> Me:
    """Change one's displayName or, with the current password, one's email."""
    return core.users.update_profile(me(), display_name=body.display_name, email=body.email,
                                     current_password=body.current_password, address=my_address())
