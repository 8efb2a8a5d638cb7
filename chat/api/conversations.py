"""The inbox over HTTP."""
from flask import request

from ..schemas import ListConversations
from .support import core, make_blueprint, me, next_link, takes_query

blueprint = make_blueprint('conversations', '/api/conversations')


@blueprint.get('')
@takes_query(ListConversations)
def list_conversations(query):
    rooms, more = core.inbox.conversations(me(), query.after)
    return (rooms, next_link(request.args.to_dict() | {'after': rooms[-1]['id']})) if more else rooms
