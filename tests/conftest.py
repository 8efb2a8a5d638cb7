"""Fixtures: private databases, the real server, real clients.

`server` and what stands on it (`http`, `connect`, `new_user`) run every test on SQLite and on MariaDB, and those of
ON_BOTH_TRANSPORTS once more on SQLite with the libraries' own WebSocket layer. All tests of one kind share one server; so a
test makes its own users and rooms and looks at nothing else. A test that needs other settings, a restart or a crash has its
own by `start_server`.

With `--processes=3` all of them run on three processes that are one server (tests/support/several.py), and on nothing else:
there each connection and each request of a test leads to another process. A test that looks into one process (`one_process`)
is left out.

`make test` runs the tests in several processes side by side (pytest-xdist), in no order that a test may count on. Whatever
is of scope `session` (the servers, MariaDB, Redis, the Node process) is there once in each process, from its first use on.
"""

import os
from contextlib import contextmanager

import pytest

from tests.support import declared
from tests.support.browser import Browser
from tests.support.databases import MariaDatabase, SqliteDatabase
from tests.support.files import post_file
from tests.support.http import Account, Http
from tests.support.mariadb import MariaDB
from tests.support.node import BridgeError
from tests.support.redis import Redis
from tests.support.server import ChatServer
from tests.support.several import Several, several
from tests.support.sockets import Bridge

ON_BOTH_TRANSPORTS = {'test_messages', 'test_connections', 'test_dialects', 'test_calls', 'test_typing'}
SEVERAL = 'several'  # as a socket_transport: that of several processes
KINDS = {'sqlite': ('sqlite', 'direct'), 'mariadb': ('mariadb', 'direct'), 'sqlite, stock transport': ('sqlite', 'stock')}


def pytest_addoption(parser):
    parser.addoption('--processes', type=int, metavar='N', help='run what stands on the shared server on N processes, and no more')


def pytest_xdist_auto_num_workers(config):
    """In how many processes the tests run: one more than there are cores, since one of them mostly waits for something.

    In one if only some tests are asked for: each starts servers of its own.
    """
    only_some = config.args_source is config.ArgsSource.ARGS or config.option.keyword
    return 1 if only_some else len(os.sched_getaffinity(0)) + 1


def pytest_configure(config):
    config.addinivalue_line('markers', 'direct_only: what the stock transport does not do')
    config.addinivalue_line('markers', 'once: a real wait for what has a unit too; on SQLite and the own transport alone')
    config.addinivalue_line('markers', 'one_process(reason): what is not so of several processes, or can not be seen from outside')


def kinds_for(metafunc):
    """The kinds of server that a test runs on, {name: (kind of database, socket_transport)}."""
    module, marks = metafunc.module.__name__.rpartition('.')[2], {mark.name for mark in metafunc.definition.iter_markers()}
    processes = metafunc.config.option.processes
    if processes:
        return {f'{processes} processes': ('mariadb', SEVERAL)}
    if 'once' in marks:
        return {'sqlite': KINDS['sqlite']}
    on_stock = module in ON_BOTH_TRANSPORTS and 'direct_only' not in marks
    return {name: kind for name, kind in KINDS.items() if on_stock or kind[1] == 'direct'}


def pytest_generate_tests(metafunc):
    if 'socket_transport' in metafunc.fixturenames:
        kinds = kinds_for(metafunc)
        metafunc.parametrize(('database', 'socket_transport'), kinds.values(), ids=kinds, indirect=True, scope='session')
    elif 'database' in metafunc.fixturenames:
        metafunc.parametrize('database', ('sqlite', 'mariadb'), indirect=True, scope='session')


def pytest_collection_modifyitems(config, items):
    """With --processes only what several processes promise."""
    if config.option.processes:
        chosen = [item for item in items if 'server' in item.fixturenames and not item.get_closest_marker('one_process')]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
        items[:] = chosen


