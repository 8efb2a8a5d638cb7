"""Call events of clients, on `/call` and `/`: signalling between two connections, in words of the clients' own."""
from typing import NamedTuple

from .. import jsonio, schemas
from ..core.calls.calls import Signal
from ..errors import Invalid, TooLarge
from .dialects import speakers_of
from .handlers import Handler

NAMESPACES = ('/', '/call')
SPEAKERS = speakers_of('call_started')
MAX_BYTES = 64 * 1024  # of what is passed on, as JSON
MAX_DEPTH = 100        # of its lists and objects within each other; encoders recurse


class Sent(NamedTuple):
    """The payload of a call event: `rest` is all but the receiver, as it came."""

    to: int
    call_id: int | None
    rest: dict


def call_user(gateway, connection, sent):
    """`callUser`: ring all connections of a user, with an offer."""
    call_id, is_incoming = gateway.core.calls.start(
        signal(connection, sent), lambda user_id: connections_of(gateway.registry, user_id))
    return {'callId': call_id} | ({'incoming': True} if is_incoming else {})


def make_answer(gateway, connection, sent):
    """`makeAnswer`: take a call."""
    return {'callId': gateway.core.calls.answer(signal(connection, sent))}


def ice_candidate(gateway, connection, sent):
    """`iceCandidate`: something for the other party, before the answer or after it."""
    return {'callId': gateway.core.calls.candidate(signal(connection, sent))}


def end_call(gateway, connection, sent):
    """`endCall`: hang up, or decline."""
    return {'callId': gateway.core.calls.end(signal(connection, sent))}


def connections_of(registry, user_id):
    """The ids of the user's connections that a call can reach."""
    return {connection.sid for connection in registry.of_users([user_id])
            if connection.namespace in NAMESPACES and connection.dialect in SPEAKERS}


def signal(connection, sent):
    """The core's Signal of what a connection sent."""
    return Signal(connection.user_id, connection.sid, sent.to, sent.call_id, sent.rest)


def read_call(payload):
    """The Sent of a callUser. Raises Invalid, TooLarge."""
    return Sent(schemas.parse(schemas.CallUser, payload).to, None, rest_of(payload))


def read_signal(payload):
    """The Sent of any event of a call that is there already. Raises Invalid, TooLarge."""
    request = schemas.parse(schemas.CallSignal, payload)
    return Sent(request.to, request.call_id, rest_of(payload))


def rest_of(payload):
    """What is to be passed on of a payload that names its receiver. Raises Invalid, TooLarge."""
    receiver = next(name for name in schemas.CALL_RECEIVERS if name in payload)
    rest = {name: value for name, value in payload.items() if name != receiver}
    check_size(rest)
    return rest


def check_size(value):
    """Raise TooLarge, or Invalid for what is nested too deeply, unless the value can be passed on."""
    try:
        text = jsonio.dumps(value, default=lambda part: ' ' * len(part))  # bytes count as they are
    except (RecursionError, ValueError):
        raise Invalid(body='is no JSON that could be passed on') from None
    if len(text.encode()) > MAX_BYTES:
        raise TooLarge('The payload is over 64 KiB: send less')
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for item in level if isinstance(item, (dict, list))
                 for child in (item.values() if isinstance(item, dict) else item)]
        if not level:
            return
    raise Invalid(body='is nested too deeply')


EVENTS = {
    'callUser': Handler(read_call, call_user),
    'makeAnswer': Handler(read_signal, make_answer),
    'iceCandidate': Handler(read_signal, ice_candidate),
    'endCall': Handler(read_signal, end_call),
}
