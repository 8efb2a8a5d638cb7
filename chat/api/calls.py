"""Calls over HTTP: what became of them, and what helps to make them. The calls themselves are events."""
from flask import Blueprint

from ..answers import IceServersAnswer
from ..core.objects import Call
from ..schemas.calls import ListCalls
from .context import core, me
from .operation import operation
from .pages import Answer, page_answer

blueprint = Blueprint('calls', __name__, url_prefix='/api/calls')


@blueprint.get('')
@operation(query=ListCalls, answers={200: list[Call]})
def list_calls(query: ListCalls) -> Answer:
    """One's own past calls, the newest first."""
    calls, more = core.call_records.listed(me(), query.before, query.limit)
    return page_answer(calls, {'before': calls[-1]['id']} if more else None)


@blueprint.get('/ice-servers')
@operation(answers={200: IceServersAnswer})
def list_ice_servers() -> IceServersAnswer:
    """The STUN and TURN servers for an RTCPeerConnection."""
    return {'iceServers': core.ice.for_user(me())}