def skip_or_fail(reason):
    """What a test needs is missing here: on a developer's machine that skips it, in CI it fails."""
    if os.environ.get('CI'):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _available(kind):
    reason = kind.unavailable_reason()
    if reason:
        skip_or_fail(reason)
    return kind()


def _running(kind):
    """For a fixture: one of that kind, which is stopped afterwards."""
    process = _available(kind)
    try:
        yield process.start()
    finally:
        process.stop()


@pytest.fixture(autouse=True)
def what_is_said_is_declared():
    """The test fails if a server answered, acknowledged or told anything that is not declared for the references."""
    declared.violations()
    yield
    assert not (found := declared.violations()), '\n'.join(found)


@pytest.fixture(scope='session')
def mariadb():
    """A running private MariaDB."""
    yield from _running(MariaDB)


@pytest.fixture
def own_mariadb():
    """A running private MariaDB for one test only, which may restart it or break its connections."""
    yield from _running(MariaDB)


@pytest.fixture(scope='session')
def redis_server():
    """A running private Redis."""
    yield from _running(Redis)


@pytest.fixture
def own_redis():
    """A running private Redis for one test only, which may stop it."""
    yield from _running(Redis)


@pytest.fixture
def start_proxy():
    """Puts a proxy in front of servers: `start_proxy(Nginx, server).url`; options are those of its kind."""
    proxies = []

    def start(kind, *servers, **options):
        reason = kind.unavailable_reason()
        if reason:
            skip_or_fail(reason)
        proxies.append(kind(*(server.port for server in servers), **options).start())
        return proxies[-1]

    yield start
    _all_of(proxy.stop for proxy in proxies)


@pytest.fixture(scope='session')
def bridge():
    """The Node process that runs socket.io-client."""
    try:
        process = _available(Bridge)
    except BridgeError as error:
        skip_or_fail(str(error))
    yield process
    process.stop()


@pytest.fixture(scope='session')
def browser():
    """A browser in which people have windows; their cameras and microphones are not real."""
    yield from _running(Browser)


@pytest.fixture
def open_window(browser, watched_server):
    """Opens a window on the web client: `open_window(account, server=..., **options)`, see Browser.open; by default of the shared server.

    The test fails if anything went wrong in one: an error on the console, an exception, a request to anybody but the server.
    """
    windows = []

    def opened(account=None, server=watched_server, **options):
        windows.append(browser.open(server.url, account, **options))
        return windows[-1]

    yield opened
    problems = [problem for window in windows for problem in window.problems]
    _all_of(window.close for window in windows)
    assert not problems, '\n'.join(problems)


@pytest.fixture(scope='session')
def database(request, tmp_path_factory):
    """One kind of database after the other: `.kind`, and `.new_url()` for a new, empty one."""
    if request.param == 'mariadb':
        return MariaDatabase(request.getfixturevalue('mariadb'))
    return SqliteDatabase(tmp_path_factory.mktemp('sqlite'))


@pytest.fixture(scope='session')
def socket_transport(request):
    """The SOCKET_TRANSPORT of the shared server."""
    return request.param


@pytest.fixture(scope='session')
def server(request, database, socket_transport):
    """The server that all tests on one kind of database and transport share, without limits."""
    names = {'direct': f'server_on_{database.kind}', 'stock': 'server_on_stock_transport', SEVERAL: 'server_of_several_processes'}
    return request.getfixturevalue(names[socket_transport])


@pytest.fixture(scope='session')
def server_on_sqlite(tmp_path_factory):
    with shared_server(SqliteDatabase(tmp_path_factory.mktemp('sqlite')), tmp_path_factory) as chat:
        yield chat


@pytest.fixture(scope='session')
def server_on_mariadb(mariadb, tmp_path_factory):
    with shared_server(MariaDatabase(mariadb), tmp_path_factory) as chat:
        yield chat


@pytest.fixture(scope='session')
def server_on_stock_transport(tmp_path_factory):
    # allow_traceback: it writes one when a client leaves in mid-answer
    with shared_server(SqliteDatabase(tmp_path_factory.mktemp('sqlite')), tmp_path_factory, 'stock', allow_traceback=True) as chat:
        yield chat


