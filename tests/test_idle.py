"""What an idle process holds in memory: nothing that nobody has asked for yet."""
import importlib
import subprocess
import sys

import pytest
from pymysql import _auth
from sqlalchemy import create_engine

from chat.core.machinery.engines import load_cryptography_when_needed
from tests.support.server import REPOSITORY

UNWANTED = {
    'alembic', 'mako', 'flask_migrate',              # a schema that is up to date needs no migrating
    'PIL', 'tinytag',                                # the first picture, the first recording
    'requests', 'urllib3', 'aiohttp', 'websocket',   # clients of Engine.IO, not servers
    'cryptography',                                  # MySQL's own way to send a password without TLS
    'unittest'}


TELLS_AT_ITS_END = """
import atexit, pathlib, sys
atexit.register(lambda: pathlib.Path({path!r}).write_text(' '.join(name for name, module in sys.modules.items() if module)))
"""


def test_an_idle_process_has_loaded_nothing_that_it_does_not_need_yet(start_server, open_http, database, tmp_path):
    url, told = database.new_url(), tmp_path / 'modules'
    start_server(database=url).stop()  # which brings the schema up to date
    (tmp_path / 'sitecustomize.py').write_text(TELLS_AT_ITS_END.format(path=str(told)))
    server = start_server({'PYTHONPATH': str(tmp_path)}, database=url)
    account = open_http(server).register()
    assert open_http(server).as_user(account).get('/api/conversations').status_code == 200
    server.stop()
    packages = {name.partition('.')[0] for name in told.read_text().split()}
    assert {'flask', 'sqlalchemy', 'socketio'} <= packages
    assert packages & UNWANTED == set()


@pytest.fixture
def without_cryptography(monkeypatch):
    """PyMySQL, as it is where `cryptography` was not to be found when it was loaded."""
    with monkeypatch.context() as hidden:
        hidden.setitem(sys.modules, 'cryptography', None)
        for name in [name for name in sys.modules if name.startswith('cryptography.')]:
            hidden.delitem(sys.modules, name)
        importlib.reload(_auth)
    assert not _auth._have_cryptography
    yield
    importlib.reload(_auth)


def test_cryptography_is_loaded_for_a_database_that_asks_for_it(without_cryptography):
    engine = create_engine('mysql+pymysql://nobody@127.0.0.1/nothing')
    load_cryptography_when_needed(engine)

    class Asks:
        def __init__(self):
            self.attempts = 0

        def connect(self, *arguments, **named):
            self.attempts += 1
            key = b'-----BEGIN PUBLIC KEY-----\nno key\n-----END PUBLIC KEY-----'
            try:
                return _auth.sha2_rsa_encrypt(b'secret', b'x' * 20, key)
            except ValueError:
                return 'asked the library, which was there'

    asks = Asks()
    found = [function(asks, None, (), {}) for function in engine.dialect.dispatch.do_connect]
    assert found == ['asked the library, which was there'] and asks.attempts == 2


def test_the_server_hides_no_library_for_longer_than_it_takes_to_start():
    code = "import sys, wsgi; print([name for name in wsgi.NOT_NEEDED if name in sys.modules])"
    result = subprocess.run([sys.executable, '-c', code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60,
                            env={'DATABASE_URL': 'sqlite://', 'PATH': ''})
    assert result.stdout == '[]\n', result.stderr
