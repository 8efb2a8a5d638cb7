"""Requests to addresses that users name: where they go, and where they never do."""
import _socket
import ipaddress
import socket
import threading
import time

import pytest

from chat.core.machinery import outgoing
from chat.core.machinery.outgoing import Outgoing, Refused, Unreachable, is_public, read_head
from tests.support.push_service import NAME, PushService

LOOPBACK = [ipaddress.ip_network('127.0.0.1/32')]


def names(*answers):
    """A resolver that gives these lists of addresses, one after the other."""
    waiting = list(answers)

    def resolve(host, port, type):
        return [(0, type, 0, '', (address, port)) for address in waiting.pop(0)]

    return resolve


@pytest.fixture
def service(tmp_path, monkeypatch):
    running = PushService(tmp_path)
    monkeypatch.setenv('SSL_CERT_FILE', running.certificate)
    yield running
    running.stop()


@pytest.mark.parametrize('address', [
    '0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '127.255.255.254', '169.254.169.254', '172.16.0.1', '172.31.255.255',
    '192.0.0.1', '192.0.2.1', '192.88.99.1', '192.168.0.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '224.0.0.1',
    '239.255.255.255', '240.0.0.1', '255.255.255.255', '::', '::1', '::ffff:8.8.8.8', '::ffff:127.0.0.1', '::8.8.8.8',
    '64:ff9b::7f00:1', '64:ff9b:1::1', '100::1', '2001::1', '2001:db8::1', '2002:7f00:1::1', '3fff::1', '5f00::1', 'fc00::1',
    'fd12::1', 'fe80::1', 'fe80::1%eth0', 'fec0::1', 'ff02::1'])
def test_no_address_that_is_not_everybodys_is_contacted(address):
    with pytest.raises(Refused):
        Outgoing(resolver=names([address])).resolve('https://push.example/')
    with pytest.raises(Refused):
        Outgoing(resolver=names(['8.8.8.8', address])).resolve('https://push.example/')


@pytest.mark.parametrize('address', ['1.1.1.1', '8.8.8.8', '100.63.255.255', '172.32.0.1', '223.255.255.255', '2606:4700::1111',
                                     '2a00:1450::1'])
def test_addresses_of_the_internet_are(address):
    assert is_public(ipaddress.ip_address(address))
    assert Outgoing(resolver=names([address])).resolve('https://push.example/').addresses == [address]


@pytest.mark.parametrize('url, host, port, target, authority', [
    ('https://push.example', 'push.example', 443, '/', 'push.example'),
    ('https://push.example:8443?a=b', 'push.example', 8443, '/?a=b', 'push.example:8443'),
    ('https://[2606:4700::1111]:444/a', '2606:4700::1111', 444, '/a', '[2606:4700::1111]:444')])
def test_the_parts_of_an_address_are_found(url, host, port, target, authority):
    found = Outgoing(resolver=names(['8.8.8.8'])).resolve(url)
    assert (found.host, found.port, found.target, found.authority) == (host, port, target, authority)


def test_a_name_that_answers_otherwise_the_second_time_leads_nowhere_else(service):
    requests = Outgoing(resolver=names(['8.8.8.8'], ['127.0.0.1']))
    url = f'https://{NAME}:{service.port}/send/x'
    requests.resolve(url)
    with pytest.raises(Refused):
        requests.post(url, {}, b'')


def test_the_connection_goes_to_the_checked_address_and_asks_for_no_name_again(service, monkeypatch):
    asked = []
    for module in (_socket, socket):
        monkeypatch.setattr(module, 'getaddrinfo', lambda *arguments, **named: asked.append(arguments))
    requests = Outgoing(LOOPBACK, resolver=names(['127.0.0.1']))
    assert requests.post(f'https://{NAME}:{service.port}/send/nobody', {'X-Y': 'z'}, b'body').status == 404
    assert asked == []


def test_the_next_address_is_tried_where_one_can_not_be_reached(service):
    allowed = [*LOOPBACK, ipaddress.ip_network('127.0.0.9/32'), ipaddress.ip_network('::1/128')]
    requests = Outgoing(allowed, resolver=names(['::1', '127.0.0.9', '127.0.0.1'], ['127.0.0.9']))
    assert requests.post(f'https://{NAME}:{service.port}/', {}, b'').status == 404
    with pytest.raises(Unreachable):
        requests.post(f'https://{NAME}:{service.port}/', {}, b'')


def test_the_certificate_must_be_of_the_name(service, monkeypatch):
    with pytest.raises(Unreachable, match='certificate'):
        Outgoing(LOOPBACK, resolver=names(['127.0.0.1'])).post(f'https://other.example:{service.port}/', {}, b'')
    monkeypatch.delenv('SSL_CERT_FILE')
    with pytest.raises(Unreachable, match='certificate'):
        Outgoing(LOOPBACK, resolver=names(['127.0.0.1'])).post(f'https://{NAME}:{service.port}/', {}, b'')


@pytest.fixture
def silent():
    """The port of a server that accepts and says nothing."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        yield listener.getsockname()[1]


def test_a_server_that_says_nothing_is_given_up(silent, monkeypatch):
    monkeypatch.setattr(outgoing, 'SECONDS', 0.2)
    with pytest.raises(Unreachable):
        Outgoing(LOOPBACK).post(f'https://127.0.0.1:{silent}/', {}, b'')


def test_what_is_under_way_can_be_broken_off(silent):
    requests, errors = Outgoing(LOOPBACK), []

    def post():
        try:
            requests.post(f'https://127.0.0.1:{silent}/', {}, b'')
        except Unreachable as error:
            errors.append(error)

    thread, began = threading.Thread(target=post), time.monotonic()
    thread.start()
    while not errors and time.monotonic() < began + 5:
        requests.stop()
        time.sleep(0.02)
    thread.join()
    assert errors and time.monotonic() < began + 5


class Said:
    """A line on which this is read, piece by piece."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)

    def read(self):
        return self.pieces.pop(0) if self.pieces else b''


def test_of_an_answer_the_head_is_read_behind_those_of_what_goes_before():
    head = read_head(Said(b'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 20', b'1 Created\r\nRetry-AFTER:  7 \r\n\r', b'\nbody'))
    assert (head.status, head.headers) == (201, {'retry-after': '7'})
    assert read_head(Said(b'HTTP/1.0 410\r\n\r\n')).status == 410


@pytest.mark.parametrize('pieces', [(), (b'HTTP/1.1 200 OK\r\n',), (b'SSH-2.0\r\n\r\n',), (b'HTTP/2 200\r\n\r\n',),
                                    tuple([b'HTTP/1.1 200 OK\r\n'] + [b'x: y\r\n'] * 10_000)])
def test_what_is_no_answer_is_an_error(pieces):
    with pytest.raises(OSError):
        read_head(Said(*pieces))
