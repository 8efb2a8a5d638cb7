"""The house: edges call the core, the core knows of no edge, its floors stand on those below, the database is its own."""
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


def name_of(path):
    """The dotted name of a module of the product."""
    return '.'.join(('chat', *path.relative_to(CHAT).with_suffix('').parts)).removesuffix('.__init__')


MODULES = {name_of(path): sorted(imports(path)) for path in CHAT.rglob('*.py')}
FLOORS = ['machinery', 'shared', 'files', 'accounts', 'rooms', 'messages', 'push', 'calls', 'wiring']  # from below; the ground is below all


def module_in(name):
    """The module of ours that the import of `name` loads, which may be something in it; None for a library."""
    parts = name.split('.')
    return next((found for size in range(len(parts), 0, -1) if (found := '.'.join(parts[:size])) in MODULES), None)


def reached_from(name):
    """{what is imported, by it and by whatever that imports: on which way}, libraries included.

    The package `chat` itself is left out: it is the application's factory, and loaded first whatever is wanted of it.
    """
    ways, waiting = {}, [(name, (name,))]
    while waiting:
        module, way = waiting.pop()
        for imported in MODULES[module]:
            if imported in ways:
                continue
            ways[imported] = way
            inner = module_in(imported)
            if inner not in (None, 'chat', name) and inner not in way:
                waiting.append((inner, (*way, inner)))
    return ways


def floor_of(name):
    """How high a module of the core stands: -1 for the ground."""
    return FLOORS.index(name.split('.')[2]) if name.split('.')[2] in FLOORS else -1


CORE = [name for name in MODULES if name.startswith('chat.core.')]


@pytest.mark.parametrize('name', CORE)
def test_the_core_reaches_no_request_no_socket_and_no_token_by_any_way(name):
    forbidden = ('flask', 'socketio', 'engineio', 'jwt', 'werkzeug', 'pydantic', 'chat.')
    allowed = ('chat.core', 'chat.errors', 'chat.loop')
    wrong = {imported: way for imported, way in reached_from(name).items()
             if imported.startswith(forbidden) and not imported.startswith(allowed)}
    assert wrong == {}


@pytest.mark.parametrize('name', CORE)
def test_imports_within_the_core_go_downwards_only(name):
    inner = [module_in(imported) for imported in MODULES[name]]
    higher = [found for found in inner if found and found.startswith('chat.core.') and floor_of(found) > floor_of(name)]
    assert higher == []


def test_every_floor_says_what_it_offers():
    for floor in FLOORS[:-1]:
        names = {path.stem for path in (CHAT / 'core' / floor).glob('*.py')} - {'__init__'}
        text = (CHAT / 'core' / floor / '__init__.py').read_text()
        assert [name for name in sorted(names) if name not in text] == [], floor


@pytest.mark.parametrize('path', files('api', 'sockets', 'dialects'), ids=relative)
def test_the_edges_leave_the_database_to_the_core(path):
    forbidden = ('chat.core.tables.', 'chat.core.sql', 'chat.extensions.db', 'sqlalchemy', 'flask_sqlalchemy')
    assert [name for name in imports(path) if name.startswith(forbidden) and not name.endswith('.AnyRow')] == []


@pytest.mark.parametrize('path', files('transport'), ids=relative)
def test_the_transport_knows_nothing_of_chat(path):
    inner = {module_in(name) for name in imports(path)} - {None}
    assert [name for name in inner if not name.startswith('chat.transport')
            and name not in ('chat.errors', 'chat.jsonio', 'chat.loop')] == []


def test_only_the_configuration_reads_the_environment():
    readers = [relative(path) for path in CHAT.rglob('*.py') if 'os.environ' in path.read_text() or 'getenv' in path.read_text()]
    assert readers == ['serving.py']  # which turns `flask run` into the server, and tells systemd by the socket that it names
