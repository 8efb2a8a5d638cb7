"""pywsgi's handler: the `access_token` header, bad requests, and other ways to serve: TLS, gunicorn."""
import json
import socket
import ssl

import pytest

from tests.support.certificates import self_signed
from tests.support.waiting import wait_until
from tests.transport.peers import TIMEOUT, Stream, TinyServer, WebSocketPeer, event_packet, http


def seen(port, *headers):
    """What the application sees of these headers."""
    return json.loads(http(port, path='/headers', headers=headers)[2])


@pytest.fixture(scope='session')
def gunicorn_server(tmp_path_factory):
    server = TinyServer(tmp_path_factory.mktemp('gunicorn'), gunicorn=True)
    wait_until(lambda: 'Booting worker' in server.log, TIMEOUT, message='gunicorn')
    yield server
    server.close()
    assert 'Traceback' not in server.log


@pytest.fixture(params=['pywsgi', 'gunicorn'])
def port(request):
    """Each way to serve over plain HTTP."""
    return request.getfixturevalue('own_server' if request.param == 'pywsgi' else 'gunicorn_server').port


# ------------------------------------------------------------------ headers


@pytest.mark.parametrize('name', ['access_token', 'Access_Token', 'ACCESS_TOKEN'])
def test_the_access_token_header_arrives_in_any_letter_case(port, name):
    assert seen(port, f'{name}: abc.def')['HTTP_ACCESS_TOKEN'] == 'abc.def'


def test_the_first_of_several_access_tokens_counts(port):
    assert seen(port, 'Access_Token: first', 'access_token: second')['HTTP_ACCESS_TOKEN'] == 'first'


@pytest.mark.parametrize('headers', [['Access-Token: forged'], ['access-token: forged', 'ACCESS-TOKEN: twice']])
def test_a_hyphen_makes_no_access_token(port, headers):
    assert 'HTTP_ACCESS_TOKEN' not in seen(port, *headers)
    assert seen(port, *headers, 'access_token: real')['HTTP_ACCESS_TOKEN'] == 'real'


@pytest.mark.parametrize('name', ['X_Forwarded_For', 'x_forwarded-for', 'X_REAL_IP', 'access_token_', '_access_token'])
def test_every_other_header_with_an_underscore_is_dropped(port, name):
    before = seen(port, 'X-Forwarded-For: 10.0.0.1')
    assert seen(port, 'X-Forwarded-For: 10.0.0.1', f'{name}: 10.9.9.9') == before


def test_without_the_header_there_is_no_access_token(port):
    assert 'HTTP_ACCESS_TOKEN' not in seen(port)


def test_the_header_reaches_the_socket_handshake(port):
    with WebSocketPeer(port, extra='access_token: abc\r\n') as peer:
        peer.emit('headers', ack=1)
        assert 'HTTP_ACCESS_TOKEN' in peer.text()


# ------------------------------------------------------------------ bad requests


