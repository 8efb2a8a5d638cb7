"""Socket.IO connections: how they sign in, how they end, and what happens to packets of any kind."""
import json
import threading

import pytest

from tests.support import raw
from tests.support.http import expect_error
from tests.support.raw import RawSocket
from tests.support.raw_http import raw_body, raw_request, raw_status
from tests.support.server import ChatServer
from tests.support.sockets import ConnectError, expect_failure, expect_ok
from tests.support.waiting import wait_until


def online(http, reader, user):
    return http.as_user(reader).get(f'/api/users/{user.id}').json()['online']


# ---------------------------------------------------------------------- signing in

@pytest.mark.parametrize('namespace', ['/', '/chat', '/call'])
@pytest.mark.parametrize('way', ['auth', 'bearer', 'access_token'])
def test_a_token_signs_in_whichever_way_it_is_shown(connect, new_user, http, namespace, way):
    account, reader = new_user(), new_user()
    options = {
        'auth': {'auth': {'token': account.token}},
        'bearer': {'extraHeaders': {'Authorization': f'Bearer {account.token}'}},
        'access_token': {'extraHeaders': {'access_token': account.token}},
    }[way]
    client = connect(None, namespace, **options)
    assert online(http, reader, account)
    client.disconnect()
    wait_until(lambda: not online(http, reader, account))


@pytest.mark.parametrize('token', ['x', 5, {}, [], True, 'a.b.c'])
@pytest.mark.parametrize('namespace', ['/', '/chat', '/call'])
def test_a_bad_token_is_a_connect_error(connect, namespace, token):
    with pytest.raises(ConnectError) as refused:
        connect(None, namespace, auth={'token': token})
    assert refused.value.message == 'unauthorized'


@pytest.mark.parametrize('auth', [None, {}, {'token': None}, {'token': ''}])
@pytest.mark.parametrize('namespace', ['/chat', '/call'])
def test_no_token_on_a_named_namespace_is_a_connect_error(connect, namespace, auth):
    with pytest.raises(ConnectError) as refused:
        connect(None, namespace, auth=auth)
    assert refused.value.message == 'unauthorized'


@pytest.mark.parametrize('transport', ['polling', 'websocket'])
@pytest.mark.parametrize('namespace', ['/nope', '/chat2', '/' + 'x' * 5000])
def test_a_client_of_an_unknown_namespace_is_told_that_there_is_none(connect, new_user, namespace, transport):
    with pytest.raises(ConnectError) as refused:
        connect(new_user(), namespace, transports=[transport])
    assert refused.value.message == f'There is no such namespace: {namespace[:100]}'
    assert refused.value.data == {'code': 'not_found', 'message': refused.value.message}


# ---------------------------------------------------------------------- origins

PAGES = {'CLIENT_URL': 'https://front.example.com, http://localhost:5173', 'PUBLIC_URL': 'https://chat.example.com/here'}


@pytest.fixture(scope='module')
def listed(tmp_path_factory):
    """A server whose host lists the origins of its frontends."""
    server = ChatServer(env=PAGES, folder=tmp_path_factory.mktemp('server'))
    try:
        yield server.start()
    finally:
        server.close()


@pytest.mark.parametrize('transport', ['polling', 'websocket'])
@pytest.mark.parametrize('origin', [
    None, 'https://front.example.com', 'http://localhost:5173', '{own}', 'https://chat.example.com'])
def test_pages_that_are_listed_and_the_servers_own_may_connect(listed, open_socket, open_http, transport, origin):
    headers = {} if origin is None else {'Origin': origin.format(own=listed.url)}
    account = open_http(listed).register()
    assert open_socket(listed, account, transports=[transport], extraHeaders=headers).connected


def test_the_servers_own_page_is_known_by_its_name_behind_a_proxy_too(listed, open_socket, open_http):
    account = open_http(listed).register()
    headers = {'Host': 'behind.example.com', 'Origin': 'https://behind.example.com'}
    assert open_socket(listed, account, transports=['websocket'], extraHeaders=headers).connected


@pytest.mark.parametrize('transport', ['polling', 'websocket'])
@pytest.mark.parametrize('origin', [
    'https://evil.example.com', 'https://front.example.com.evil.com', 'http://localhost:5174', 'http://127.0.0.1', 'null',
    'http://', 'https://chat.example.com:444'])
