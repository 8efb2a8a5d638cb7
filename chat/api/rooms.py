"""Rooms over HTTP; what is answered is wrapped by its noun, as E's clients expect."""
from collections.abc import Sequence

from flask import Blueprint

from ..answers import (
    InviteCode,
    MemberAnswer,
    MembersAnswer,
    MessageAnswer,
    MessagesAnswer,
    ReceiptsAnswer,
    RoomAnswer,
    RoomsAnswer,
)
from ..core.files.attachments import MAX_ATTACHMENTS
from ..errors import Conflict, Forbidden, Invalid, NotFound
from ..schemas.lists import ListById
from ..schemas.messages import Content, EditContent, ListMessages, MessageReference
from ..schemas.rooms import ChangeRole, ChangeSettings, CreateRoom, JoinRoom, RenameRoom
from .context import core, me
from .forms import ReceivedFile
from .messages import PAGE, send
from .operation import operation
from .pages import Answer, next_messages, page_answer, page_of

blueprint = Blueprint('rooms', __name__, url_prefix='/api/rooms')
HIDDEN = [Forbidden, NotFound]
NO_CONTENT = '', 204


def room_answer(room_id: int) -> RoomAnswer:
    """The Room as the caller sees it now."""
    return {'room': core.inbox.room(me(), room_id)}


@blueprint.post('')
@operation(body=CreateRoom, answers={201: RoomAnswer})
def create_room(body: CreateRoom) -> tuple[RoomAnswer, int]:
    """Make a room, and be its admin."""
    return room_answer(core.membership.create(me(), body.name, body.is_private)), 201


@blueprint.get('')
@operation(query=ListById, answers={200: RoomsAnswer})
def list_public_rooms(query: ListById) -> Answer:
    """The public rooms, by id."""
    rooms, more = core.inbox.public_rooms(me(), query.after, query.limit)
    return page_answer(rooms, {'after': rooms[-1]['id']} if more else None, 'rooms')


@blueprint.get('/mine')
@operation(query=ListById, answers={200: RoomsAnswer})
def list_own_rooms(query: ListById) -> Answer:
    """The public and private rooms that one is in, by id."""
    rooms, more = core.inbox.own_rooms(me(), query.after, query.limit)
    return page_answer(rooms, {'after': rooms[-1]['id']} if more else None, 'rooms')


@blueprint.post('/join')
@operation(body=JoinRoom, answers={200: RoomAnswer}, errors=HIDDEN)
def join_room(body: JoinRoom) -> RoomAnswer:
    """Enter a public room by its id, or any by its invite code."""
    return room_answer(core.membership.join(me(), body.room_id, body.invite_code))


@blueprint.get('/<id:room_id>')
@operation(answers={200: RoomAnswer}, errors=[NotFound])
def get_room(room_id: int) -> RoomAnswer:
    """One room."""
    return room_answer(room_id)


@blueprint.patch('/<id:room_id>')
@operation(body=RenameRoom, answers={200: RoomAnswer}, errors=HIDDEN)
def rename_room(body: RenameRoom, room_id: int) -> RoomAnswer:
    """Give a room another name, as one of its admins."""
    core.membership.rename(me(), room_id, body.name)
    return room_answer(room_id)


@blueprint.delete('/<id:room_id>')
@operation(answers={204: None}, errors=HIDDEN)
def remove_room(room_id: int) -> tuple[str, int]:
    """Remove a room and its messages for everybody, as one of its admins."""
    core.membership.remove(me(), room_id)
    return NO_CONTENT


@blueprint.patch('/<id:room_id>/settings')
@operation(body=ChangeSettings, answers={200: RoomAnswer}, errors=HIDDEN)
def change_settings(body: ChangeSettings, room_id: int) -> RoomAnswer:
    """Set what one wants to be told of from a room while away, and whether it is pinned, for oneself."""
    core.settings.change(me(), room_id, notify=body.notify, is_pinned=body.is_pinned)
    return room_answer(room_id)


# ---------------------------------------------------------------------- members

@blueprint.get('/<id:room_id>/members')
@operation(query=ListById, answers={200: MembersAnswer}, errors=HIDDEN)
def list_members(query: ListById, room_id: int) -> Answer:
    """The members of a room, by user id."""
    members, more = core.inbox.members(me(), room_id, query.after, query.limit)
    return page_answer(members, {'after': members[-1]['user']['id']} if more else None, 'members')


@blueprint.delete('/<id:room_id>/members/<id:user_id>')
@operation(answers={204: None}, errors=HIDDEN)
def remove_member(room_id: int, user_id: int) -> tuple[str, int]:
    """Leave a room, or remove somebody from it as one of its admins."""
    if user_id == me():
        core.membership.leave(me(), room_id)
    else:
        core.membership.remove_member(me(), room_id, user_id)
    return NO_CONTENT


