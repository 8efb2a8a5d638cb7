"""Messages over HTTP."""
from collections.abc import Sequence
from datetime import datetime

from flask import Blueprint
from gevent.event import AsyncResult

from ..core.files.attachments import MAX_ATTACHMENTS
from ..core.machinery.clock import milliseconds
from ..core.messages.histories import ABOVE_ALL
from ..core.messages.search import Wanted
from ..core.messages.sending import Sent
from ..core.objects import Message
from ..core.rooms.rooms import LiveRoom
from ..errors import ChatError, Conflict, Forbidden, NotFound
from ..schemas.messages import Content, ListMessages, SearchMessages, SendAnywhere
from .context import core, me
from .forms import ReceivedFile, store
from .operation import operation
from .pages import Answer, next_messages, page_answer, page_of

blueprint = Blueprint('messages', __name__, url_prefix='/api/messages')
WITHOUT_LIMIT = 500  # of a direct history: the original clients never page
PAGE = 50
SENT = {200: Message, 201: Message}
REFUSED = [Conflict, Forbidden, NotFound]


@blueprint.get('/<id:user_id>')
@operation(query=ListMessages, answers={200: list[Message]}, errors=[NotFound])
def list_direct_messages(query: ListMessages, user_id: int) -> Answer:
    """The direct messages between oneself and a user."""
    page = page_of(query, WITHOUT_LIMIT)
    found = core.histories.direct_history(me(), user_id, page)
    return page_answer(found[0], next_messages(found, page))


@blueprint.get('')
@operation(query=ListMessages, answers={200: list[Message]})
def list_all_messages(query: ListMessages) -> Answer:
    """One's messages in all conversations."""
    page = page_of(query, PAGE)
    found = core.histories.all_history(me(), page)
    return page_answer(found[0], next_messages(found, page))


@blueprint.get('/mentions')
@operation(query=ListMessages, answers={200: list[Message]})
def list_mentions(query: ListMessages) -> Answer:
    """The messages that mention one, in the rooms that one is in."""
    page = page_of(query, PAGE)
    found = core.mentioned.history(me(), page)
    return page_answer(found[0], next_messages(found, page))


@blueprint.get('/search')
@operation(query=SearchMessages, answers={200: list[Message]}, errors=[Forbidden, NotFound])
def search_messages(query: SearchMessages) -> Answer:
    """The messages of one's rooms that have what is looked for, the best matches first."""
    found, cursor = core.search.find(me(), wanted_by(query))
    return page_answer(found, None if cursor is None else {'cursor': cursor})


def wanted_by(query: SearchMessages) -> Wanted:
    """What a search is for; `before` and `after` are times or the ids of messages."""
    above, since = id_or_time(query.after)
    below, until = id_or_time(query.before)
    return Wanted(text=query.q, room_id=query.room_id, sender_id=query.sender, above=above or 0, since=since,
                  below=ABOVE_ALL if below is None else below, until=until, newest_first=query.sort == 'newest',
                  limit=query.limit, cursor=query.cursor)


def id_or_time(value: int | datetime | None) -> tuple[int | None, int | None]:
    """(a message id, milliseconds): of the two the one that was given, if any."""
    return (None, milliseconds(value)) if isinstance(value, datetime) else (value, None)


@blueprint.post('/send/<id:receiver_id>')
@operation(body=Content, files=MAX_ATTACHMENTS, answers=SENT, errors=REFUSED)
def send_to_user(body: Content, files: Sequence[ReceivedFile], receiver_id: int) -> tuple[Message, int]:
    """Send a message to a user; 200 for one that was sent before by the same clientId."""
    return send(core.sending.to_user(me(), receiver_id), body, files)


@blueprint.post('/send')
@operation(body=SendAnywhere, files=MAX_ATTACHMENTS, answers=SENT, errors=REFUSED)
def send_message(body: SendAnywhere, files: Sequence[ReceivedFile]) -> tuple[Message, int]:
    """Send a message to a user, a room or, without a receiver, the lobby."""
    return send(receiving_room(me(), body), body, files)


def receiving_room(user_id: int, body: SendAnywhere) -> LiveRoom:
    """The LiveRoom that a message names as its receiver; the lobby if it names none."""
    if body.to_user_id is not None:
        return core.sending.to_user(user_id, body.to_user_id)
    if body.room_id is not None:
        return core.rooms.require_member(user_id, body.room_id)
    return core.rooms.lobby()


def send(room: LiveRoom, body: Content, files: Sequence[ReceivedFile] = ()) -> tuple[Message, int]:
    """Send to a LiveRoom, and answer once it is stored: 201 with the Message, 200 for a repetition.

    Files that came with it are gone again unless they are in a message then.
    """
    if not files or core.sending.is_repetition(me(), body.client_id):
        return send_stored(room, body, body.attachment_ids)
    uploaded: list[int] = []
    status = None
    try:
        for file in files:
            uploaded.append(store(file).id)
        message, status = send_stored(room, body, [*(body.attachment_ids or ()), *uploaded])
        return message, status
    finally:
        if status != 201:
            core.uploads.discard(me(), uploaded)


def send_stored(room: LiveRoom, body: Content, attachment_ids: Sequence[int] | None) -> tuple[Message, int]:
    """As `send`, with files that were uploaded before."""
    answered: AsyncResult[Sent | ChatError] = AsyncResult()
    core.sending.send(me(), room, content=body.content, attachment_ids=attachment_ids, reply_to_id=body.reply_to_id,
                      client_id=body.client_id, answer=answered.set)
    sent = answered.get()
    if not isinstance(sent, Sent):
        raise sent or ChatError()
    return sent.message, 200 if sent.is_repetition else 201
