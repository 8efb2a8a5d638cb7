"""Fixtures: tiny servers, on this transport and on the stock one."""
import pytest

from tests.transport.peers import TinyServer


@pytest.fixture(scope='session', params=['own', 'stock'])
def server(request, tmp_path_factory):
    """A server with default settings, which all tests share: none may look at what others leave."""
    server = TinyServer(tmp_path_factory.mktemp(request.param), stock=request.param == 'stock')
    yield server
    server.close()


@pytest.fixture(scope='session')
def own_server(tmp_path_factory):
    """The same, for what the stock transport can't do."""
    server = TinyServer(tmp_path_factory.mktemp('own-only'))
    yield server
    server.close()
    assert 'Traceback' not in server.log


@pytest.fixture
def start_server(tmp_path_factory):
    """Start a server with settings of its own."""
    servers = []

    def start(**settings):
        servers.append(TinyServer(tmp_path_factory.mktemp('server'), **settings))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
        if not server.stock:
            assert 'Traceback' not in server.log
