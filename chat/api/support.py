"""What every view shares: who is calling, what was sent, pages, and the rules around each request."""
from functools import wraps
from urllib.parse import urlencode

from flask import Blueprint, current_app, g, request
from werkzeug.local import LocalProxy
from werkzeug.routing import IntegerConverter, ValidationError

from .. import tokens
from ..addresses import client_address
from ..core.machinery.clock import milliseconds
from ..core.messages.histories import Page
from ..errors import BadRequest, TooLarge, Unauthorized
from ..fields import MAX_ID
from ..jsonio import HEADERS, JsonResponse
from ..schemas import parse

core = LocalProxy(lambda: current_app.extensions['chat'])
UNLIMITED = {'operations.health', 'operations.ready'}  # what monitors ask


class IdConverter(IntegerConverter):
    """An id in a path: ASCII digits, as in a body; anything else is an address that does not exist."""

    regex = '[0-9]{1,16}'

    def to_python(self, value):
        if int(value) > MAX_ID:
            raise ValidationError
        return int(value)


def make_blueprint(name, prefix=''):
    """A blueprint whose views need a token, unless they are marked with `public`."""
    return Blueprint(name, __name__, url_prefix=prefix)


def public(view):
    """Mark a view that needs no token."""
    view.is_public = True
    return view


def signable(view):
    """Mark a view that a signature in the address opens as well; without a good token `me_or_nobody` is None."""
    view.is_signable = True
    return view


def takes(model):
    """Give the view its validated JSON body as first argument."""
    def decorate(view):
        @wraps(view)
        def wrapped(**arguments):
            return view(parse(model, json_body()), **arguments)
        return wrapped
    return decorate


def takes_query(model):
    """Give the view its validated query parameters as first argument."""
    def decorate(view):
        @wraps(view)
        def wrapped(**arguments):
            return view(parse(model, request.args.to_dict()), **arguments)
        return wrapped
    return decorate


def json_body():
    """The parsed JSON body. Raises BadRequest, TooLarge."""
    if not request.is_json:
        raise BadRequest('Send JSON with Content-Type: application/json')
    body = read_body(current_app.config['MAX_CONTENT_LENGTH'])
    try:
        return current_app.json.loads(body)
    except ValueError:
        raise BadRequest('The body is no JSON: check its quotes, commas and encoding') from None


def read_body(limit):
    """The body of up to `limit` bytes, whether or not the client said how long it is. Raises BadRequest, TooLarge."""
    if (request.content_length or 0) > limit:
        raise TooLarge()
    try:
        body = request.environ['wsgi.input'].read(limit + 1)
    except OSError:
        raise BadRequest('The body ended too early') from None
    if len(body) > limit:
        raise TooLarge()
    return body


# ---------------------------------------------------------------------- before each request

def admit():
    """Find out who is calling, count the request, and refuse whoever may not go on."""
    app, environ, endpoint = current_app._get_current_object(), request.environ, request.endpoint
    app.extensions['chat.start']()
    if environ['REQUEST_METHOD'] == 'OPTIONS' or endpoint in UNLIMITED:
        return
    view = app.view_functions.get(endpoint)
    g.address = client_address(environ, app.config['TRUSTED_PROXIES'])
    g.identity = None
    try:
        if view is not None and not getattr(view, 'is_public', False):
            g.identity = tokens.authenticate(shown_token(), core.sign_ins)
    except Unauthorized:
        if not (getattr(view, 'is_signable', False) and 'signature' in request.args):
            core.limits.charge('requests', 'address', g.address)
            raise
    caller = ('user', g.identity.user_id) if g.identity else ('address', g.address)
    core.limits.charge('requests', *caller)


def shown_token():
    """The token of the request: `Authorization: Bearer`, or the header `access_token`."""
    header = request.environ.get('HTTP_AUTHORIZATION')
    if not header:
        return request.environ.get('HTTP_ACCESS_TOKEN')
    scheme, _, token = header.partition(' ')
    return token.strip() if scheme.lower() == 'bearer' else None


def me():
    """The caller's user id."""
    return g.identity.user_id


def me_or_nobody():
    """The caller's user id; None for who came with a signature instead of a token."""
    return g.identity and g.identity.user_id


def finish(response):
    """Headers of every answer."""
    if not isinstance(response, JsonResponse):
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
    if 'HTTP_ORIGIN' not in request.environ and not current_app.config['CLIENT_URL']:
        response.headers['Access-Control-Allow-Origin'] = '*'  # all that flask_cors would say, in a tenth of its time
    return response


# ---------------------------------------------------------------------- pages

def page_of(query, default):
    """The Page that the query parameters ask for."""
    before, cursor, before_time = query.before, query.cursor, None
    if before is None and isinstance(cursor, int):
        before = cursor
    elif before is None and cursor is not None:
        before_time = milliseconds(cursor)
    return Page(query.limit or default, before, query.after, before_time)


def message_page(found, page):
    """A list of messages, with the Link to the page that continues in the same direction."""
    messages, more = found
    return (messages, page_link(messages, page)) if more else messages


def page_link(messages, page):
    """The Link header to the page of messages that continues in the same direction."""
    parameters = request.args.to_dict()
    parameters.pop('cursor', None)
    parameters['after' if page.is_forward else 'before'] = messages[-1 if page.is_forward else 0]['id']
    return next_link(parameters)


def next_link(parameters):
    """The header of RFC 8288 that names the next page of this address."""
    return {'Link': f'<{request.path}?{urlencode(parameters)}>; rel="next"'}