@blueprint.patch('/<id:room_id>/members/<id:user_id>')
@operation(body=ChangeRole, answers={200: MemberAnswer}, errors=[Conflict, *HIDDEN])
def change_role(body: ChangeRole, room_id: int, user_id: int) -> MemberAnswer:
    """Promote or demote a member, as one of the room's admins."""
    core.membership.change_role(me(), room_id, user_id, body.role)
    return {'member': core.inbox.member(me(), room_id, user_id)}


@blueprint.get('/<id:room_id>/invite')
@operation(answers={200: InviteCode}, errors=HIDDEN)
def get_invite_code(room_id: int) -> InviteCode:
    """The room's invite code, for its admins."""
    return {'inviteCode': core.membership.invite_code(me(), room_id)}


@blueprint.post('/<id:room_id>/invite')
@operation(answers={200: InviteCode}, errors=HIDDEN)
def renew_invite_code(room_id: int) -> InviteCode:
    """A new invite code; the old one stops working."""
    return {'inviteCode': core.membership.renew_invite_code(me(), room_id)}


# ---------------------------------------------------------------------- messages

@blueprint.get('/<id:room_id>/messages')
@operation(query=ListMessages, answers={200: MessagesAnswer}, errors=HIDDEN)
def list_messages(query: ListMessages, room_id: int) -> Answer:
    """The messages of a room, for its members."""
    page = page_of(query, PAGE)
    found = core.histories.room_history(me(), room_id, page)
    return page_answer(found[0], next_messages(found, page), 'messages')


@blueprint.post('/<id:room_id>/messages')
@operation(body=Content, files=MAX_ATTACHMENTS, answers={200: MessageAnswer, 201: MessageAnswer}, errors=[Conflict, *HIDDEN])
def send_message(body: Content, files: Sequence[ReceivedFile], room_id: int) -> tuple[MessageAnswer, int]:
    """Send a message to a room; 200 for one that was sent before by the same clientId."""
    message, status = send(core.rooms.require_member(me(), room_id), body, files)
    return {'message': message}, status


@blueprint.patch('/<id:room_id>/messages/<id:message_id>')
@operation(body=EditContent, answers={200: MessageAnswer}, errors=[Conflict, *HIDDEN])
def edit_message(body: EditContent, room_id: int, message_id: int) -> MessageAnswer:
    """Give one's message another content."""
    return {'message': core.changing.edit(me(), message_id, body.content, room_id)}


@blueprint.delete('/<id:room_id>/messages/<id:message_id>')
@operation(answers={204: None}, errors=HIDDEN)
def delete_message(room_id: int, message_id: int) -> tuple[str, int]:
    """Leave nothing of a message but its place, as its author or an admin of the room."""
    core.changing.delete(me(), message_id, room_id)
    return NO_CONTENT


@blueprint.get('/<id:room_id>/messages/<id:message_id>/receipts')
@operation(query=ListById, answers={200: ReceiptsAnswer}, errors=HIDDEN)
def list_receipts(query: ListById, room_id: int, message_id: int) -> Answer:
    """Whom a message has reached and who has read it, by user id; in rooms of over 50 for its author only."""
    receipts, after = core.receipts.of_message(me(), room_id, message_id, query.after, query.limit)
    return page_answer(receipts, {'after': after} if after else None, 'receipts')


@blueprint.put('/<id:room_id>/messages/<id:message_id>/reactions/<emoji>')
@operation(answers={200: MessageAnswer}, errors=[Conflict, Invalid, *HIDDEN])
def add_reaction(room_id: int, message_id: int, emoji: str) -> MessageAnswer:
    """React to a message with an emoji; twice is no error."""
    return {'message': core.changing.react(me(), message_id, emoji, room_id=room_id)}


@blueprint.delete('/<id:room_id>/messages/<id:message_id>/reactions/<emoji>')
@operation(answers={200: MessageAnswer}, errors=[Conflict, Invalid, *HIDDEN])
def remove_reaction(room_id: int, message_id: int, emoji: str) -> MessageAnswer:
    """Take one's reaction back; twice is no error."""
    return {'message': core.changing.react(me(), message_id, emoji, is_removal=True, room_id=room_id)}


@blueprint.post('/<id:room_id>/read')
@operation(body=MessageReference, answers={204: None}, errors=HIDDEN)
def read(body: MessageReference, room_id: int) -> tuple[str, int]:
    """Say that a message, and all before it, are read."""
    core.rooms.require_member(me(), room_id)
    core.receipts.read(me(), body.message_id, room_id)
    return NO_CONTENT
