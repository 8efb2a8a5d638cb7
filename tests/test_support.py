"""The harness itself, against a server of a few lines: it must work, and it must fail where it should."""

import os
import re
import socket
import subprocess
import sys
import time

import pymysql
import pytest
import sqlalchemy

from tests.support import raw
from tests.support.http import Http, expect_error, raw_body, raw_request, raw_status
from tests.support.node import FOLDER
from tests.support.ports import HOST
from tests.support.process import Process
from tests.support.raw import Closed, RawSocket, Refused
from tests.support.server import REPOSITORY, ChatServer, StartFailed
from tests.support.sockets import UNDEFINED, Bridge, ConnectError, Disconnected, expect_failure, expect_ok
from tests.support.waiting import TimedOut, wait_until

TINY = (sys.executable, '-m', 'tests.support.tiny_server')


@pytest.fixture(scope='module')
def tiny(tmp_path_factory):
    """The tiny server, which all tests here share.

    Its stock WebSocket layer now and then logs a traceback when a client is dropped; that is not what is tested here.
    """
    server = ChatServer(command=TINY, folder=tmp_path_factory.mktemp('tiny'), allow_traceback=True)
    yield server.start()
    server.close()


@pytest.fixture
def client(bridge, tiny):
    """A connected client."""
    client = bridge.client(tiny.url).connect()
    yield client
    client.close()


@pytest.fixture
def clients(bridge, tiny):
    """Makes connected clients."""
    made = []

    def make(namespace='/', **options):
        made.append(bridge.client(tiny.url, namespace, **options))
        return made[-1].connect()

    yield make
    for client in made:
        client.close()


class TestSocketClient:
    def test_call_returns_the_acknowledgement(self, client):
        assert client.connected and client.id
        assert client.call('echo', {'a': [1, None, 'ä😀']}) == {'args': [{'a': [1, None, 'ä😀']}]}

    @pytest.mark.parametrize('payload', [None, 5, 'x', '', True, [], [[[]]], {'__proto__': 1, 'a': {'b': None}},
                                         '\u2028\x00\ud800', b'\x00\xff', {'file': b'bytes'}])
    def test_payload_of_any_type_arrives_as_it_is(self, client, payload):
        assert client.call('echo', payload) == {'args': [payload]}

    def test_undefined_becomes_null_or_goes_missing(self, client):
        assert client.call('echo', UNDEFINED, {'a': UNDEFINED, 'b': 1}) == {'args': [None, {'b': 1}]}

    def test_what_has_no_json_is_refused_instead_of_changed(self, client):
        for payload in (float('nan'), object()):
            with pytest.raises((TypeError, ValueError)):
                client.emit('echo', payload)
        assert client.call('echo', 1) == {'args': [1]}

    def test_reserved_event_is_an_error(self, client):
        with pytest.raises(AssertionError, match='reserved'):
            client.emit('disconnect')

    def test_call_without_acknowledgement_times_out(self, client):
        with pytest.raises(TimedOut, match='slow'):
            client.call('slow', 30, timeout=0.2)

    def test_many_calls_are_in_flight_at_once(self, client):
        slow = client.call_async('slow', 30)
        calls = [client.call_async('echo', number) for number in range(20)]
        assert [call.result()['args'] for call in calls] == [[number] for number in range(20)]
        assert not slow.done

    def test_call_fails_at_once_when_the_connection_ends(self, client):
        began = time.monotonic()
        call = client.call_async('slow', 30)
        client.drop()
        with pytest.raises(Disconnected):
            call.result(20)
        assert time.monotonic() - began < 10
        with pytest.raises(Disconnected):
            client.emit('echo', 1)

    def test_send_many_gives_every_acknowledgement_with_its_index(self, client):
        acks = client.send_many('echo', [{'n': number} for number in range(500)])
        assert sorted(index for index, _ in acks) == list(range(500))
        assert all(ack == {'args': [{'n': index}]} for index, ack in acks)
        assert client.send_many('echo', []) == []

    def test_send_many_fails_when_the_server_leaves(self, client):
        with pytest.raises(Disconnected, match='after 0 of 2'):
            client.send_many('leave', [1, 2], timeout=20)

    def test_expect_takes_events_of_one_name_in_order(self, client):
        client.emit('count', 3)
        assert client.expect('number', where=lambda number: number == 1) == 1
        assert [client.expect('number') for _ in range(2)] == [0, 2]
        assert client.received('number') == [0, 1, 2]

    def test_expect_times_out_and_tells_what_came(self, client):
        client.expect('greeting')
        with pytest.raises(TimedOut, match='greeting'):
            client.expect('number', timeout=0.1)
        with pytest.raises(TimedOut):
            client.expect('greeting', timeout=0.1)

    def test_expect_nothing_fails_for_what_is_under_way(self, clients):
        one, other = clients(), clients()
        one.call('shout', 'hello')
        with pytest.raises(AssertionError, match='unexpected'):
            other.expect_nothing('news')
        assert other.expect('news') == 'hello'
        other.expect_nothing('news')
        other.expect_nothing('news', seconds=0.1)
        one.call('shout', 'again')
        other.expect_nothing('news', where=lambda text: text == 'other')

    def test_barrier_leaves_no_trace(self, client):
        client.settle()
        client.emit('unheard_of')
        assert client.expect('error')['event'] == 'unheard_of'
        assert [name for name, _ in client.transcript] == ['greeting', 'error']

    def test_transcript_tells_all_in_order(self, client):
        client.emit('count', 2)
        client.emit('leave')
        assert client.expect('disconnect') == 'io server disconnect'
        assert [name for name, _ in client.transcript] == ['greeting', 'number', 'number', 'disconnect']
        assert not client.connected
        client.expect_nothing('number', seconds=0, where=lambda number: number > 1)

    def test_expectations_of_acknowledgements(self, client):
        expect_ok(client.call('shout', 1))
        expect_failure(client.call('unheard_of'), 'not_found')
        for wrong in (lambda: expect_ok(client.call('unheard_of')),
                      lambda: expect_failure(client.call('shout', 1), 'not_found'),
                      lambda: expect_failure({'ok': False, 'code': 'x', 'message': 'y', 'more': 1}, 'x')):
            with pytest.raises(AssertionError):
                wrong()


