"""Messages over HTTP."""
from gevent.event import AsyncResult

from ..errors import ChatError
from ..schemas import Content, ListMessages, SendAnywhere
from .forms import store, takes_message
from .support import core, make_blueprint, me, message_page, page_of, takes_query

blueprint = make_blueprint('messages', '/api/messages')
WITHOUT_LIMIT = 500  # of a direct history: the original clients never page
PAGE = 50


@blueprint.get('/<id:user_id>')
@takes_query(ListMessages)
def list_direct_messages(query, user_id):
    page = page_of(query, WITHOUT_LIMIT)
    return message_page(core.histories.direct_history(me(), user_id, page), page)


@blueprint.get('')
@takes_query(ListMessages)
def list_all_messages(query):
    page = page_of(query, PAGE)
    return message_page(core.histories.all_history(me(), page), page)


@blueprint.post('/send/<id:receiver_id>')
@takes_message(Content)
def send_to_user(body, files, receiver_id):
    return send(core.sending.to_user(me(), receiver_id), body, files)


@blueprint.post('/send')
@takes_message(SendAnywhere)
def send_message(body, files):
    return send(receiving_room(me(), body), body, files)


def receiving_room(user_id, body):
    """The LiveRoom that a message names as its receiver; the lobby if it names none."""
    if body.to_user_id is not None:
        return core.sending.to_user(user_id, body.to_user_id)
    if body.room_id is not None:
        return core.rooms.require_member(user_id, body.room_id)
    return core.rooms.lobby()


def send(room, body, files=()):
    """Send to a LiveRoom, and answer once it is stored: 201 with the Message, 200 for a repetition.

    Files that came with it are gone again unless they are in a message then.
    """
    if not files or core.sending.is_repetition(me(), body.client_id):
        return send_stored(room, body, body.attachment_ids)
    uploaded, status = [], None
    try:
        for file in files:
            uploaded.append(store(file).id)
        message, status = send_stored(room, body, [*(body.attachment_ids or ()), *uploaded])
        return message, status
    finally:
        if status != 201:
            core.uploads.discard(me(), uploaded)


def send_stored(room, body, attachment_ids):
    """As `send`, with files that were uploaded before."""
    outcome = AsyncResult()
    core.sending.send(me(), room, content=body.content, attachment_ids=attachment_ids, reply_to_id=body.reply_to_id,
                      client_id=body.client_id, answer=outcome.set)
    sent = outcome.get()
    if isinstance(sent, ChatError):
        raise sent
    return sent.message, 200 if sent.is_repetition else 201
