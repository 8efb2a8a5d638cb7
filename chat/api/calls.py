"""Calls over HTTP: what became of them, and what helps to make them. The calls themselves are events."""
from flask import request

from ..schemas import ListCalls
from .support import core, make_blueprint, me, next_link, takes_query

blueprint = make_blueprint('calls', '/api/calls')


@blueprint.get('')
@takes_query(ListCalls)
def list_calls(query):
    calls, more = core.call_records.listed(me(), query.before)
    return (calls, next_link(request.args.to_dict() | {'before': calls[-1]['id']})) if more else calls


@blueprint.get('/ice-servers')
def list_ice_servers():
    return {'iceServers': core.ice.for_user(me())}
