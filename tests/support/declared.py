"""Holds what a real server says against what it declares: answers of operations, events and acknowledgements.

Whatever goes by in any test is looked at; `violations` says afterwards what was not declared.
"""
from functools import cache, lru_cache
from typing import Any, get_args, get_type_hints

from flask import Flask
from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import is_typeddict
from werkzeug.exceptions import HTTPException

from chat import api
from chat.api.operation import FileBytes, operation_of
from chat.dialects import DIALECTS, handlers_for
from chat.errors import ChatError, ErrorObject, MethodNotAllowed, NotFound
from chat.sockets import HANDLERS
from chat.sockets.notices import NOTICES

ROUTING_ERRORS = {NotFound, MethodNotAllowed}
_violations: list[str] = []


class FailedAck(ErrorObject):
    """What the acknowledgement of an event says that could not be done."""

    ok: bool


def violations():
    """What was not as declared since the last call."""
    found = list(_violations)
    _violations.clear()
    return found


# ---------------------------------------------------------------------- HTTP

def check_answer(response):
    """Hold an answer against the operation that its request was for; answers to no operation are not looked at."""
    operation = operation_at(response.request.method, response.request.path_url.partition('?')[0])
    if operation is not None:
        told = f'{response.request.method} {response.request.path_url} → {response.status_code}'
        try:
            _check(operation, response)
        except (AssertionError, ValidationError) as error:
            _violations.append(f'{told}: {error}')


def operations():
    """{(method, rule): Operation or None} of all routes."""
    app = bare_app()
    return {(method, rule.rule): operation_of(app.view_functions[rule.endpoint])
            for rule in app.url_map.iter_rules() for method in rule.methods - {'HEAD', 'OPTIONS'}}


@cache
def bare_app():
    """An application that has the routes, and nothing behind them."""
    app = Flask('declared', static_folder=None)
    api.register(app)
    return app


@lru_cache(10_000)
def operation_at(method, path):
    """The Operation of a request, or None."""
    try:
        endpoint, _ = bare_app().url_map.bind('').match(path, 'GET' if method == 'HEAD' else method)
    except HTTPException:
        return None
    return operation_of(bare_app().view_functions[endpoint])


def _check(operation, response):
    if response.request.method in ('HEAD', 'OPTIONS'):
        return
    declared = operation.answers.get(response.status_code, ChatError)
    if declared is ChatError:
        _check_error(operation, response)
    elif declared is None:
        assert not response.content, 'a body where none is declared'
    elif declared is not FileBytes:
        adapter(declared).validate_json(response.content, strict=True)


def _check_error(operation, response):
    body = adapter(ErrorObject).validate_json(response.content, strict=True)
    possible = {(error.status, error.code) for error in operation.possible_errors() | ROUTING_ERRORS}
    assert (response.status_code, body['code']) in possible, f'{body["code"]} is not declared'


# ---------------------------------------------------------------------- sockets

def check_event(name, arguments):
    """Hold an event that a client was told against what the dialects and the gateway declare under its name.

    Behind the payload there may be the event's offset, which is the transport's.
    """
    schemas = declared_events().get(name)
    if schemas is None:
        _violations.append(f'the event {name!r} is declared nowhere')
    elif not (len(arguments) == 1 or len(arguments) == 2 and isinstance(arguments[1], str)) or not any(_is_valid(schema, arguments[0]) for schema in schemas):
        _violations.append(f'the event {name!r} as declared nowhere: {arguments}')


def check_acknowledgement(name, value):
    """Hold the acknowledgement of a client's event against what the handlers of that name declare."""
    if isinstance(value, dict) and value.get('ok') is True:
        acks = declared_acknowledgements().get(name, ())
        added = {key: item for key, item in value.items() if key != 'ok'}
        if not any(_is_valid(ack, added) for ack in acks):
            _violations.append(f'the acknowledgement of {name!r} as declared nowhere: {value}')
    elif not (isinstance(value, dict) and value.get('ok') is False and _is_valid(FailedAck, value)):
        _violations.append(f'the acknowledgement of {name!r} is neither ok nor an error: {value}')


@cache
def declared_events():
    """{name: the types that its payload may have}."""
    found = {name: [schema] for name, schema in NOTICES.items()}
    for dialect in DIALECTS.values():
        for word in dialect.words.values():
            found.setdefault(word.name, []).append(word.schema)
    return found


@cache
def declared_acknowledgements():
    """{name: the types of what its acknowledgement may add}."""
    found = {}
    for namespace in HANDLERS.values():
        for dialect in DIALECTS:
            for name, handler in handlers_for(dialect, namespace).items():
                found.setdefault(name, []).append(handler.ack)
    return found


def _is_valid(schema, value):
    try:
        adapter(schema).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


# ---------------------------------------------------------------------- types

_adapters: dict[Any, TypeAdapter] = {}


def adapter(declared):
    """What validates a declared type: strict, and without any field that is not declared."""
    key = repr(declared) if get_args(declared) else declared
    if key not in _adapters:
        _close(declared)
        _adapters[key] = TypeAdapter(declared)
    return _adapters[key]


def _close(declared):
    """Let no typed dictionary within the type have further fields, unless it says by itself that it may."""
    for argument in get_args(declared):
        _close(argument)
    if is_typeddict(declared):
        if '__pydantic_config__' not in vars(declared):
            declared.__pydantic_config__ = ConfigDict(extra='forbid')
        for hint in get_type_hints(declared).values():
            _close(hint)
