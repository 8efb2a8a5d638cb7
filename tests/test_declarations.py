"""What is declared of operations and events, from which references are made, and that the other tests are held to it."""
import json
from types import SimpleNamespace

import pytest

from chat.api.operation import TOKEN
from chat.dialects import DIALECTS
from chat.sockets import HANDLERS
from tests.support import declared

ROUTES = declared.operations()
USER = {'id': 1, 'username': 'ann', 'displayName': 'Ann', 'avatarUrl': None, 'online': True, 'lastSeen': None,
        'createdAt': '2026-01-01T00:00:00.000Z'}


@pytest.mark.parametrize('route', ROUTES, ids=' '.join)
def test_every_route_is_an_operation_that_says_what_it_does_and_answers(route):
    operation = ROUTES[route]
    assert operation is not None, 'a view without @operation'
    assert operation.summary.endswith('.') and operation.answers
    assert all(200 <= status < 400 or status == 503 for status in operation.answers)


def test_everything_but_signing_up_and_in_what_monitors_ask_and_the_references_needs_a_token():
    public = {f'{method} {rule}' for (method, rule), operation in ROUTES.items() if operation.access != TOKEN}
    assert public == {
        'POST /api/auth/register', 'POST /api/auth/login', 'POST /api/auth/refresh', 'POST /api/auth/forgot',
        'POST /api/auth/reset', 'POST /api/user/register',
        'POST /api/user/login', 'POST /register', 'POST /login', 'GET /health', 'GET /ready',
        'GET /api/openapi.json', 'GET /api/asyncapi.json', 'GET /api/docs', 'GET /api/docs/<name>',
        'GET /api/uploads/<id:upload_id>', 'GET /api/uploads/<id:upload_id>/thumbnail', 'GET /api/users/<id:user_id>/avatar'}


def test_every_handler_of_an_event_says_what_it_does():
    tables = [*HANDLERS.values(), *(dialect.handlers for dialect in DIALECTS.values())]
    assert all(handler.function.__doc__ for table in tables for handler in table.values())


# ---------------------------------------------------------------------- the tests' own control

def answer(method, path, status, body):
    request = SimpleNamespace(method=method, path_url=path)
    return SimpleNamespace(request=request, status_code=status, content=body)


@pytest.mark.parametrize('method, path, status, body', [
    ('GET', '/api/users?limit=1', 200, b'[{"id": 1}]'),
    ('GET', '/api/users', 201, b'[]'),
    ('GET', '/api/users', 409, b'{"code": "conflict", "message": "taken"}'),
    ('GET', '/api/users', 404, b'{"code": "not_found", "message": "gone", "more": 1}'),
    ('GET', '/health', 200, b'{"ok": true, "also": 1}'),
    ('DELETE', '/api/rooms/1', 204, b'{}'),
    ('GET', '/api/users', 200, json.dumps([USER | {'createdAt': 'yesterday'}]).encode()),
])
def test_an_answer_that_is_not_declared_is_noticed(method, path, status, body):
    declared.check_answer(answer(method, path, status, body))
    assert len(declared.violations()) == 1


def test_an_answer_that_is_declared_is_none():
    declared.check_answer(answer('GET', '/api/users', 200, declared.adapter(list).dump_json([USER])))
    declared.check_answer(answer('GET', '/api/users', 401, b'{"code": "unauthorized", "message": "Sign in"}'))
    assert not declared.violations()


@pytest.mark.parametrize('name, arguments', [
    ('typing', [{'roomId': 1, 'userId': 2, 'isTyping': True, 'more': 1}]), ('typing', [{'roomId': 1, 'userId': '2'}]),
    ('typing', []), ('invented', [{}]), ('user:offline', ['1']), ('error', ['no'])])
def test_an_event_that_is_not_declared_is_noticed(name, arguments):
    declared.check_event(name, arguments)
    assert len(declared.violations()) == 1


@pytest.mark.parametrize('name, value', [
    ('typing', {'ok': True, 'more': 1}), ('send_message', {'ok': True}), ('callUser', {'ok': True, 'callId': '1'}),
    ('typing', None), ('typing', {'ok': False}), ('typing', {'ok': False, 'code': 'x', 'message': 'y', 'more': 1})])
def test_an_acknowledgement_that_is_not_declared_is_noticed(name, value):
    declared.check_acknowledgement(name, value)
    assert len(declared.violations()) == 1
