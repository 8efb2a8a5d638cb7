"""What connections of every dialect are told by the gateway itself: how a sign-in went, and what could not be done."""
from typing import NotRequired

from typing_extensions import TypedDict  # which pydantic wants before Python 3.12

from ..core.objects import Me
from ..errors import ChatError, RateLimited
from .connections import Arrival

LOGIN_OK, LOGIN_FAILED, ERROR = 'auth:ok', 'auth:error', 'error'


class LoginOk(TypedDict):
    """Who has signed in on this connection."""

    user: Me


class LoginFailed(TypedDict):
    """Why nobody has."""

    message: str


class Refusal(TypedDict):
    """What went wrong: with an event of the client (None for one without a name), or with its connection."""

    code: str
    message: str
    event: NotRequired[str | None]
    clientId: NotRequired[str]
    retryAfter: NotRequired[int]


NOTICES = {LOGIN_OK: LoginOk, LOGIN_FAILED: LoginFailed, ERROR: Refusal}


def refusal(arrival: Arrival, error: ChatError) -> Refusal:
    """What a client is told of an event that could not be done: the error, without the fields, and which event it was."""
    described: Refusal = {'code': error.code, 'message': error.message,
                          'event': arrival.name if isinstance(arrival.name, str) else None}
    if isinstance(error, RateLimited):
        described['retryAfter'] = error.seconds
    client_id = arrival.payload.get('clientId') if isinstance(arrival.payload, dict) else None
    if isinstance(client_id, str):
        described['clientId'] = client_id
    return described