class TestConnecting:
    def test_refusal_raises_with_message_and_data(self, bridge, tiny):
        with pytest.raises(ConnectError) as refused:
            bridge.client(tiny.url, auth={'token': 'bad'}).connect()
        assert (refused.value.message, refused.value.data) == ('unauthorized', {'code': 'unauthorized'})

    def test_nobody_there_raises(self, bridge):
        with pytest.raises(ConnectError) as failed:
            bridge.client('http://127.0.0.1:9', transports=['websocket']).connect()
        assert failed.value.message == 'websocket error'

    def test_options_reach_the_server(self, clients):
        options = {'transports': ['websocket'], 'extraHeaders': {'X-Agent': 'me'}}
        client = clients(auth={'token': 't'}, **options)
        assert client.expect('greeting') == {'auth': {'token': 't'}, 'agent': 'me'}
        assert client.transport == 'websocket'
        assert clients(transports=['polling']).transport == 'polling'

    def test_polling_is_upgraded(self, client):
        wait_until(lambda: client.transport == 'websocket')

    def test_namespaces_share_a_connection(self, clients):
        main = clients()
        chat = clients('/chat', share_with=main)
        main.call('shout', 1)
        chat.call('shout', 2)
        assert (main.expect('news'), chat.expect('news')) == (1, 2)
        chat.disconnect()
        assert main.call('echo', 3) == {'args': [3]}
        with pytest.raises(AssertionError, match='already open'):
            clients(share_with=main)
        main.drop()
        assert main.expect('disconnect').startswith('transport')

    def test_drop_and_disconnect_end_differently_for_the_server(self, clients):
        witness, polite, lost = clients(), clients(), clients()
        ids = polite.id, lost.id
        polite.disconnect()
        assert polite.expect('disconnect') == 'io client disconnect'
        assert witness.expect('gone') == {'sid': ids[0], 'reason': 'client disconnect'}
        lost.drop()
        assert lost.expect('disconnect') == 'transport close'
        gone = witness.expect('gone')
        assert gone['sid'] == ids[1] and gone['reason'] != 'client disconnect'

    def test_drop_of_a_polling_client(self, clients):
        client = clients(transports=['polling'])
        client.drop()
        assert client.expect('disconnect') == 'transport close'

    def test_reconnection(self, clients):
        client = clients(reconnection=True, reconnectionDelay=10, transports=['websocket'])
        first = client.id
        client.drop()
        client.expect('disconnect')
        assert client.wait_connected().id != first

    def test_bridge_that_dies_fails_its_clients(self, tiny):
        own = Bridge()
        pending = own.client(tiny.url).connect().call_async('slow', 30)
        own.stop()
        with pytest.raises(AssertionError, match='ended'):
            pending.result(5)


