"""Ways to run the server: what each serves, what it refuses, and how it ends."""
import os
import re
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.support.proxy import LossyProxy
from tests.support.server import REPOSITORY, StartFailed
from tests.support.sockets import expect_ok
from tests.support.waiting import wait_until

PRINTED = re.search(r'`\.venv/bin/gunicorn (.*)`', (REPOSITORY / 'docs/deployment.md').read_text())[1]
GUNICORN = [sys.executable, '-m', 'gunicorn', '--no-control-socket', *PRINTED.replace(':5000', ':{port}').split()]
WAYS = {
    'python wsgi.py': [sys.executable, 'wsgi.py'],
    'flask run': [sys.executable, '-m', 'flask', 'run', '--port', '{port}'],
    'gunicorn': GUNICORN,
}


@pytest.mark.parametrize('way', WAYS)
def test_every_way_to_run_serves_http_websockets_and_the_access_token_header(
        start_server, open_http, open_socket, database, way):
    server = start_server(command=WAYS[way], database=database)
    http = open_http(server)
    ann, bob = http.register(), http.register()
    sender = open_socket(server, extraHeaders={'access_token': ann.token}, transports=['websocket'])
    receiver = open_socket(server, bob, transports=['polling'])
    message = expect_ok(sender.call('send_message', {'toUserId': bob.id, 'content': way}))['message']
    assert receiver.expect('newMessage') == message
    assert http.get(f'/api/messages/{bob.id}', headers={'access_token': ann.token}).json() == [message]
    assert http.get('/ready').json() == {'ok': True, 'database': 'ok', 'migrations': 'ok', 'queue': 'ok'}


def test_the_stock_transport_serves_the_same(start_server, open_http, open_socket, database):
    server = start_server(env={'SOCKET_TRANSPORT': 'stock'}, database=database)
    http = open_http(server)
    ann, bob = http.register(), http.register()
    sender, receiver = open_socket(server, ann), open_socket(server, bob)
    acks = sender.send_many('send_message', [{'toUserId': bob.id, 'content': str(number)} for number in range(100)])
    assert [expect_ok(ack)['message']['content'] for _, ack in acks] == [str(number) for number in range(100)]
    assert [receiver.expect('newMessage')['content'] for _ in range(100)] == [str(number) for number in range(100)]


def test_the_server_says_in_one_line_where_it_is(start_server):
    server = start_server()
    assert server.log().splitlines() == [f'chat is ready on {server.url}']


def test_systemd_is_told_when_it_serves_and_when_it_ends(start_server, tmp_path):
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as systemd:
        systemd.bind(str(tmp_path / 'notify'))
        systemd.settimeout(5)
        server = start_server(env={'NOTIFY_SOCKET': str(tmp_path / 'notify')})
        assert systemd.recv(100) == b'READY=1'
        server.stop()
        assert systemd.recv(100) == b'STOPPING=1'


# ---------------------------------------------------------------------- secrets

def test_the_secret_is_made_once_readable_by_its_owner_only(start_server, open_http):
    server = start_server()
    account = open_http(server).register()
    path = next(server.folder.rglob('secret_key'))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and len(path.read_text()) >= 43
    server.restart()
    assert open_http(server).as_user(account).get('/api/users/me').status_code == 200


@pytest.mark.parametrize('secret', ['short', 'your_jwt_secret', 'x' * 31])
def test_a_weak_secret_is_warned_of_on_loopback_and_refused_elsewhere(start_server, secret):
    warned = start_server(env={'JWT_SECRET': secret})
    assert 'JWT_SECRET' in warned.log()
    with pytest.raises(StartFailed) as refused:
        start_server(env={'JWT_SECRET': secret, 'HOST': '0.0.0.0'})
    assert 'JWT_SECRET' in refused.value.log and 'Traceback' not in refused.value.log


def test_gunicorn_refuses_a_weak_secret_and_several_workers(start_server):
    everywhere = [word.replace('127.0.0.1', '0.0.0.0') for word in GUNICORN]
    with pytest.raises(StartFailed) as refused:
        start_server(env={'JWT_SECRET': 'short'}, command=everywhere)
    assert 'JWT_SECRET' in refused.value.log
    with pytest.raises(StartFailed) as refused:
        # gunicorn itself prints a traceback when both its workers end at the same moment
        start_server(command=['2' if word == '1' else word for word in GUNICORN], allow_traceback=True)
    assert 'one worker' in refused.value.log


