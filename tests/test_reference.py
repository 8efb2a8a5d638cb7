"""The references: valid, complete, with examples that a server really gave, and a page that shows all of it."""
import json
import subprocess
import sys

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from chat.dialects import DIALECTS
from chat.reference.asyncapi import all_sent, all_told
from chat.reference.examples import FILE, Examples
from chat.sockets import HANDLERS
from chat.sockets.fanout import CHAT_NAMESPACES
from chat.sockets.notices import NOTICES
from config import ROOT
from tests.support import declared
from tests.support.examples import record
from tests.support.node import FOLDER

OPENAPI, ASYNCAPI = declared.openapi_document(), declared.asyncapi_document()
RECORDED = json.loads(FILE.read_text())
PAGE = ('/api/docs', '/api/docs/reference.css', '/api/docs/reference.js', '/api/docs/parts.js')


def message_of(reference):
    return ASYNCAPI['components']['messages'][reference['$ref'].rpartition('/')[2]]


def operations_of(action):
    """(namespace, dialect, event, operation) of the AsyncAPI document; the dialect of what all have is ''."""
    for operation in ASYNCAPI['operations'].values():
        if operation['action'] == action:
            channel = ASYNCAPI['channels'][operation['channel']['$ref'].rpartition('/')[2]]
            yield channel['address'], operation.get('tags', [{'name': ''}])[0]['name'], operation['title'], operation


# ---------------------------------------------------------------------- the documents

def test_the_openapi_document_is_valid():
    OpenAPIV31SpecValidator(OPENAPI).validate()


def test_the_asyncapi_document_is_valid(bridge):  # which installs what npm has
    schema = json.loads((FOLDER / 'node_modules/@asyncapi/specs/schemas/3.0.0.json').read_text())
    jsonschema_rs.validator_for(schema).validate(ASYNCAPI)


def references_in(value):
    if isinstance(value, dict):
        yield from (value['$ref'],) if isinstance(value.get('$ref'), str) else ()
        for item in value.values():
            yield from references_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from references_in(item)


@pytest.mark.parametrize('document', [OPENAPI, ASYNCAPI], ids=['OpenAPI', 'AsyncAPI'])
def test_every_reference_in_a_document_leads_somewhere(document):
    for reference in set(references_in(document)):
        found = document
        for part in reference.removeprefix('#/').split('/'):
            found = found[part.replace('~1', '/')]


@pytest.mark.parametrize('document', [OPENAPI, ASYNCAPI], ids=['OpenAPI', 'AsyncAPI'])
def test_every_object_has_a_name_of_its_own_and_says_what_it_is(document):
    schemas = document['components']['schemas']
    assert [name for name in schemas if '__' in name] == []  # as pydantic parts two of the same name
    assert [name for name, schema in schemas.items() if not schema.get('description')] == []


def test_every_route_is_in_the_openapi_document_and_nothing_else():
    described = {(method.upper(), path) for path, item in OPENAPI['paths'].items() for method in item}
    routes = {(method, rule) for method, rule in declared.operations()}
    assert described == {(route.method, route.path) for route in declared.routes().values()}
    assert len(described) == len(routes)


def test_every_operation_has_an_id_of_its_own():
    ids = [operation['operationId'] for item in OPENAPI['paths'].values() for operation in item.values()]
    assert len(ids) == len(set(ids))


def test_every_event_of_clients_is_in_the_asyncapi_document_with_its_acknowledgement():
    described = {key[:3] for key in operations_of('receive')}
    standard = {(namespace, 'standard', name) for namespace, handlers in HANDLERS.items() for name in handlers}
    others = {(namespace, dialect.name, name) for dialect in DIALECTS.values() for name in dialect.handlers
              for namespace in CHAT_NAMESPACES}
    assert described == standard | others | {(namespace, '', 'connect') for namespace in HANDLERS}
    for _, _, name, operation in operations_of('receive'):
        acknowledged, refused = map(message_of, operation['reply']['messages'])
        assert name == 'connect' or acknowledged['payload'] != refused['payload']


def test_every_event_that_clients_are_told_is_in_the_asyncapi_document():
    described = {key[:3] for key in operations_of('send')}
    words = {(dialect.name, word.name) for dialect in DIALECTS.values() for word in dialect.words.values()}
    assert {(dialect, name) for _, dialect, name in described} == words | {('', name) for name in NOTICES}
    assert {namespace for namespace, _, name in described if name == 'error'} == set(HANDLERS)
    assert {namespace for namespace, _, name in described if name == 'callUser'} == {'/', '/call'}