class TestHttp:
    def test_register_makes_unique_users(self, tiny):
        http = Http(tiny.url)
        one, other = http.register(), http.register(displayName='Other')
        assert one.id != other.id and one.username != other.username
        assert (other.token, other.user['displayName']) == (f'token-{other.id}', 'Other')
        assert http.as_user(one).get('/describe').json()['HTTP_AUTHORIZATION'] == f'Bearer {one.token}'
        assert 'HTTP_AUTHORIZATION' not in http.get('/describe').json()
        http.close()

    def test_expect_error_is_strict(self, tiny):
        http = Http(tiny.url)
        assert expect_error(http.get('/nothing'), 404, 'not_found')['message']
        for path, status, code in [('/nothing', 403, 'not_found'), ('/nothing', 404, 'forbidden'),
                                   ('/nothing/extra', 404, 'not_found'), ('/health', 200, 'not_found')]:
            with pytest.raises(AssertionError):
                expect_error(http.get(path), status, code)
        http.close()

    def test_raw_request_sends_what_it_is_given(self, tiny):
        answer = raw_request(tiny.port, b'GET /a/../describe HTTP/1.1\r\nHost: x\r\n\r\n')
        assert raw_status(answer) == 404
        assert b'not_found' in raw_body(raw_request(tiny.port, b'GET /%00 HTTP/1.0\r\n\r\n'))
        assert raw_status(raw_request(tiny.port, b'nonsense\r\n\r\n')) == 400
        with pytest.raises(TimedOut):
            raw_request(tiny.port, b'GET /health HTTP/1.1\r\n', timeout=0.2)
        assert raw_status(raw_request(tiny.port, b'GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n', finish=True)) == 400


class TestRawSocket:
    def test_handshake_and_namespace(self, tiny):
        with RawSocket(tiny.port, headers={'X-Agent': 'raw'}) as wire:
            assert wire.receive().startswith('0{')
            assert wire.connect(auth={'token': 't'}).startswith('40{')
            assert '"agent":"raw"' in wire.receive()
            wire.send_text('420["echo",1.0]')
            assert wire.receive() == '430[{"args":[1.0]}]'
            assert not wire.closed

    def test_refused_namespace(self, tiny):
        with RawSocket(tiny.port) as wire:
            assert wire.connect('/chat', {'token': 'bad'}).startswith('44/chat,')

    def test_fragments_and_pings(self, tiny):
        with RawSocket(tiny.port) as wire:
            wire.connect()
            wire.send_frame(raw.TEXT, b'420["ec', fin=False)
            wire.send_frame(raw.PING, b'x')
            wire.send_frame(raw.CONTINUATION, b'ho"]')
            assert wire.receive().startswith('42["greeting"')
            frames = [wire.receive_frame() for _ in range(2)]
            assert raw.Frame(True, raw.PONG, b'x') in frames
            assert raw.Frame(True, raw.TEXT, b'430[{"args":[]}]') in frames

    def test_closing_is_noticed(self, start_server):
        server = start_server(command=TINY)
        with RawSocket(server.port) as wire:
            wire.connect()
            wire.send_frame(raw.CLOSE, b'\x03\xe8')
            wait_until(lambda: wire.receive_frame().opcode == raw.CLOSE)
            with pytest.raises(TimedOut):
                wire.wait_closed(0.1)
            assert not wire.closed
            server.kill()
            assert wire.wait_closed() == 1000
            assert wire.closed
            assert 'greeting' in wire.receive()
            with pytest.raises(Closed):
                wire.receive()

    def test_refused_upgrade(self, tiny):
        with pytest.raises(Refused) as refused:
            RawSocket(tiny.port, path='/health')
        assert refused.value.status == 200

    @pytest.mark.parametrize('size', [0, 125, 126, 65535, 65536])
    def test_frames_of_every_size(self, size):
        payload = b'x' * size
        built = raw.frame(raw.BINARY, payload, mask=False)
        assert raw.parse_frame(built) == (raw.Frame(True, raw.BINARY, payload), len(built))
        assert raw.parse_frame(built[:-1]) is None


