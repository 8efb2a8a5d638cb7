"""Call events of clients, on `/call` and `/`: signalling between two connections, in words of the clients' own."""
from collections.abc import Mapping
from typing import Any, NamedTuple, NotRequired

from typing_extensions import TypedDict

from .. import jsonio
from ..core.calls.call import Signal
from ..dialects import Handler
from ..errors import Invalid, TooLarge
from ..schemas.calls import CALL_RECEIVERS, CallSignal, CallUser
from .connections import Connection
from .gateway import Gateway

MAX_BYTES = 64 * 1024  # of what is passed on, as JSON
MAX_DEPTH = 100        # of its lists and objects within each other; encoders recurse


class Sent(NamedTuple):
    """The payload of a call event: `rest` is all but the receiver, as it came."""

    to: int
    call_id: int | None
    rest: dict[str, Any]


class CallAck(TypedDict):
    """What the acknowledgement of a call's event adds; `incoming` says that the other one called first."""

    callId: int
    incoming: NotRequired[bool]


def call_user(gateway: Gateway, connection: Connection, sent: Sent) -> CallAck:
    """`callUser`: ring all connections of a user, with an offer."""
    call_id, is_incoming = gateway.core.calls.start(signal(connection, sent))
    return {'callId': call_id, 'incoming': True} if is_incoming else {'callId': call_id}


def make_answer(gateway: Gateway, connection: Connection, sent: Sent) -> CallAck:
    """`makeAnswer`: take a call."""
    return {'callId': gateway.core.calls.answer(signal(connection, sent))}


def ice_candidate(gateway: Gateway, connection: Connection, sent: Sent) -> CallAck:
    """`iceCandidate`: something for the other party, before the answer or after it."""
    return {'callId': gateway.core.calls.candidate(signal(connection, sent))}


def end_call(gateway: Gateway, connection: Connection, sent: Sent) -> CallAck:
    """`endCall`: hang up, or decline."""
    return {'callId': gateway.core.calls.end(signal(connection, sent))}


def signal(connection: Connection, sent: Sent) -> Signal:
    """The core's Signal of what a connection sent."""
    return Signal(connection.me, connection.sid, sent.to, sent.call_id, sent.rest)


def read_call(request: CallUser, payload: Mapping[str, Any]) -> Sent:
    """The Sent of a callUser. Raises Invalid, TooLarge."""
    return Sent(request.to, None, rest_of(payload))


def read_signal(request: CallSignal, payload: Mapping[str, Any]) -> Sent:
    """The Sent of any event of a call that is there already. Raises Invalid, TooLarge."""
    return Sent(request.to, request.call_id, rest_of(payload))


def rest_of(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be passed on of a payload that names its receiver. Raises Invalid, TooLarge."""
    receiver = next(name for name in CALL_RECEIVERS if name in payload)
    rest = {name: value for name, value in payload.items() if name != receiver}
    check_size(rest)
    return rest


def check_size(value: Any) -> None:
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
    'callUser': Handler(CallUser, call_user, ack=CallAck, read=read_call),
    'makeAnswer': Handler(CallSignal, make_answer, ack=CallAck, read=read_signal),
    'iceCandidate': Handler(CallSignal, ice_candidate, ack=CallAck, read=read_signal),
    'endCall': Handler(CallSignal, end_call, ack=CallAck, read=read_signal),
}