# ---------------------------------------------------------------------- examples

def test_the_examples_are_what_a_server_answers(bridge):
    assert record() == RECORDED, 'make examples records them anew'


def test_every_operation_and_every_event_has_an_example():  # which tests/support/examples.py plays, for `make examples`
    examples = Examples.recorded()
    assert [route.key for route in declared.routes().values() if route.key not in RECORDED['requests']] == []
    assert [(sent.dialect, sent.name) for sent in all_sent() if not examples.sent(sent.dialect, sent.name)] == []
    assert [(told.dialect, told.name) for told in all_told() if not examples.told(told.dialect, told.name)] == []


@pytest.mark.parametrize('key', RECORDED['requests'])
def test_the_examples_of_an_operation_agree_with_its_schemas(key):
    method, path = key.split(' ')
    for each in RECORDED['requests'][key]:
        if 'answer' in each:
            declared.validator_of_answer(method, path, each['status']).validate(each['answer'])
        if 'body' in each:
            content = OPENAPI['paths'][path][method.lower()]['requestBody']['content']
            declared.validator(OPENAPI, content['application/json']['schema']).validate(each['body'])


def test_the_examples_of_events_agree_with_their_schemas():
    count = 0
    for message in ASYNCAPI['components']['messages'].values():
        for example in message.get('examples', ()):
            declared.validator(ASYNCAPI, message['payload']).validate(example['payload'])
            count += 1
    assert count > 60


def test_the_examples_of_errors_agree_with_theirs():
    for answer in OPENAPI['components']['responses'].values():
        content = answer['content']['application/json']
        for example in content.get('examples', {}).values():
            declared.validator(OPENAPI, content['schema']).validate(example['value'])


# ---------------------------------------------------------------------- over HTTP

def test_nothing_of_the_references_is_loaded_before_they_are_asked_for(tmp_path):
    program = ('import sys; from chat import create_app; create_app(); '
               'print([name for name in sys.modules if name.startswith("chat.reference")])')
    done = subprocess.run([sys.executable, '-c', program], cwd=ROOT, capture_output=True, text=True, check=True,
                          env={'PATH': '', 'INSTANCE_PATH': str(tmp_path), 'DATABASE_URL': 'sqlite://'})
    assert done.stdout.strip() == '[]'


@pytest.mark.parametrize('path, document', [('/api/openapi.json', OPENAPI), ('/api/asyncapi.json', ASYNCAPI)])
def test_a_document_is_served_to_anybody(http, path, document):
    served = http.get(path)
    assert served.status_code == 200 and served.headers['Content-Type'] == 'application/json'
    assert served.json() | {'info': None} == json.loads(json.dumps(document)) | {'info': None}
    assert served.json()['info']['version'] in (ROOT / 'pyproject.toml').read_text()


@pytest.mark.parametrize('path', ['/api/openapi.json', '/api/asyncapi.json', *PAGE])
def test_what_is_there_already_is_not_sent_again(http, path):
    whole = http.get(path, headers={'Accept-Encoding': 'identity'})
    packed = http.get(path, headers={'Accept-Encoding': 'gzip'}, stream=True)
    assert packed.headers['Content-Encoding'] == 'gzip' and 'Content-Encoding' not in whole.headers
    assert packed.content == whole.content and packed.headers['ETag'] == whole.headers['ETag']
    assert whole.headers['Cache-Control'] == 'no-cache' and whole.headers['Vary'] == 'Accept-Encoding'
    again = http.get(path, headers={'If-None-Match': whole.headers['ETag']})
    assert (again.status_code, again.content) == (304, b'')


@pytest.mark.parametrize('path', PAGE)
def test_the_page_may_load_nothing_from_elsewhere_and_run_nothing_that_stands_in_it(http, path):
    policy = http.get(path).headers['Content-Security-Policy']
    assert "default-src 'none'" in policy and 'unsafe' not in policy and 'http' not in policy


def test_the_page_has_no_other_files(http):
    for name in ('index.html', 'openapi.json', 'nothing.js'):
        assert http.get(f'/api/docs/{name}').status_code == 404