def test_other_pages_may_not_connect(listed, open_socket, open_http, transport, origin):
    account = open_http(listed).register()
    with pytest.raises(ConnectError):
        open_socket(listed, account, transports=[transport], extraHeaders={'Origin': origin})


# ---------------------------------------------------------------------- what is refused

def test_a_refresh_token_and_an_ended_sign_in_are_refused(connect, new_user, http):
    account = new_user()
    with pytest.raises(ConnectError):
        connect(None, auth={'token': account.refresh_token})
    http.as_user(account).post('/api/auth/logout')
    with pytest.raises(ConnectError):
        connect(account)


def test_an_unknown_dialect_is_a_connect_error(connect, new_user):
    with pytest.raises(ConnectError) as refused:
        connect(None, auth={'token': new_user().token, 'dialect': 'klingon'})
    assert refused.value.message == 'validation_error'


def test_without_a_token_a_connection_waits_for_auth_login(connect, new_user, http):
    account, other = new_user(), new_user()
    client = connect(None)
    expect_failure(client.call('send_message', {'toUserId': other.id, 'content': 'x'}), 'unauthorized')
    expect_failure(client.call('auth:login', {'token': 'bad'}), 'unauthorized')
    assert client.expect('auth:error')['message']
    expect_ok(client.call('auth:login', {'token': account.token}))
    assert client.expect('auth:ok')['user']['id'] == account.id
    expect_ok(client.call('send_message', {'toUserId': other.id, 'content': 'x'}))
    assert online(http, other, account)


def test_a_message_straight_behind_auth_login_works(connect, new_user, server):
    account, other = new_user(), new_user()
    listener = connect(other)
    with RawSocket(server.port) as client:
        client.connect('/')
        client.send_text('42' + json.dumps(['auth:login', {'token': account.token}]))
        client.send_text('42' + json.dumps(['message:private', {'toUserId': other.id, 'content': 'at once'}]))
        assert listener.expect('newMessage')['senderId'] == account.id


def test_five_failed_logins_close_the_connection(connect):
    client = connect(None)
    for _ in range(5):
        client.emit('auth:login', {'token': 'bad'})
    client.expect('disconnect')


def test_auth_login_extends_a_connection_for_its_own_user_only(start_server, open_http, open_socket):
    server = start_server(env={'JWT_EXPIRES_IN': '4s'})
    http = open_http(server)
    account, other = http.register(), http.register()
    client = open_socket(server, account)
    expect_failure(client.call('auth:login', {'token': other.token}), 'forbidden')
    wait_until(lambda: http.as_user(account).get('/api/users/me').status_code == 401, timeout=8)
    client.expect('disconnect', timeout=5)
    login = {'username': account.username, 'password': account.password}
    first = http.post('/api/auth/login', login).json()['token']
    client = open_socket(server, auth={'token': first})
    wait_until(lambda: expect_ok(client.call('auth:login', {
        'token': http.post('/api/auth/login', login).json()['token']})) and
        http.as_user(first).get('/api/users/me').status_code == 401, timeout=8, interval=0.5)
    expect_ok(client.call('auth:login', {'token': http.post('/api/auth/login', login).json()['token']}))
    assert client.connected


@pytest.mark.once
def test_a_connection_that_waits_too_long_is_closed(server, connect):
    client = connect(None)
    with RawSocket(server.port) as silent:  # an Engine.IO session without any namespace
        client.expect('disconnect', timeout=25)
        silent.wait_closed(timeout=10)
    assert client.expect('error')['code'] == 'unauthorized'


def test_only_so_many_connections_of_one_address_may_wait(start_server, open_http, open_socket):
    server = start_server()
    account = open_http(server).register()
    waiting = [open_socket(server) for _ in range(50)]
    with pytest.raises(ConnectError) as refused:
        open_socket(server)
    assert refused.value.message == 'unavailable'
    with RawSocket(server.port) as silent:
        silent.wait_closed(timeout=6)  # the first fifty are still there
    assert all(client.connected for client in waiting)
    open_socket(server, account)  # whoever shows a token does not wait
    waiting[0].disconnect()
    wait_until(lambda: can_wait(open_socket, server))


def can_wait(open_socket, server):
    try:
        open_socket(server)
    except ConnectError:
        return False
    return True


