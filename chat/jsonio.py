"""JSON by orjson, which is fast and strict, with the standard library behind it for the text that orjson refuses.

A lone surrogate is legal JSON but no Unicode text: orjson rejects the whole document, where a client is owed an answer
about the field that holds it. So such documents are read by `json`, and written by it when they are passed on.
"""
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import orjson
from flask import Response
from flask.json.provider import JSONProvider
from werkzeug.datastructures import Headers

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

HEADERS = {'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff'}  # of every answer that says nothing else


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f'{name} is no JSON')


def loads(text: str | bytes, **_: Any) -> Any:
    """Parse str or bytes; raises ValueError for everything that is no JSON, too deep nesting included."""
    try:
        return orjson.loads(text)
    except ValueError:
        try:
            text = text if isinstance(text, str) else str(text, 'utf-8')  # which json.loads would guess at
            return json.loads(text, parse_constant=_refuse_constant)
        except RecursionError:
            raise ValueError('nested too deeply') from None


def dumps(value: Any, default: Callable[[Any], Any] | None = None, **_: Any) -> str:
    """Compact JSON as str; ASCII only where the value holds lone surrogates.

    `default` turns what has no form in JSON into something that has one.
    """
    try:
        return orjson.dumps(value, default).decode()
    except TypeError:
        return json.dumps(value, separators=(',', ':'), allow_nan=False, default=default)


class OrjsonProvider(JSONProvider):
    """Flask's JSON."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Compact JSON."""
        return dumps(obj)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Parsed JSON. Raises ValueError."""
        return loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """The answer with this JSON."""
        return JsonResponse(dumps(self._prepare_response_obj(args, kwargs)), headers=HEADERS)


class JsonResponse(Response):
    """An answer that is JSON, with all the headers that each answer has."""

    default_mimetype = 'application/json'

    def get_wsgi_headers(self, environ: 'WSGIEnvironment') -> Headers:
        """Its headers as they are: no Location among them needs to be made absolute, and the length is known."""
        return self.headers
