"""Bodies of requests that are JSON."""
from typing import Any

from flask import current_app, request

from ..errors import BadRequest, TooLarge


def json_body() -> Any:
    """The parsed JSON body. Raises BadRequest, TooLarge."""
    if not request.is_json:
        raise BadRequest('Send JSON with Content-Type: application/json')
    body = read_body(current_app.config['MAX_CONTENT_LENGTH'])
    try:
        return current_app.json.loads(body)
    except ValueError:
        raise BadRequest('The body is no JSON: check its quotes, commas and encoding') from None


def read_body(limit: int) -> bytes:
    """The body of up to `limit` bytes, whether or not the client said how long it is. Raises BadRequest, TooLarge."""
    if (request.content_length or 0) > limit:
        raise TooLarge()
    try:
        body: bytes = request.environ['wsgi.input'].read(limit + 1)
    except OSError:
        raise BadRequest('The body ended too early') from None
    if len(body) > limit:
        raise TooLarge()
    return body