@pytest.mark.parametrize(('name', 'value'), [
    ('PORT', 'x'), ('PORT', '70000'), ('JWT_EXPIRES_IN', '5 hours'), ('RATE_LIMIT_EVENTS', '5'), ('DATABASE_URL', 'x'),
    ('DATABASE_URL', 'postgres://a/b'), ('TRUSTED_PROXIES', 'everyone'), ('AUTO_MIGRATE', 'perhaps'),
    ('REGISTRATION', 'maybe'), ('BCRYPT_LOG_ROUNDS', '40'), ('MAX_UPLOAD_BYTES', '0'),
    ('UPLOAD_QUOTA_BYTES', '5 GB'), ('PUBLIC_URL', 'chat.example.com')])
def test_a_wrong_setting_is_named_in_one_line(name, value):
    env = {'PATH': os.environ['PATH'], name: value}
    ended = subprocess.run([sys.executable, 'wsgi.py'], cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=30)
    assert ended.returncode != 0
    assert name in ended.stderr and len(ended.stderr.splitlines()) == 1


def test_a_taken_port_is_named_in_one_line(start_server, tmp_path):
    server = start_server()
    env = {'PATH': os.environ['PATH'], 'PORT': str(server.port), 'INSTANCE_PATH': str(tmp_path)}
    ended = subprocess.run([sys.executable, 'wsgi.py'], cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=30)
    assert str(server.port) in ended.stderr and len(ended.stderr.splitlines()) == 1


# ---------------------------------------------------------------------- databases

def test_the_settings_of_the_seeds_reach_mysql(start_server, open_http, mariadb):
    url = make_url(mariadb.create_database())
    env = {'DB_HOST': url.host, 'DB_PORT': url.port, 'DB_USER': url.username, 'DB_PASS': url.password,
           'DB_NAME': url.database, 'secretKey': 'x' * 40, 'DATABASE_URL': None}
    account = open_http(start_server(env=env)).register()
    assert mariadb.query('SELECT username FROM users', database=url.database)[0][0] == account.username


def test_a_mysql_url_of_node_works_as_it_is(start_server, open_http, mariadb):
    url = mariadb.create_database().replace('mysql+pymysql://', 'mysql://').partition('?')[0]
    http = open_http(start_server(database=url))
    ann, bob = http.register(displayName='👋' * 10), http.register()
    content = '👋 four bytes, 漢字 and ' + '🔑' * 3000
    assert http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': content}).json()['content'] == content
    assert http.as_user(bob).get(f'/api/messages/{ann.id}').json()[0]['content'] == content


def test_sqlite_in_memory_serves_and_forgets(start_server, open_http, open_socket):
    server = start_server(database='sqlite://')
    http = open_http(server)
    ann, bob = http.register(), http.register()
    client = open_socket(server, ann)
    client.send_many('send_message', [{'toUserId': bob.id, 'content': str(number)} for number in range(50)])
    assert len(http.as_user(bob).get(f'/api/messages/{ann.id}').json()) == 50
    server.restart()
    assert open_http(server).as_user(ann).get('/api/users/me').status_code == 401


def test_the_server_goes_on_after_the_database_restarted(start_server, open_http, open_socket, own_mariadb):
    server = start_server(database=own_mariadb.create_database())
    http = open_http(server)
    ann, bob = http.register(), http.register()
    client, listener = open_socket(server, ann), open_socket(server, bob)
    payload = {'toUserId': bob.id, 'content': 'x'}
    expect_ok(client.call('send_message', payload))
    own_mariadb.shut_down()
    assert http.get('/health').status_code == 200
    away = http.get('/ready')
    assert (away.status_code, away.json()['database']) == (503, 'does not answer')
    refused = http.as_user(ann).get('/api/users')
    assert (refused.status_code, refused.json()['code']) == (503, 'unavailable') and refused.headers['Retry-After']
    history = http.as_user(ann).get(f'/api/messages/{bob.id}')
    assert (history.status_code, history.json()['code']) == (503, 'unavailable')
    assert client.call('send_message', payload, timeout=20)['code'] == 'unavailable'
    acks = client.send_many('send_message', [payload] * 30, timeout=10)  # refused as one batch, not one by one
    assert {ack['code'] for _, ack in acks} == {'unavailable'}
    own_mariadb.start()
    wait_until(lambda: http.get('/ready').status_code == 200, timeout=10)
    assert http.as_user(ann).get('/api/users').status_code == 200
    expect_ok(client.call('send_message', payload))
    assert [listener.expect('newMessage')['content'] for _ in range(2)] == ['x', 'x']
    listener.expect_nothing('newMessage')


