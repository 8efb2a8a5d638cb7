"""What a client says when it opens a connection, and how it is told that it may not."""
from collections.abc import Mapping
from typing import Annotated, Any, NotRequired

from socketio.exceptions import ConnectionRefusedError
from typing_extensions import TypedDict  # which pydantic wants before Python 3.12

from ..core.objects import Says
from ..dialects import DIALECTS
from ..errors import ChatError, Invalid

Environ = dict[str, Any]  # of a WSGI request


class Auth(TypedDict):
    """The `auth` of a connection to a namespace; the token may stand in a header as well, as over HTTP."""

    token: NotRequired[str]
    dialect: NotRequired[Annotated[str, Says('Instead of the one that the token is of.', enum=list(DIALECTS))]]
    recovery: NotRequired[Annotated[bool, Says('Whether events have offsets; by what the client is, without it.')]]
    pid: NotRequired[Annotated[str, Says('Of the connection that was lost; socket.io-client sends it by itself.')]]
    offset: NotRequired[Annotated[str, Says('Of the last event that came; socket.io-client sends it by itself.')]]


def refused(error: ChatError) -> ConnectionRefusedError:
    """What makes the library answer a handshake by connect_error: the code as its message, the error as its data."""
    return ConnectionRefusedError(error.code, error.as_object())


def wanted_dialect(auth: Mapping[str, Any]) -> str | None:
    """The dialect that the handshake asks for, or None. Raises Invalid for a name that is none."""
    dialect = auth.get('dialect')
    if dialect is not None and (not isinstance(dialect, str) or dialect not in DIALECTS):
        raise Invalid(dialect=f'must be one of {", ".join(DIALECTS)}')
    return dialect


def shown_token(auth: Mapping[str, Any], environ: Environ) -> Any:
    """The token of a handshake: in its auth payload, as a Bearer, or in the header access_token; else None."""
    token = auth.get('token')
    if token is None or token == '':
        scheme, _, token = environ.get('HTTP_AUTHORIZATION', '').partition(' ')
        if scheme.lower() != 'bearer':
            token = '' if scheme else environ.get('HTTP_ACCESS_TOKEN', '')
    return token.strip() or None if isinstance(token, str) else token
