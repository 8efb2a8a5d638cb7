"""The inbox over HTTP."""
from flask import Blueprint

from ..core.objects import Room
from ..schemas.lists import ListAfter
from .context import core, me
from .operation import operation
from .pages import Answer, page_answer

blueprint = Blueprint('conversations', __name__, url_prefix='/api/conversations')


@blueprint.get('')
@operation(query=ListAfter, answers={200: list[Room]})
def list_conversations(query: ListAfter) -> Answer:
    """One's own conversations of every kind, the one with the newest message first."""
    rooms, more = core.inbox.conversations(me(), query.after, query.limit)
    return page_answer(rooms, {'after': rooms[-1]['id']} if more else None)