class TestChatServer:
    def test_environment_is_clean(self, start_server, monkeypatch):
        monkeypatch.setenv('CHAT_STRAY', '1')
        server = start_server(command=TINY, env={'RATE_LIMIT_EVENTS': '5/1', 'BCRYPT_LOG_ROUNDS': None})
        env = Http(server.url).get('/describe').json()['env']
        assert env['RATE_LIMIT_EVENTS'] == '5/1' and env['RATE_LIMIT_MESSAGES'] == 'none'
        assert env['DATABASE_URL'].startswith('sqlite:////') and str(server.folder) in env['INSTANCE_PATH']
        assert env['BCRYPT_LOG_ROUNDS'] == '' and 'CHAT_STRAY' not in env
        names = set(env) - set(server._env) - {'LC_CTYPE'}  # which Python sets itself
        assert not names and set(server._env) & set(os.environ) <= {'PATH', 'HOME', 'LANG', 'PYTHONUNBUFFERED'}

    def test_developers_dotenv_is_hidden(self, tmp_path):
        (tmp_path / 'developers.env').write_text('REGISTRATION=closed\n')
        hidden, shown = ChatServer(folder=tmp_path), ChatServer(folder=tmp_path, env={'ENV_FILE': tmp_path / 'developers.env'})
        for server, status in ((hidden, 201), (shown, 403)):
            server.start()
            body = {'email': 'a@example.com', 'password': 'secret-1'}
            assert Http(server.url).post('/api/auth/register', body).status_code == status
            server.stop()

    def test_restart_keeps_port_and_folder(self, start_server):
        server = start_server(command=TINY)
        pid, url = server.pid, server.url
        server.restart()
        assert server.pid != pid and Http(url).get('/health').json() == {'ok': True}
        assert server.log().count('serving') == 2
        server.kill()
        assert not server.running
        server.start()
        server.stop()
        server.stop()
        assert not server.running

    def test_traceback_in_the_log_is_a_failure(self, start_server, bridge):
        server = start_server(command=TINY)
        for allow_traceback in (False, True):
            client = bridge.client(server.url).connect()
            client.call('crash')
            client.close()
            if allow_traceback:
                server.restart(allow_traceback=True)
            else:
                with pytest.raises(AssertionError, match='Oops'):
                    server.restart()
                server.start()
        server.stop()

    def test_server_that_refuses_to_start_tells_why(self, start_server):
        with pytest.raises(StartFailed) as failed:
            start_server(command=(*TINY, 'refuse'))
        assert failed.value.returncode == 1 and 'too weak' in failed.value.log

    def test_server_that_does_not_end_is_killed_and_fails(self, start_server):
        server = start_server(command=(*TINY, 'stubborn'))
        pid = server.pid
        with pytest.raises(TimedOut):
            server.stop(timeout=0.3)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    def test_server_that_ends_badly_is_a_failure(self, start_server):
        server = start_server(command=(*TINY, 'crooked'))
        with pytest.raises(AssertionError, match='ended with 3'):
            server.stop()

    def test_server_that_died_is_a_failure(self, start_server):
        server = start_server(command=TINY)
        os.kill(server.pid, 9)
        wait_until(lambda: not server.running)
        with pytest.raises(AssertionError, match='by itself'):
            server.stop()