def test_killed_connections_lose_and_repeat_nothing(start_server, open_http, open_socket, own_mariadb):
    url = own_mariadb.create_database()
    server = start_server(database=url)
    http = open_http(server)
    ann, bob = http.register(), http.register()
    client, listener = open_socket(server, ann), open_socket(server, bob)
    contents, stop = [str(number) for number in range(3000)], threading.Event()

    def kill():
        while not stop.wait(0.05):
            own_mariadb.kill_connections(url)

    killer = threading.Thread(target=kill)
    killer.start()
    acks = client.send_many('send_message', [{'toUserId': bob.id, 'content': content} for content in contents], timeout=60)
    stop.set()
    killer.join()
    acknowledged = [ack['message']['content'] for _, ack in acks if ack['ok']]
    rows = own_mariadb.query('SELECT content FROM messages ORDER BY id', database=make_url(url).database)
    stored = [row[0] for row in rows]
    assert len(stored) == len(set(stored)) and set(acknowledged) <= set(stored)
    assert stored == sorted(stored, key=int)
    listener.settle()
    assert [m['content'] for m in listener.received('newMessage')] == acknowledged


@pytest.mark.parametrize('request_bytes, seconds', [(b';COMMIT', 1.5), (b'INSERT INTO messages', 0.1)])
def test_a_batch_whose_answer_is_lost_is_looked_for_and_delivered_once(
        start_server, open_http, open_socket, mariadb, request_bytes, seconds):
    url = make_url(mariadb.create_database())
    proxy = LossyProxy(url.port)
    server = start_server(database=url.set(port=proxy.port).render_as_string(hide_password=False))
    http = open_http(server)
    ann, bob = http.register(), http.register()
    client, listener = open_socket(server, ann), open_socket(server, bob)
    expect_ok(client.call('send_message', {'toUserId': bob.id, 'content': 'first'}))
    proxy.lose_answer_to(request_bytes)
    answer = client.call_async('send_message', {'toUserId': bob.id, 'content': 'second'})
    assert proxy.lost.wait(10)
    threading.Timer(seconds, proxy.refusing.clear).start()
    expect_ok(answer.result(20))
    expect_ok(client.call('send_message', {'toUserId': bob.id, 'content': 'third'}, timeout=10))
    assert [listener.expect('newMessage')['content'] for _ in range(3)] == ['first', 'second', 'third']
    rows = mariadb.query('SELECT content FROM messages ORDER BY id', database=url.database)
    assert [row[0] for row in rows] == ['first', 'second', 'third']
    proxy.close()


@pytest.mark.parametrize('request_bytes', [b'UPDATE rooms SET members_version', b'\x03COMMIT'], ids=['undone', 'done'])
def test_a_leave_whose_answer_is_lost_holds_for_the_next_message_as_it_was_stored(
        start_server, open_http, open_socket, mariadb, request_bytes):
    url = make_url(mariadb.create_database())
    proxy = LossyProxy(url.port)
    server = start_server(database=url.set(port=proxy.port).render_as_string(hide_password=False))
    http = open_http(server)
    ann, bob = http.register(), http.register()
    room = http.as_user(ann).post('/api/rooms', {'name': 'a room'}).json()['room']['id']
    assert http.as_user(bob).post('/api/rooms/join', {'roomId': room}).status_code == 200
    client, other = open_socket(server, bob), open_socket(server, ann)
    for each in client, other:
        expect_ok(each.call('send_message', {'roomId': room, 'content': 'before'}))
    query = 'SELECT user_id FROM room_members WHERE room_id = %s AND read_seq > 0'
    wait_until(lambda: len(mariadb.query(query, (room,), database=url.database)) == 2)  # nothing else is to be written
    proxy.lose_answer_to(request_bytes)
    assert http.as_user(bob).delete(f'/api/rooms/{room}/members/{bob.id}').status_code == 503
    assert proxy.lost.is_set()
    proxy.refusing.clear()
    left = not mariadb.query('SELECT 1 FROM room_members WHERE user_id = %s AND room_id = %s', (bob.id, room),
                             database=url.database)
    assert left == (request_bytes == b'\x03COMMIT')
    for _ in range(2):
        assert client.call('send_message', {'roomId': room, 'content': 'after'})['ok'] is not left
        expect_ok(other.call('send_message', {'roomId': room, 'content': 'after'}))
    proxy.close()


