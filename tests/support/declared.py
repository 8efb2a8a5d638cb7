"""Holds what a real server says against what it declares, and against the references that are made from that.

These are answers of operations, events and acknowledgements.

Whatever goes by in any test is looked at; `violations` says afterwards what was not declared.
"""
from functools import cache, lru_cache
from typing import Any, get_args, get_type_hints

import jsonschema_rs
import orjson
from flask import Flask
from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import is_typeddict
from werkzeug.exceptions import HTTPException

from chat import api
from chat.api.operation import operation_of
from chat.dialects import DIALECTS, handlers_for
from chat.errors import ChatError, ErrorObject, MethodNotAllowed, NotFound
from chat.reference.asyncapi import all_told, asyncapi
from chat.reference.examples import Examples
from chat.reference.openapi import JSON, is_file, openapi, routes_in
from chat.sockets import HANDLERS

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
    found = route_at(response.request.method, response.request.path_url.partition('?')[0])
    if found is not None:
        told = f'{response.request.method} {response.request.path_url} → {response.status_code}'
        try:
            _check(found, response)
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


@cache
def routes():
    """Every chat.reference.openapi.Route, by its method and rule."""
    app = bare_app()
    return {(route.method, route.rule.rule): route for route in routes_in(app.url_map, app.view_functions)}


@lru_cache(10_000)
def route_at(method, path):
    """The Route of a request; None for none, and for what it would not be told more of than its head."""
    try:
        rule, _ = bare_app().url_map.bind('').match(path, method, return_rule=True)
    except HTTPException:
        return None
    return routes().get((method, rule.rule))


def _check(route, response):
    operation = route.operation
    declared = operation.answers.get(response.status_code, ChatError)
    if declared is ChatError:
        _check_error(operation, response)
    elif declared is None:
        assert not response.content, 'a body where none is declared'
    elif not is_file(declared):
        adapter(declared).validate_json(response.content, strict=True)
    _check_by_reference(route, response)


def _check_error(operation, response):
    body = adapter(ErrorObject).validate_json(response.content, strict=True)
    possible = {(error.status, error.code) for error in operation.possible_errors() | ROUTING_ERRORS}
    assert (response.status_code, body['code']) in possible, f'{body["code"]} is not declared'


# ---------------------------------------------------------------------- references

@cache
def openapi_document():
    """The OpenAPI document, with the examples that are recorded."""
    return openapi(list(routes().values()), {'title': 'Chat', 'version': '1'}, Examples.recorded())


@cache
def asyncapi_document():
    """The AsyncAPI document, likewise."""
    return asyncapi({'title': 'Chat', 'version': '1'}, Examples.recorded())


def validator(document, schema):
    """What holds values against a schema that stands in a document; formats as well."""
    return jsonschema_rs.Draft202012Validator({'components': document['components'], 'allOf': [schema]}, validate_formats=True)


@cache
def answer_validators():
    """{(method, path, status): a validator of its JSON, or None}, each made when it is first looked for."""
    return {}


def validator_of_answer(method, path, status):
    """What holds the JSON of an answer against the OpenAPI document; None where there is no JSON."""
    made, key = answer_validators(), (method, path, status)
    if key not in made:
        document = openapi_document()
        answer = document['paths'][path][method.lower()]['responses'][str(status)]
        if '$ref' in answer:
            answer = document['components']['responses'][answer['$ref'].rpartition('/')[2]]
        content = answer.get('content', {})
        made[key] = validator(document, content[JSON]['schema']) if 'schema' in content.get(JSON, {}) else None
    return made[key]


def _check_by_reference(route, response):
    if response.status_code in (error.status for error in ROUTING_ERRORS):
        return
    try:
        found = validator_of_answer(route.method, route.path, response.status_code)
        if found is not None:
            found.validate(orjson.loads(response.content))
    except KeyError:
        raise AssertionError('the status is not in the OpenAPI document') from None
    except jsonschema_rs.ValidationError as error:
        raise AssertionError(f'not as in the OpenAPI document: {error.message}') from None


# ---------------------------------------------------------------------- sockets

def check_event(name, arguments, namespace='/'):
    """Hold an event that a client was told against what the dialects and the gateway declare under its name.

    Behind the payload there may be the event's offset, which is the transport's.
    """
    if name not in {told.name for told in all_told()}:
        _violations.append(f'the event {name!r} is declared nowhere')
    elif not (len(arguments) == 1 or len(arguments) == 2 and isinstance(arguments[1], str)) \
            or not any(_is_valid(schema, arguments[0]) for schema in declared_events().get((namespace, name), ())):
        _violations.append(f'the event {name!r} as declared nowhere on {namespace}: {arguments}')
    elif not any(found.is_valid(arguments[0]) for found in event_validators()[name]):
        _violations.append(f'the event {name!r} not as in the AsyncAPI document: {arguments}')


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
    """{(namespace, name): the types that its payload may have}."""
    found = {}
    for told in all_told():
        for namespace in told.namespaces:
            found.setdefault((namespace, told.name), []).append(told.schema)
    return found


@cache
def event_validators():
    """{name: validators of its payload}, of all events that clients are told."""
    document, found = asyncapi_document(), {}
    for operation in document['operations'].values():
        for reference in operation['messages']:
            message = document['components']['messages'][reference['$ref'].rpartition('/')[2]]
            found.setdefault(message['name'], []).append(validator(document, message['payload']))
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
