"""deploy/nginx.conf and deploy/Caddyfile: who is let in, what is tried again, and what is written down of it."""
import json
import socket
import threading
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from types import SimpleNamespace

import pytest
import requests

from tests.support.caddy import Caddy
from tests.support.http import PASSWORD
from tests.support.nginx import Nginx
from tests.support.ports import HOST, accepted, free_port
from tests.support.sockets import expect_ok
from tests.support.waiting import wait_until

PROXIES = pytest.mark.parametrize('kind', [Nginx, Caddy])


class Dying:
    """A server that takes a request and ends the connection without an answer."""

    def __init__(self):
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        self.taken = []

    def serve(self):
        for connection in accepted(self._listener):
            with connection:
                self.taken.append(connection.recv(65536))

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def dying_servers(count):
    servers = [Dying() for _ in range(count)]
    threads = [threading.Thread(target=server.serve) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield servers
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.close()
            thread.join()


@PROXIES
@pytest.mark.parametrize('transports', [['websocket'], ['polling'], ['polling', 'websocket']])
def test_everything_works_behind_a_proxy(start_server, open_http, open_socket, start_proxy, kind, transports):
    server = start_proxy(kind, start_server(env={'TRUSTED_PROXIES': '127.0.0.1'}))
    http = open_http(server)
    ann, bob = http.register(), http.register()
    sender = open_socket(server, extraHeaders={'access_token': ann.token}, transports=transports)
    receiver = open_socket(server, bob, transports=transports)
    contents = [str(number) for number in range(100)]
    acks = sender.send_many('send_message', [{'toUserId': bob.id, 'content': content} for content in contents])
    assert all(ack['ok'] for _, ack in acks)
    assert [receiver.expect('newMessage')['content'] for _ in contents] == contents
    sent = http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'by rest'})
    assert receiver.expect('newMessage') == sent.json()


@PROXIES
@pytest.mark.parametrize(('method', 'is_repeated'), [('GET', True), ('POST', False), ('PATCH', False)])
def test_what_may_have_taken_effect_is_not_sent_to_another_process(start_proxy, kind, method, is_repeated):
    with dying_servers(3) as servers:
        answer = requests.request(method, start_proxy(kind, *servers).url + '/api/rooms', data='{}', timeout=10)
        assert answer.status_code == 502
        assert (sum(len(server.taken) for server in servers) > 1) is is_repeated


@PROXIES
def test_a_request_that_a_process_does_not_take_goes_to_another_one(start_server, start_proxy, open_http, kind):
    absent = [SimpleNamespace(port=free_port()) for _ in range(2)]
    http = open_http(start_proxy(kind, absent[0], start_server(), absent[1]))
    ann, bob = http.register(), http.register()
    sent = http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'once'}).json()
    assert http.as_user(bob).get(f'/api/messages/{ann.id}').json() == [sent]


def test_it_is_reached_by_tls_and_sends_there_whoever_comes_without(start_server, start_proxy, open_socket):
    nginx = start_proxy(Nginx, start_server(), is_encrypted=True)
    redirect = requests.get(nginx.redirecting_url + '/api/users?a=b', headers={'Host': 'chat.example.com'},
                            allow_redirects=False, timeout=10)
    assert (redirect.status_code, redirect.headers['Location']) == (301, 'https://chat.example.com/api/users?a=b')
    fields = {'username': 'ann', 'email': 'ann@example.com', 'password': PASSWORD}
    account = requests.post(nginx.url + '/api/auth/register', json=fields, verify=str(nginx.certificate), timeout=10).json()
    client = open_socket(nginx, auth={'token': account['token']}, ca=nginx.certificate.read_text(), transports=['websocket'])
    assert expect_ok(client.call('sync', {'after': 0}))


@PROXIES
def test_the_address_that_counts_is_the_one_that_the_proxy_saw(start_server, start_proxy, kind):
    proxy = start_proxy(kind, start_server(env={'TRUSTED_PROXIES': '127.0.0.1', 'RATE_LIMIT_SIGN_UP': '3/3600'}))

    def sign_up(name, address):
        with closing(HTTPConnection(HOST, proxy.port, source_address=(address, 0))) as connection:
            forged = {header: f'192.0.2.{len(name)}' for header in ('X-Forwarded-For', 'X_Forwarded_For')}
            body = json.dumps({'username': name, 'email': f'{name}@example.com', 'password': PASSWORD})
            connection.request('POST', '/api/auth/register', body, {'Content-Type': 'application/json', **forged})
            return connection.getresponse().status

    assert [sign_up('a' * length, '127.0.0.2') for length in range(3, 7)] == [201, 201, 201, 429]
    assert sign_up('other', '127.0.0.3') == 201


def test_its_log_has_no_secrets_of_addresses(start_server, start_proxy, open_http):
    nginx = start_proxy(Nginx, start_server())
    open_http(nginx).get('/api/users/me?signature=secret-of-an-address')
    wait_until(lambda: '/api/users/me' in nginx.log.read_text())
    assert 'secret-of-an-address' not in nginx.log.read_text()