class TestMariaDB:
    @staticmethod
    def connect(mariadb, url):
        return pymysql.connect(host=mariadb.host, port=mariadb.port, user=mariadb.user, password=mariadb.password,
                               database=url.rpartition('/')[2])

    def test_databases_are_separate_and_utf8mb4(self, mariadb):
        one, other = mariadb.create_database(), mariadb.create_database()
        assert one != other and one.startswith(f'mysql+pymysql://chat:{mariadb.password}@127.0.0.1:{mariadb.port}/')
        assert mariadb.query('SELECT @@character_set_database', database=one.rpartition('/')[2]) == [('utf8mb4',)]
        assert mariadb.query('SELECT @@innodb_flush_log_at_trx_commit') == [(1,)]

    def test_urls_connect(self, mariadb):
        for url in (mariadb.create_database(), mariadb.create_database(unix_socket=True)):
            engine = sqlalchemy.create_engine(url)
            with engine.connect() as connection:
                assert connection.scalar(sqlalchemy.text("SELECT '😀'")) == '😀'
            engine.dispose()

    def test_kill_connections_breaks_them(self, mariadb):
        one, other = mariadb.create_database(), mariadb.create_database()
        broken, spared = self.connect(mariadb, one), self.connect(mariadb, other)
        assert mariadb.kill_connections(one) == 1
        with pytest.raises(pymysql.err.OperationalError):
            broken.ping(reconnect=False)
        spared.ping(reconnect=False)
        assert mariadb.kill_connections() >= 1
        with pytest.raises(pymysql.err.OperationalError):
            spared.ping(reconnect=False)

    def test_restart_keeps_port_and_data(self, own_mariadb):
        url, pid = own_mariadb.create_database(), own_mariadb.pid
        own_mariadb.query('CREATE TABLE t (a INT)', database=url.rpartition('/')[2])
        own_mariadb.shut_down()
        with pytest.raises(pymysql.err.OperationalError):
            self.connect(own_mariadb, url)
        own_mariadb.start()
        own_mariadb.restart()
        connection = self.connect(own_mariadb, url)
        with connection.cursor() as cursor:
            assert cursor.execute('SHOW TABLES') == 1
        connection.close()
        assert own_mariadb.pid != pid


def test_redis_answers(redis_server):
    with socket.create_connection((HOST, redis_server.port), timeout=5) as connection:
        connection.sendall(b'PING\r\n')
        assert connection.recv(7) == b'+PONG\r\n'
    assert redis_server.url == f'redis://127.0.0.1:{redis_server.port}/0'


def test_process_takes_its_children_along(tmp_path):
    process = Process(['sh', '-c', 'sleep 60 & echo $!; exec sleep 60'], tmp_path / 'log')
    child = int(wait_until(lambda: (tmp_path / 'log').read_text().strip()))
    process.kill()
    assert process.returncode == -9
    wait_until(lambda: not _runs(child), message='the child is gone')


def test_lock_file_names_no_registry():
    text = (FOLDER / 'package-lock.json').read_text()
    assert '://' not in text and '"resolved"' not in text


COUNTING = """
import pytest
from tests import conftest

class Counted:
    def __init__(self, *_, **__): print(f'made: {type(self).__name__}')
    unavailable_reason = staticmethod(lambda: None)
    start = lambda self: self
    stop = close = create_database = lambda self: None

conftest.ChatServer, conftest.MariaDB = type('server', (Counted,), {}), type('mariadb', (Counted,), {})

@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.originalname)  # one kind after the other, again and again
"""


def test_each_database_has_one_server_whatever_comes_between(tmp_path):
    (tmp_path / 'conftest.py').write_text(COUNTING)
    (tmp_path / 'test_two.py').write_text(
        'def test_a(server): pass\ndef test_b(): pass\ndef test_c(server): pass\n'
        'def test_d(database): pass\ndef test_e(server): pass\n'
    )
    command = [sys.executable, '-m', 'pytest', '-s', '-v', '-p', 'tests.conftest', '-c', os.devnull, f'--rootdir={tmp_path}',
               str(tmp_path)]
    told = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True).stdout
    assert re.findall(r'(test_[ace]\[\w+\])', told) == [f'test_{name}[{kind}]' for name in 'ace' for kind in ('sqlite', 'mariadb')]
    assert re.findall(r'made: (\w+)', told) == ['server', 'mariadb', 'server']


def _runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f'/proc/{pid}/stat') as stat:
        return stat.read().rpartition(')')[2].split()[0] != 'Z'