def test_any_number_of_clients_behind_one_address_may_connect_at_once(start_server, open_http):
    server = start_server()
    account = open_http(server).register()
    clients = [RawSocket(server.port) for _ in range(120)]
    for client in clients:
        client.connect('/', auth={'token': account.token})
    assert open_http(server).as_user(account).get(f'/api/users/{account.id}').json()['online'] is True
    for client in clients:
        client.close()


# ---------------------------------------------------------------------- the end of a sign-in

@pytest.mark.parametrize('end', ['logout', 'reuse'])
def test_the_end_of_a_sign_in_ends_its_connections_and_no_others(connect, new_user, http, end):
    account = new_user()
    other = http.post('/api/auth/login', {'username': account.username, 'password': account.password}).json()
    clients, stays = [connect(account), connect(account, '/chat')], connect(None, auth={'token': other['token']})
    if end == 'logout':
        http.as_user(account).post('/api/auth/logout')
    else:
        for _ in range(2):
            http.post('/api/auth/refresh', {'refreshToken': account.refresh_token})
    for client in clients:
        client.expect('disconnect')
        assert client.expect('error')['code'] == 'unauthorized'
    stays.settle()
    assert stays.connected


def test_a_new_password_ends_the_connections_of_other_sign_ins(connect, new_user, http):
    account = new_user()
    other = http.post('/api/auth/login', {'username': account.username, 'password': account.password}).json()
    stays, ends = connect(account), connect(None, auth={'token': other['token']})
    http.as_user(account).post('/api/auth/password', {'currentPassword': account.password, 'newPassword': 'secret-2'})
    ends.expect('disconnect')
    stays.settle()
    assert stays.connected


def test_an_expired_token_ends_the_connection(start_server, open_http, open_socket):
    server = start_server(env={'JWT_EXPIRES_IN': '2s'})
    client = open_socket(server, open_http(server).register())
    client.expect('disconnect', timeout=6)
    assert client.expect('error')['code'] == 'unauthorized'


# ---------------------------------------------------------------------- presence in User

def test_a_user_is_online_until_the_last_connection_closes_and_then_was_last_seen(connect, new_user, http):
    account, reader = new_user(), new_user()
    first, second = connect(account), connect(account, '/call')
    first.disconnect()
    assert online(http, reader, account)
    second.drop()
    wait_until(lambda: not online(http, reader, account))
    wait_until(lambda: http.as_user(reader).get(f'/api/users/{account.id}').json()['lastSeen'] is not None)


# ---------------------------------------------------------------------- packets of any kind

def test_an_unknown_event_is_answered(connect, new_user):
    client = connect(new_user())
    expect_failure(client.call('no_such_event', {'a': 1}), 'not_found')
    assert client.expect('error')['event'] == 'no_such_event'


@pytest.mark.parametrize('packet', [
    '42', '42{}', '42[]', '42[5]', '42[null]', '42[["a"]]', '42"x"', '42[', '42nonsense', '4', '49', '4x', '44', '45',
    '451-["send_message",{"_placeholder":true,"num":7}]', '4599999-["x"]', '45-["x"]', '42' + '[' * 5000, '421234', '43',
    '4312["x"]', '42/nowhere,["x"]', '40', '42["connect",{}]', '42["disconnect"]', '42["__disconnect_final"]',
    '42["send_message",NaN]', '42["send_message",{"content":"\\ud800","toUserId":1}]',
    '42["send_message",' + '9' * 5000 + ']', '41/nowhere', '42' + '1' * 200 + '["x"]'])
def test_a_packet_that_makes_no_sense_changes_nothing(server, connect, new_user, packet):
    account, other = new_user(), new_user()
    listener = connect(other)
    with RawSocket(server.port) as client:
        client.connect('/', auth={'token': account.token})
        client.send_text(packet)
        if packet.startswith('451-'):
            client.send_frame(raw.BINARY, b'attached')
        client.send_text('42' + json.dumps(['send_message', {'toUserId': other.id, 'content': 'still here'}]))
        assert listener.expect('newMessage')['content'] == 'still here'


def test_a_malformed_event_that_asks_for_an_answer_gets_one(server, new_user):
    with RawSocket(server.port) as client:
        client.connect('/', auth={'token': new_user().token})
        client.send_text('427[5]')
        assert json.loads(client.receive()[3:])[0]['code'] == 'bad_request'