@pytest.mark.parametrize(('request_bytes', 'status'), [
    (b'GET / HTTP/1\r\n\r\n', 400),
    (b'GET / HTTP/x.y\r\n\r\n', 400),
    (b'GET / FTP/1.1\r\n\r\n', 400),
    (b'nonsense\r\n\r\n', 400),
    (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400),
    (b'GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n', 400),
    (b'GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n', 400),
    (b'GET / HTTP/1.1\r\n' + b'A: b\r\n' * 200 + b'\r\n', 400),
    (b'GET / HTTP/1.1\r\nA: ' + b'x' * 70_000 + b'\r\n\r\n', 400),
    (b'GET /' + b'x' * 9000 + b' HTTP/1.1\r\n\r\n', 414),
    (b'POST /body HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 400),
], ids=['version without a dot', 'version of letters', 'not HTTP', 'nonsense', 'TLS', 'length of letters',
        'negative length', '200 headers', 'long header', 'long request line', 'bad chunk'])
def test_a_bad_request_is_refused_without_a_traceback(own_server, request_bytes, status):
    with Stream(own_server.port) as stream:
        stream.send(request_bytes)
        stream.data = stream.read_all()
        assert stream.response()[0] == status
    assert 'Traceback' not in own_server.log


def test_a_client_that_leaves_at_any_point_of_its_request_leaves_no_traceback(own_server):
    request = b'POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345'
    for end in range(0, len(request), 4):
        with Stream(own_server.port) as stream:
            stream.send(request[:end])
            stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')  # ends with a reset
    assert http(own_server.port, path='/headers')[0] == 200
    assert 'Traceback' not in own_server.log


def test_many_bad_requests_do_not_fill_the_log(start_server):
    server = start_server()
    for _ in range(200):
        http(server.port, path='/ HTTP/9.9')
    lines = [line for line in server.log.splitlines() if 'Invalid' in line]
    assert 1 <= len(lines) < 50 and max(map(len, lines)) < 1500


def test_an_error_of_the_application_is_still_reported(tmp_path):
    server = TinyServer(tmp_path)
    try:
        assert http(server.port, path='/error')[0] == 500
        assert 'RuntimeError: an error of the application' in server.log
    finally:
        server.close()


def test_a_connection_serves_several_requests(own_server):
    with Stream(own_server.port) as stream:
        for body in (b'', b'12345', b'x' * 100_000):
            stream.send(b'POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s' % (len(body), body))
            assert json.loads(stream.response()[2]) == {'size': len(body)}


def test_a_connection_whose_next_request_is_always_there_does_not_keep_the_others_waiting(own_server):
    total = 3000
    with socket.create_connection(('127.0.0.1', own_server.port), timeout=TIMEOUT) as greedy:
        greedy.sendall(b'GET /headers HTTP/1.1\r\nHost: a\r\n\r\n' * total)
        assert http(own_server.port, path='/headers')[0] == 200
        greedy.setblocking(False)
        answered = greedy.recv(1 << 24).count(b'HTTP/1.1 200')
    assert 0 < answered < total


# ------------------------------------------------------------------ gunicorn


def test_websockets_work_under_gunicorn(gunicorn_server):
    with WebSocketPeer(gunicorn_server.port) as peer:
        for number in range(100):
            peer.emit('echo', number, ack=number)
            assert [peer.text(), peer.text()] == [f'42["echoed",{number}]', f'43{number}[{number}]']
        assert gunicorn_server.counts['websockets'] == 1
    wait_until(lambda: gunicorn_server.counts['sockets'] == 0)


# ------------------------------------------------------------------ TLS


@pytest.fixture(scope='session')
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1: the paths of its files."""
    folder = tmp_path_factory.mktemp('tls')
    self_signed(folder / 'cert.pem', folder / 'key.pem', '127.0.0.1')
    return {'certfile': str(folder / 'cert.pem'), 'keyfile': str(folder / 'key.pem')}


@pytest.fixture
def client_context(certificate):
    context = ssl.create_default_context(cafile=certificate['certfile'])
    context.check_hostname = False
    return context


@pytest.fixture
def tls_server(certificate, client_context, start_server):
    return start_server(tls=client_context, **certificate)


def test_websockets_work_over_tls(tls_server):
    with WebSocketPeer(tls_server.port, tls_server.tls) as peer:
        peer.emit('echo', 'x' * 200_000, ack=1)
        assert len(peer.text()) > 200_000 and len(peer.text()) > 200_000
        for number in range(100):
            peer.emit('echo', number, ack=number)
            assert [peer.text(), peer.text()] == [f'42["echoed",{number}]', f'43{number}[{number}]']
    wait_until(lambda: tls_server.counts['sockets'] == 0)


def test_pipelined_messages_arrive_over_tls(tls_server):
    with WebSocketPeer(tls_server.port, tls_server.tls) as peer:
        for number in range(2000):
            peer.emit('echo', number)
        assert [peer.text() for _ in range(2000)] == [f'42["echoed",{number}]' for number in range(2000)]


def test_a_slow_reader_over_tls_loses_nothing_and_one_that_reads_nothing_is_dropped(tls_server):
    with WebSocketPeer(tls_server.port, tls_server.tls, receive_buffer=4096) as peer:
        peer.emit('flood', {'count': 12, 'size': 70_000})
        for _ in range(12):
            assert len(peer.text()) > 70_000
        peer.emit('flood', {'count': 200, 'size': 1 << 16})
        wait_until(lambda: 'slow client dropped' in tls_server.log, TIMEOUT)
        wait_until(lambda: tls_server.counts['sockets'] == 0, TIMEOUT)


def test_close_codes_are_sent_over_tls(tls_server):
    with WebSocketPeer(tls_server.port, tls_server.tls) as peer:
        peer.send_text('x')
        assert peer.close_code() == 1008
    with WebSocketPeer(tls_server.port, tls_server.tls) as peer:
        tls_server.process.terminate()
        assert peer.close_code() == 1001
        assert tls_server.process.wait(TIMEOUT) == 0


def test_who_does_not_speak_tls_causes_no_traceback(tls_server):
    with Stream(tls_server.port) as stream:
        stream.send(b'GET / HTTP/1.1\r\n\r\n')
        stream.read_all()
    with Stream(tls_server.port):
        pass
    assert http(tls_server.port, path='/headers', tls=tls_server.tls)[0] == 200
    assert 'Traceback' not in tls_server.log


def test_pings_are_sent_and_answered_over_tls(certificate, client_context, start_server):
    server = start_server(tls=client_context, ping_interval=0.1, ping_timeout=2, **certificate)
    with WebSocketPeer(server.port, client_context) as peer:
        for number in range(50):
            peer.send_text(event_packet('work', 10))
            peer.emit('echo', number)
            assert peer.text() == f'42["echoed",{number}]'
