"""deploy/nginx.conf and deploy/Caddyfile, in front of three processes."""
import re

import pytest

from tests.support.caddy import Caddy
from tests.support.nginx import Nginx
from tests.support.sockets import expect_ok
from tests.support.waiting import wait_until


@pytest.mark.parametrize('kind', [Nginx, Caddy])
@pytest.mark.parametrize('transports', [['websocket'], ['polling'], ['polling', 'websocket']])
def test_every_transport_keeps_to_the_process_that_knows_it(
        processes, start_proxy, people, https, open_socket, kind, transports):
    proxy = start_proxy(kind, *processes.processes)
    ann, *others = people(6)
    room = https[0].as_user(ann).post('/api/rooms', {'name': 'tea'}).json()['room']
    for other in others:
        assert https[1].as_user(other).post('/api/rooms/join', {'roomId': room['id']}).status_code == 200
    clients = [open_socket(proxy, user, transports=transports) for user in (ann, *others)]
    for number, client in enumerate(clients):
        message = expect_ok(client.call('send_message', {'roomId': room['id'], 'content': str(number)}))['message']
        for other in clients:
            assert other.expect('receive_message')['id'] == message['id']


def test_websockets_from_one_address_are_spread_over_the_processes(processes, start_proxy, people, open_socket):
    nginx = start_proxy(Nginx, *processes.processes)
    ann, = people(1)
    for _ in range(16):
        open_socket(nginx, ann, transports=['websocket']).close()

    def ports():  # a request is written down when it ends
        return re.findall(r'GET /socket.io/" 101 \d+ \S+:(\d+)$', nginx.log.read_text(), re.MULTILINE)

    wait_until(lambda: len(ports()) == 16)
    assert len(set(ports())) > 1
