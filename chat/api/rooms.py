"""Rooms over HTTP; what is answered is wrapped by its noun, as E's clients expect."""
from flask import request

from ..schemas import (
    ChangeRole,
    Content,
    CreateRoom,
    JoinRoom,
    ListById,
    ListMessages,
    MessageReference,
    RenameRoom,
)
from .forms import takes_message
from .messages import PAGE, send
from .support import core, make_blueprint, me, next_link, page_link, page_of, takes, takes_query

blueprint = make_blueprint('rooms', '/api/rooms')


def room_answer(room_id):
    return {'room': core.inbox.room(me(), room_id)}


@blueprint.post('')
@takes(CreateRoom)
def create_room(body):
    return room_answer(core.membership.create(me(), body.name, body.is_private)), 201


@blueprint.get('')
@takes_query(ListById)
def list_public_rooms(query):
    return listed('rooms', core.inbox.public_rooms(me(), query.after), lambda room: room['id'])


@blueprint.get('/mine')
@takes_query(ListById)
def list_own_rooms(query):
    return listed('rooms', core.inbox.own_rooms(me(), query.after), lambda room: room['id'])


def listed(noun, found, id_of):
    """A wrapped list by id, with the Link to what comes after it."""
    items, more = found
    headers = next_link(request.args.to_dict() | {'after': id_of(items[-1])}) if more else {}
    return {noun: items}, headers


@blueprint.post('/join')
@takes(JoinRoom)
def join_room(body):
    return room_answer(core.membership.join(me(), body.room_id, body.invite_code))


@blueprint.get('/<id:room_id>')
def get_room(room_id):
    return room_answer(room_id)


@blueprint.patch('/<id:room_id>')
@takes(RenameRoom)
def rename_room(body, room_id):
    core.membership.rename(me(), room_id, body.name)
    return room_answer(room_id)


@blueprint.delete('/<id:room_id>')
def remove_room(room_id):
    core.membership.remove(me(), room_id)
    return '', 204


# ---------------------------------------------------------------------- members

@blueprint.get('/<id:room_id>/members')
@takes_query(ListById)
def list_members(query, room_id):
    return listed('members', core.inbox.members(me(), room_id, query.after), lambda member: member['user']['id'])


@blueprint.delete('/<id:room_id>/members/<id:user_id>')
def remove_member(room_id, user_id):
    if user_id == me():
        core.membership.leave(me(), room_id)
    else:
        core.membership.remove_member(me(), room_id, user_id)
    return '', 204


@blueprint.patch('/<id:room_id>/members/<id:user_id>')
@takes(ChangeRole)
def change_role(body, room_id, user_id):
    core.membership.change_role(me(), room_id, user_id, body.role)
    return {'member': core.inbox.member(me(), room_id, user_id)}


@blueprint.get('/<id:room_id>/invite')
def get_invite_code(room_id):
    return {'inviteCode': core.membership.invite_code(me(), room_id)}


@blueprint.post('/<id:room_id>/invite')
def renew_invite_code(room_id):
    return {'inviteCode': core.membership.renew_invite_code(me(), room_id)}


# ---------------------------------------------------------------------- messages

@blueprint.get('/<id:room_id>/messages')
@takes_query(ListMessages)
def list_messages(query, room_id):
    page = page_of(query, PAGE)
    messages, more = core.histories.room_history(me(), room_id, page)
    return {'messages': messages}, page_link(messages, page) if more else {}


@blueprint.post('/<id:room_id>/messages')
@takes_message(Content)
def send_message(body, files, room_id):
    message, status = send(core.rooms.require_member(me(), room_id), body, files)
    return {'message': message}, status


@blueprint.post('/<id:room_id>/read')
@takes(MessageReference)
def read(body, room_id):
    core.rooms.require_member(me(), room_id)
    core.receipts.read(me(), body.message_id, room_id)
    return '', 204
