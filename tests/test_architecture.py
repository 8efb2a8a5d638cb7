"""The layers: edges call the core, the core knows of no edge, and the database is the core's."""
import ast
from pathlib import Path

import pytest

from tests.support.server import REPOSITORY

CHAT = Path(REPOSITORY) / 'chat'


def imports(path):
    """The absolute names of all that a module imports."""
    package = ('chat', *path.relative_to(CHAT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1] if node.level else ()
            module = '.'.join([*base, *([node.module] if node.module else [])])
            yield from (f'{module}.{alias.name}' for alias in node.names)


def files(*folders):
    return [path for folder in folders for path in sorted((CHAT / folder).rglob('*.py'))]


def relative(path):
    return str(path.relative_to(CHAT))


@pytest.mark.parametrize('path', files('core'), ids=relative)
def test_the_core_knows_no_request_no_socket_and_no_token(path):
    forbidden = ('chat.api', 'chat.sockets', 'chat.transport', 'chat.tokens', 'chat.schemas', 'chat.fields', 'chat.extensions', 'flask',
                 'flask_', 'socketio', 'engineio', 'jwt', 'werkzeug')
    assert [name for name in imports(path) if name.startswith(forbidden)] == []


@pytest.mark.parametrize('path', files('api', 'sockets'), ids=relative)
def test_the_edges_leave_the_database_to_the_core(path):
    forbidden = ('chat.models', 'chat.extensions.db', 'sqlalchemy', 'flask_sqlalchemy')
    assert [name for name in imports(path) if name.startswith(forbidden)] == []


def test_only_the_configuration_reads_the_environment():
    readers = [relative(path) for path in CHAT.rglob('*.py') if 'os.environ' in path.read_text() or 'getenv' in path.read_text()]
    assert readers == ['serving.py']  # which turns `flask run` into the server, and passes its options on