@pytest.fixture(scope='session')
def server_of_several_processes(request, mariadb, redis_server, tmp_path_factory):
    with several(request.config.option.processes, MariaDatabase(mariadb).new_url(), redis_server.new_url(),
                 tmp_path_factory.mktemp('several'), {'TRUSTED_PROXIES': None}) as chat:
        yield chat


@contextmanager
def shared_server(database, tmp_path_factory, socket_transport='direct', **options):
    """A running server without limits; it runs on when tests of another kind come between those that use it."""
    chat = ChatServer(env={'SOCKET_TRANSPORT': socket_transport}, database_url=database.new_url(),
                      folder=tmp_path_factory.mktemp('server'), **options)
    try:
        yield chat.start()
    finally:
        chat.close()


@pytest.fixture
def watched_server(server):
    """The shared server; the test fails if it makes it write a traceback."""
    assert server.running, f'the shared server has ended:\n{server.log()[-3000:]}'
    server.check_log()
    yield server
    server.check_log()


@pytest.fixture
def start_server(tmp_path_factory):
    """Starts servers of the test's own: `start_server(env={...}, database=...)`; all are stopped at its end.

    `database` is a URL, or the fixture of that name for a new one on it; a SQLite file without it. Further arguments
    are those of ChatServer.
    """
    servers = []

    def start(env=None, database=None, **options):
        url = database.new_url() if hasattr(database, 'new_url') else database
        options.setdefault('folder', tmp_path_factory.mktemp('server'))
        servers.append(ChatServer(env=env, database_url=url, **options))
        return servers[-1].start()

    yield start
    _all_of(server.close for server in reversed(servers))


def settling(server):
    """For clients of several processes: waits until all know what one was told. None for one process, or one of several."""
    return server.settle if isinstance(server, Several) else None


@pytest.fixture
def open_http():
    """Makes an Http client of a given server, signed in as nobody: `open_http(server).register()`."""
    clients = []

    def client_of(server):
        clients.append(Http(server.url, is_held=True, settle=settling(server)))
        return clients[-1]

    yield client_of
    for client in clients:
        client.close()


@pytest.fixture
def http(watched_server, open_http):
    """An Http client of the shared server, signed in as nobody."""
    return open_http(watched_server)


@pytest.fixture
def new_user(http):
    """Registers users on the shared server: `new_user()`, `new_user('alice', displayName='A')`."""
    return http.register


@pytest.fixture
def upload(http):
    """Uploads bytes to the shared server: `upload(account, data, filename, **fields)`; returns the Attachment."""
    def send(account, data, filename='file.bin', **fields):
        response = post_file(http.as_user(account), '/api/uploads', data, filename, **fields)
        assert response.status_code == 201, response.text
        return response.json()

    return send


@pytest.fixture
def open_socket(bridge):
    """Connects to a given server: `open_socket(server, account, namespace='/', **options)`; disconnects at the end.

    `account` is an Account, or None to show no token; `auth=...` says what to send instead. Raises ConnectError.
    """
    clients = []

    def connect(server, account=None, namespace='/', timeout=5, **options):
        if isinstance(account, Account):
            options.setdefault('auth', {'token': account.token})
        clients.append(bridge.client(server.url, namespace, settle=settling(server), **options))
        return clients[-1].hold_to_declarations().connect(timeout)

    yield connect
    _all_of(client.close for client in clients)


@pytest.fixture
def connect(watched_server, open_socket):
    """Connects to the shared server: `connect(account, namespace='/', **options)`, see `open_socket`."""
    def on_shared_server(account=None, namespace='/', **options):
        return open_socket(watched_server, account, namespace, **options)

    return on_shared_server


def _all_of(ends):
    """Calls all of them, whatever they raise; then raises the first error."""
    errors = []
    for end in ends:
        try:
            end()
        except Exception as error:
            errors.append(error)
    if errors:
        raise errors[0]