def test_a_sign_in_that_the_database_interrupts_can_be_repeated(start_server, open_http, open_socket, own_mariadb):
    server = start_server(database=own_mariadb.create_database())
    http = open_http(server)
    ann, bob = http.register(), http.register()
    http.as_user(bob).get('/api/users/me')  # so that the sign-in is known without the database
    client = open_socket(server)
    own_mariadb.shut_down()
    assert client.call('auth:login', {'token': bob.token}, timeout=20)['code'] == 'unavailable'
    own_mariadb.start()
    wait_until(lambda: http.get('/ready').status_code == 200, timeout=10)
    expect_ok(client.call('auth:login', {'token': bob.token}))
    sent = http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'x'})
    assert sent.status_code == 201, sent.text
    assert client.expect('message:new')['content'] == 'x'


def test_the_server_waits_for_a_database_that_comes_up_beside_it(start_server, open_http, own_mariadb):
    url = own_mariadb.create_database()
    own_mariadb.shut_down()
    threading.Timer(2, own_mariadb.start).start()
    open_http(start_server(database=url)).register()


def test_another_program_that_locks_sqlite_stalls_nobody(start_server, open_http, tmp_path):
    server = start_server(database=f'sqlite:///{tmp_path}/chat.db')
    http = open_http(server)
    ann, bob = http.register(), http.register()
    http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'x'})
    other = sqlite3.connect(tmp_path / 'chat.db', isolation_level=None, check_same_thread=False)
    other.execute('BEGIN IMMEDIATE')
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(http.as_user(ann).post, f'/api/messages/send/{bob.id}', {'content': 'y'})
        for _ in range(20):
            start = time.monotonic()
            assert http.get('/health').status_code == 200
            assert time.monotonic() - start < 1  # SQLite's own wait would block everybody for seconds
        assert not sending.done()
        other.execute('COMMIT')
        assert sending.result().status_code == 201
    other.close()


# ---------------------------------------------------------------------- the end

def test_sigterm_answers_what_was_accepted_and_sends_everybody_away(start_server, open_http, open_socket, database):
    server = start_server(database=database)
    http = open_http(server)
    ann, bob = http.register(), http.register()
    client, poller = open_socket(server, ann), open_socket(server, bob, transports=['polling'])
    pending = [client.call_async('send_message', {'toUserId': bob.id, 'content': str(number)}) for number in range(200)]
    client.settle()
    server.stop()
    assert all(answer.result(1)['ok'] for answer in pending)
    client.expect('disconnect')
    poller.expect('disconnect')
    server.start()
    stored = [message['content'] for message in open_http(server).as_user(bob).get(f'/api/messages/{ann.id}').json()]
    assert stored == [str(number) for number in range(200)]


def test_sigterm_waits_for_requests_that_are_being_answered(start_server, open_http):
    server = start_server(env={'BCRYPT_LOG_ROUNDS': '12'})
    http = open_http(server)
    account = http.register()
    body = {'username': account.username, 'password': account.password}
    with ThreadPoolExecutor(4) as pool:
        signing_in = [pool.submit(http.post, '/api/auth/login', body) for _ in range(4)]
        wait_until(lambda: any(each.done() for each in signing_in))
        server.stop()
        assert [each.result().status_code for each in signing_in] == [200] * 4


def test_what_was_acknowledged_survives_a_crash(start_server, open_http, open_socket, database):
    server = start_server(database=database)
    http = open_http(server)
    ann, bob = http.register(), http.register()
    client = open_socket(server, ann)
    pending = [client.call_async('send_message', {'toUserId': bob.id, 'content': str(number)}) for number in range(300)]
    wait_until(lambda: pending[100].done)
    acknowledged = [answer.result(0)['message']['content'] for answer in pending if answer.done]
    server.kill()
    server.start()
    stored = [message['content'] for message in open_http(server).as_user(bob).get(f'/api/messages/{ann.id}').json()]
    assert len(acknowledged) > 100 and stored[:len(acknowledged)] == acknowledged


def test_the_instance_folder_holds_all_that_the_server_writes(start_server, open_http):
    before = set(Path(REPOSITORY).rglob('*'))
    open_http(start_server()).register()
    new = {path for path in set(Path(REPOSITORY).rglob('*')) - before
           if '__pycache__' not in path.parts and not path.name.startswith('.coverage')}  # of servers beside this one
    assert new == set()


def test_the_stock_transport_does_not_wait_for_clients_that_are_gone_when_it_stops(start_server, open_http, open_socket):
    server = start_server(env={'SOCKET_TRANSPORT': 'stock'}, allow_traceback=True)
    ann, bob = open_http(server).register(), open_http(server).register()
    polling = [open_socket(server, ann, transports=['polling']) for _ in range(3)]
    open_socket(server, ann)
    for client in polling:
        client.drop()
    for _ in range(20):
        expect_ok(open_socket(server, bob).call('send_message', {'toUserId': ann.id, 'content': 'nobody fetches this'}))
    server.stop(timeout=10)
