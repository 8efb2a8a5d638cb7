"""The door: who is calling, how often, and what every answer says on its way out."""
from collections.abc import Mapping
from typing import Any

from flask import Flask, Request, Response, current_app, g, request

from .. import tokens
from ..addresses import client_address
from ..errors import Unauthorized
from ..jsonio import HEADERS, JsonResponse
from .operation import PUBLIC, SIGNED, TOKEN, operation_of

UNLIMITED = {'operations.health', 'operations.ready',  # what monitors ask
             'web.entry', 'web.file'}  # in parts the page is of no use, and whole it is many files


def admit() -> None:
    """Find out who is calling, count the request, and refuse whoever may not go on."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    asked: Request = request._get_current_object()  # type: ignore[attr-defined]  # at once: each look through it takes 0.5 µs
    environ, endpoint, chat = asked.environ, asked.endpoint, app.extensions['chat']
    app.extensions['chat.start']()
    if environ['REQUEST_METHOD'] == 'OPTIONS' or endpoint in UNLIMITED:
        return
    operation = operation_of(app.view_functions.get(endpoint or ''))
    access = operation.access if operation else PUBLIC if endpoint is None else TOKEN
    address, identity = client_address(environ, app.config['TRUSTED_PROXIES']), None
    g.address, g.identity = address, None
    try:
        if access != PUBLIC:
            g.identity = identity = tokens.authenticate(shown_token(environ), chat.sign_ins)
    except Unauthorized:
        if not (access == SIGNED and 'signature' in asked.args):
            chat.limits.charge('requests', 'address', address)
            raise
    caller = ('user', identity.user_id) if identity else ('address', address)
    chat.limits.charge('requests', *caller)


def shown_token(environ: Mapping[str, Any]) -> str | None:
    """The token of the request: `Authorization: Bearer`, or the header `access_token`."""
    header: str | None = environ.get('HTTP_AUTHORIZATION')
    if not header:
        return environ.get('HTTP_ACCESS_TOKEN')
    scheme, _, token = header.partition(' ')
    return token.strip() if scheme.lower() == 'bearer' else None


def finish(response: Response) -> Response:
    """Headers of every answer."""
    if not isinstance(response, JsonResponse):
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
    if 'HTTP_ORIGIN' not in request.environ and not current_app.config['CLIENT_URL']:
        response.headers['Access-Control-Allow-Origin'] = '*'  # all that flask_cors would say, in a tenth of its time
    return response