def test_binary_payloads_get_an_error(connect, new_user):
    client = connect(new_user())
    expect_failure(client.call('send_message', b'bytes'), 'validation_error')
    expect_failure(client.call('send_message', {'toUserId': b'1', 'content': b'x'}), 'validation_error')


@pytest.mark.direct_only  # the stock transport leaves TCP open
def test_a_message_above_256_kib_closes_the_connection_and_only_that(server, connect, new_user):
    account = new_user()
    stays = connect(account)
    with RawSocket(server.port) as client:
        client.connect('/', auth={'token': account.token})
        client.send_text('42["send_message","' + 'x' * 262_144 + '"]')
        client.wait_closed()
    stays.settle()
    assert stays.connected


# ---------------------------------------------------------------------- headers

def test_a_header_name_with_an_underscore_forges_nothing(start_server, open_http):
    server = start_server(env={'TRUSTED_PROXIES': '127.0.0.1', 'RATE_LIMIT_REQUESTS': '3/60'})
    http = open_http(server)
    forged = [http.get('/api/users', headers={'X_Forwarded_For': f'10.0.0.{number}'}).status_code for number in range(5)]
    assert forged == [401, 401, 401, 429, 429]
    genuine = [http.get('/api/users', headers={'X-Forwarded-For': f'10.0.0.{number}'}).status_code for number in range(5)]
    assert genuine == [401] * 5


def test_the_access_token_header_signs_in_over_http_and_authorization_decides(http, new_user):
    account, other = new_user(), new_user()
    assert http.get('/api/users/me', headers={'access_token': account.token}).json()['id'] == account.id
    both = {'access_token': account.token, 'Authorization': f'Bearer {other.token}'}
    assert http.get('/api/users/me', headers=both).json()['id'] == other.id
    wrong = {'access_token': account.token, 'Authorization': 'Bearer x'}
    expect_error(http.get('/api/users/me', headers=wrong), 401, 'unauthorized')


# ---------------------------------------------------------------------- requests as proxies and slow clients send them

def raw_post(port, path, body, *headers):
    lines = [f'POST {path} HTTP/1.1', 'Host: x', 'Content-Type: application/json', *headers]
    return raw_request(port, '\r\n'.join(lines).encode() + b'\r\n\r\n' + body)


@pytest.mark.parametrize('header', ['Connection: upgrade', 'Connection: Upgrade\r\nUpgrade: h2c'])
def test_a_proxy_that_always_asks_for_an_upgrade_gets_its_answer(server, new_user, header):
    account = new_user()
    body = json.dumps({'username': account.username, 'password': account.password}).encode()
    answer = raw_post(server.port, '/api/auth/login', body, header, f'Content-Length: {len(body)}')
    assert raw_status(answer) == 200


@pytest.mark.parametrize('size', [262_145, 5_000_000])
def test_a_body_without_a_length_is_limited_all_the_same(server, size):
    chunk = b'{"username": "x", "password": "y"}' + b' ' * size
    body = b'%x\r\n%s\r\n0\r\n\r\n' % (len(chunk), chunk)
    answer = raw_post(server.port, '/api/auth/login', body, 'Transfer-Encoding: chunked')
    assert raw_status(answer) == 413 and json.loads(raw_body(answer))['code'] == 'too_large'


def test_an_email_whose_folded_form_is_too_long_is_refused(http):
    email = 'ΐ' * 60 + '@' + 'a' * 60 + '.' + 'b' * 60 + '.com'
    expect_error(http.post('/api/auth/register', {'email': email, 'password': 'secret-1'}), 422, 'validation_error')


def test_a_client_that_sends_without_reading_is_made_to_read_and_loses_nothing(server, new_user, connect):
    account, other = new_user(), new_user()
    with RawSocket(server.port) as client:
        client.connect('/', auth={'token': account.token})
        payload = json.dumps(['send_message', {'toUserId': other.id, 'content': 'x' * 200}])
        sender = threading.Thread(target=lambda: [client.send_text(f'42{number}{payload}') for number in range(6000)])
        sender.start()
        sender.join(2)  # by now the server reads no more, or all of it was small enough
        acks = 0
        while acks < 6000:
            text = client.receive(timeout=20)
            acks += text.startswith('43')
        sender.join()
