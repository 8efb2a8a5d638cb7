"""Engine.IO on a real server: what clients of each transport get, and what remains when they have gone.

Tests with `server` run on this transport and on the stock one.
"""
import json
import signal
import socket
import time

import pytest

from chat.transport import engineio_server
from chat.transport.frames import BINARY, CLOSE, FINAL, TEXT, frame
from tests.support.waiting import wait_until
from tests.transport.peers import (
    TIMEOUT,
    PollingPeer,
    Stream,
    WebSocketPeer,
    client_frame,
    event_packet,
    http,
    upgrade_request,
)

POLLING = '/socket.io/?EIO=4&transport=polling'


def upgrade(polling):
    """The WebSocket of a polling client, its upgrade not begun."""
    return WebSocketPeer(polling.port, query=f'&sid={polling.eio_sid}', connect=False)


def try_upgrade(polling):
    """The same, or None if it is refused."""
    peer = upgrade(polling)
    if peer.status == 101:
        return peer
    peer.sock.close()
    return None


def finish_upgrade(peer):
    peer.send_text('2probe')
    assert peer.text() == '3probe'
    peer.send_text('5')


# ------------------------------------------------------------------ direct connections


def test_a_websocket_client_gets_its_acknowledgements_and_events(server):
    with WebSocketPeer(server.port) as peer:
        assert peer.opened['upgrades'] == [] and peer.opened['maxPayload'] == 256 * 1024
        peer.emit('echo', 'hällo', ack=1)
        assert [peer.text(), peer.text()] == ['42["echoed","h\\u00e4llo"]', '431["h\\u00e4llo"]']


def test_500_messages_come_back_in_their_order(server):
    with WebSocketPeer(server.port) as peer:
        peer.send(b''.join(client_frame(event_packet('echo', n, ack=n).encode()) for n in range(500)))
        for n in range(500):
            assert [peer.text(), peer.text()] == [f'42["echoed",{n}]', f'43{n}[{n}]']


def test_frames_written_directly_keep_their_order_with_what_engineio_sends(server):
    with WebSocketPeer(server.port) as peer:
        peer.emit('alternate', 300, ack=7)
        assert [peer.text() for _ in range(301)] == [*(f'42["number",{n}]' for n in range(300)), '437[300]']


def test_a_client_that_asks_for_compression_gets_none(own_server):
    with WebSocketPeer(own_server.port, extra='Sec-WebSocket-Extensions: permessage-deflate\r\n') as peer:
        assert 'sec-websocket-extensions' not in peer.headers
        peer.emit('echo', 'x' * 5000, ack=1)
        assert len(peer.text()) > 5000


def test_frames_sent_behind_the_request_without_waiting_are_read(own_server):
    with Stream(own_server.port) as stream:
        stream.send(upgrade_request() + client_frame(b'40') + client_frame(event_packet('echo', 1, ack=2).encode()))
        stream.read_until(b'432[1]')


def test_binary_events_arrive_as_binary_also_beside_a_polling_client(server):
    with WebSocketPeer(server.port) as peer:
        peer.send_text('451-9["echo",{"_placeholder":true,"num":0}]')
        peer.send(client_frame(b'\0\xff', BINARY))
        assert peer.text() == '451-["echoed",{"_placeholder":true,"num":0}]'
        assert peer.frame() == (BINARY, b'\0\xff')


def test_a_message_of_256_kib_is_taken_and_one_byte_more_closes_with_1009(own_server):
    with WebSocketPeer(own_server.port) as peer:
        packet = event_packet('echo', '', ack=1)
        peer.send_text(packet.replace('""', '"' + 'x' * (256 * 1024 - len(packet)) + '"'))
        assert len(peer.text()) > 262_000 and len(peer.text()) > 262_000
        peer.send(client_frame(b'x' * (256 * 1024 + 1))[:10])
        assert peer.close_code() == 1009


@pytest.mark.parametrize(('data', 'code'), [
    (frame(b'40'), 1002),
    (client_frame(b'40', first=FINAL | TEXT | 0x40), 1002),
    (client_frame(b'\xff'), 1007),
    (client_frame(b'\x03\xe8', CLOSE), 1000),
    (client_frame(b'\x0f\xa1', CLOSE), 4001),
], ids=['unmasked', 'compressed', 'not UTF-8', 'closed', 'closed with a code of its own'])
def test_the_close_frame_says_why(own_server, data, code):
    with WebSocketPeer(own_server.port) as peer:
        peer.send(data)
        assert peer.close_code() == code


@pytest.mark.parametrize('message', ['', '2', '0{}', '6', '7', '9', 'x', 'b####', '²', '\0', 'ä' * 1000])
def test_a_malformed_engineio_packet_closes_its_connection_and_logs_nothing(own_server, message):
    with WebSocketPeer(own_server.port) as peer, WebSocketPeer(own_server.port) as other:
        peer.send_text(message)
        assert peer.close_code() == 1008
        other.emit('echo', 1, ack=1)
        assert other.text() == '42["echoed",1]'
    assert 'Traceback' not in own_server.log


def test_the_close_packet_of_a_client_closes(server):
    with WebSocketPeer(server.port) as peer:
        peer.send_text('1')
        assert peer.close_code() in (1000, None)


@pytest.mark.parametrize('change', [
    ('Sec-WebSocket-Version: 13', 'Sec-WebSocket-Version: 8'),
    ('Sec-WebSocket-Key: ', 'Sec-WebSocket-Key: x'),
    ('\r\n\r\n', '\r\nContent-Length: 3\r\n\r\n123'),
])
def test_an_improper_handshake_is_answered_with_400_and_leaves_nothing(own_server, change):
    before = own_server.counts
    with Stream(own_server.port) as stream:
        stream.send(upgrade_request().decode().replace(*change).encode())
        status, headers, _ = stream.response()
    assert (status, headers['sec-websocket-version']) == (400, '13')
    wait_until(lambda: own_server.counts['environs'] <= before['environs'])


def test_the_environment_keeps_what_handlers_need(own_server):
    extra = 'Cookie: a=b\r\nX-Forwarded-For: 10.0.0.1\r\naccess_token: t\r\n'
    with WebSocketPeer(own_server.port, extra=extra) as peer:
        peer.emit('headers', ack=1)
        names = json.loads(peer.text()[3:])[0]
    assert {'QUERY_STRING', 'PATH_INFO', 'REMOTE_ADDR', 'REQUEST_METHOD', 'wsgi.url_scheme', 'HTTP_X_FORWARDED_FOR',
            'HTTP_ACCESS_TOKEN', 'HTTP_HOST'} <= set(names)
    assert not {'HTTP_COOKIE', 'HTTP_SEC_WEBSOCKET_KEY', 'wsgi.input'} & set(names)


# ------------------------------------------------------------------ polling and upgrades


def test_a_polling_client_gets_its_acknowledgements_and_events(server):
    peer = PollingPeer(server.port)
    assert peer.post(event_packet('echo', 1, ack=1), event_packet('echo', 2, ack=2)) == 200
    packets = []
    while len(packets) < 4:
        packets += peer.packets()
    assert packets == ['42["echoed",1]', '431[1]', '42["echoed",2]', '432[2]']


def test_a_polling_body_of_hundreds_of_packets_is_handled_whole(server):
    peer = PollingPeer(server.port)
    assert peer.post(*(event_packet('echo', n, ack=n) for n in range(300))) == 200
    packets = []
    while len(packets) < 600:
        packets += peer.packets()
    assert packets[1::2] == [f'43{n}[{n}]' for n in range(300)]


def test_binary_packets_travel_as_base64_when_polling(server):
    peer = PollingPeer(server.port)
    assert peer.post('451-["echo",{"_placeholder":true,"num":0}]', 'bAP8=') == 200
    packets = []
    while len(packets) < 2:
        packets += peer.packets()
    assert packets == ['451-["echoed",{"_placeholder":true,"num":0}]', 'bAP8=']


def test_a_polling_client_changes_over_to_websocket_without_losing_anything(server):
    polling = PollingPeer(server.port)
    polling.post(*(event_packet('echo', n) for n in range(50)))
    with upgrade(polling) as peer:
        finish_upgrade(peer)
        polling_events = []
        peer.emit('echo', 'now', ack=1)
        messages = [peer.text()]
        while messages[-1] != '431["now"]':
            messages.append(peer.text())
        polling_events += [message for message in messages if message != '6']
        assert polling_events == [*(f'42["echoed",{n}]' for n in range(50)), '42["echoed","now"]', '431["now"]']
        peer.emit('alternate', 20, ack=2)
        assert [peer.text() for _ in range(21)] == [*(f'42["number",{n}]' for n in range(20)), '432[20]']


def test_a_poll_that_waits_is_answered_when_the_upgrade_begins(server):
    polling = PollingPeer(server.port)
    with Stream(server.port) as poll, upgrade(polling) as peer:
        poll.send(f'GET {polling.path} HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
        finish_upgrade(peer)
        assert poll.response()[2] in (b'6', b'')
        peer.emit('echo', 1, ack=1)
        assert '431[1]' in [peer.text() for _ in range(3)][-2:] or peer.text() == '431[1]'


def test_an_upgrade_that_does_not_wait_for_its_poll_does_not_end_the_session_later(start_server):
    server = start_server(ping_interval=0.2, ping_timeout=0.6)
    polling = PollingPeer(server.port)
    with Stream(server.port) as poll, upgrade(polling) as peer:
        poll.send(f'GET {polling.path} HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
        peer.send(client_frame(b'2probe') + client_frame(b'5'))
        assert poll.response()[2]
        end = time.monotonic() + 1.2
        while time.monotonic() < end:  # longer than a poll may wait
            peer.emit('echo', 1, ack=1)
            messages = [peer.text()]
            while messages[-1] != '431[1]':
                messages.append(peer.text())


def test_messages_sent_during_an_upgrade_arrive_when_it_is_through(own_server):
    polling = PollingPeer(own_server.port)
    with upgrade(polling) as peer:
        peer.send_text('2probe')
        assert peer.text() == '3probe'
        assert polling.packets() == ['6']
        polling.post(event_packet('echo', 'meanwhile', ack=1))
        assert polling.packets() == ['6']
        peer.send_text('5')
        messages = [peer.text() for _ in range(3)]
        assert [message for message in messages if message != '6'] == ['42["echoed","meanwhile"]', '431["meanwhile"]']


@pytest.mark.parametrize('messages', [['4hello'], ['2probe', '4hello'], ['x'], ['']])
def test_an_upgrade_that_goes_wrong_leaves_the_session_polling(own_server, messages):
    polling = PollingPeer(own_server.port)
    with upgrade(polling) as peer:
        for message in messages:
            peer.send_text(message)
        assert peer.close_code() == 1008
    polling.post(event_packet('echo', 1, ack=1))
    packets = polling.packets()
    while '431[1]' not in packets:
        packets += polling.packets()
    with upgrade(polling) as peer:
        finish_upgrade(peer)
        peer.emit('echo', 2, ack=2)
        assert peer.text() in ('6', '42["echoed",2]')


def test_a_client_that_leaves_in_mid_upgrade_goes_on_polling(own_server):
    polling = PollingPeer(own_server.port)
    with upgrade(polling) as peer:
        peer.send_text('2probe')
        assert peer.text() == '3probe'
    polling.post(event_packet('echo', 1, ack=1))
    packets = []
    wait_until(lambda: packets.extend(polling.packets()) or '431[1]' in packets)


def test_there_is_one_upgrade_at_a_time(own_server):
    polling = PollingPeer(own_server.port)
    with upgrade(polling), upgrade(polling) as second:
        assert second.status == 400


def test_of_two_upgrades_that_overlap_only_one_gets_the_session(own_server):
    polling = PollingPeer(own_server.port)
    with upgrade(polling) as first:
        first.send_text('x')
        assert first.frame()[0] == CLOSE  # and the first one does not answer yet
        second = upgrade(polling)
        second.send_text('2probe')
        assert second.text() == '3probe'
    third = wait_until(lambda: try_upgrade(polling), message='the end of the first one')
    with second, third:
        third.send_text('2probe')
        assert third.text() == '3probe'
        second.send_text('5')
        second.emit('echo', 1, ack=1)
        while second.text() != '431[1]':
            pass
        third.send_text('5')
        assert third.close_code() == 1008
        second.emit('echo', 2, ack=2)
        assert [second.text(), second.text()] == ['42["echoed",2]', '432[2]']


def test_an_unfinished_upgrade_is_dropped_in_time_and_polling_goes_on(start_server):
    server = start_server(upgrade_timeout=0.4)
    polling = PollingPeer(server.port)
    begin = time.monotonic()
    with upgrade(polling) as peer:
        peer.send_text('2probe')
        assert peer.text() == '3probe'
        assert peer.close_code() is None
    assert 0.4 <= time.monotonic() - begin < 5
    assert server.counts['waiting'] == 1, 'its ping'
    polling.post(event_packet('echo', 1, ack=1))
    packets = []
    while '431[1]' not in packets:
        packets += polling.packets()


def test_an_upgrade_has_ten_seconds():
    assert engineio_server.UPGRADE_TIMEOUT == 10


@pytest.mark.parametrize('body', [
    b'x', b'3\x1e\x1e3', b'\xff', b'b####', b'2', b'd=4hello', '\N{SUPERSCRIPT TWO}'.encode(), b'7',
])
def test_a_malformed_polling_body_closes_the_session_with_400_and_logs_nothing(own_server, body):
    polling = PollingPeer(own_server.port)
    assert http(polling.port, 'POST', polling.path, body)[0] == 400
    assert polling.get()[0] == 400
    assert 'Traceback' not in own_server.log


def test_a_polling_body_above_256_kib_is_refused(own_server):
    polling = PollingPeer(own_server.port)
    assert http(polling.port, 'POST', polling.path, b'4' + b'x' * (256 * 1024))[0] == 400
    assert polling.get()[0] == 400


def test_a_polling_body_in_chunks_is_read_and_limited_too(own_server):
    polling = PollingPeer(own_server.port)
    chunk = event_packet('echo', 1, ack=1).encode()
    with Stream(own_server.port) as stream:
        stream.send(f'POST {polling.path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'.encode()
                    + b'%x\r\n%s\r\n0\r\n\r\n' % (len(chunk), chunk))
        assert stream.response()[0] == 200
    assert '431[1]' in polling.packets()
    with Stream(own_server.port) as stream:
        stream.send(f'POST {polling.path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'.encode()
                    + (b'10000\r\n' + b'4' * 65536 + b'\r\n') * 5 + b'0\r\n\r\n')
        assert stream.response()[0] == 400


def test_a_polling_client_that_breaks_off_its_body_is_closed_quietly(own_server):
    polling = PollingPeer(own_server.port)
    with Stream(own_server.port) as stream:
        stream.send(f'POST {polling.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n42["ec'.encode())
        stream.sock.shutdown(socket.SHUT_WR)
        assert stream.response()[0] == 400
    assert polling.get()[0] == 400
    assert 'Traceback' not in own_server.log


def test_jsonp_is_refused(own_server):
    assert http(own_server.port, path=POLLING + '&j=0')[0] == 400
    polling = PollingPeer(own_server.port)
    assert http(own_server.port, path=polling.path + '&j=0')[0] == 400
    assert http(own_server.port, 'POST', polling.path + '&j=0', b'd=4')[0] == 400


# ------------------------------------------------------------------ those who do not read


def test_a_websocket_client_that_reads_nothing_is_dropped_before_it_costs_4_mib(start_server):
    server = start_server()
    with WebSocketPeer(server.port) as busy:
        for _ in range(100):  # memory that the server needs once for such work
            busy.emit('flood', {'count': 1, 'size': 1 << 16})
            busy.text()
    before = server.counts['rss']
    with WebSocketPeer(server.port, receive_buffer=4096) as peer:
        peer.emit('flood', {'count': 200, 'size': 1 << 16})
        wait_until(lambda: 'slow client dropped' in server.log, TIMEOUT)
        wait_until(lambda: server.counts['websockets'] == 0, TIMEOUT)
        assert server.counts['rss'] - before < 4 << 20
    assert server.log.count('slow client dropped') == 1
    assert server.counts['disconnected'][-1] == 'transport close'


def test_a_client_that_reads_slowly_but_does_read_loses_nothing(own_server):
    with WebSocketPeer(own_server.port, receive_buffer=4096) as peer:
        peer.emit('flood', {'count': 20, 'size': 40_000})
        for _ in range(20):
            assert len(peer.text()) > 40_000
            time.sleep(0.005)


def test_a_polling_client_that_never_fetches_is_closed(start_server):
    server = start_server()
    polling = PollingPeer(server.port)
    http(server.port, path=f'/flood?eio={polling.eio_sid}')
    wait_until(lambda: server.counts['disconnected'] == ['transport error'], TIMEOUT)
    assert polling.get()[0] == 400
    assert server.counts['sockets'] == 0
    assert server.log.count('slow client dropped') == 1


def test_a_client_with_always_more_to_read_does_not_starve_the_others(start_server):
    server = start_server(max_backlog=1 << 24)
    with WebSocketPeer(server.port) as greedy, WebSocketPeer(server.port) as other:
        greedy.send(client_frame(event_packet('work', 5).encode()) * 500)  # 2.5 s of work, most of it in one read
        for _ in range(4):
            begin = time.monotonic()
            other.emit('echo', 1, ack=1)
            assert [other.text(), other.text()] == ['42["echoed",1]', '431[1]']
            assert time.monotonic() - begin < 1.2
    server.process.kill()  # or it would finish that work first


# ------------------------------------------------------------------ the end


def test_a_client_that_stops_answering_pings_is_closed_in_time(start_server, server):
    short = start_server(stock=server.stock, ping_interval=0.3, ping_timeout=0.5)
    begin = time.monotonic()
    with WebSocketPeer(short.port) as silent, WebSocketPeer(short.port) as alive:
        while not short.counts['disconnected']:
            alive.emit('echo', 0, ack=1)
            while alive.text() != '431[0]':
                pass
            assert time.monotonic() - begin < TIMEOUT
        waited = time.monotonic() - begin
        assert short.counts['disconnected'] == ['ping timeout']
        assert 0.8 <= waited < (4 if server.stock else 1.8)  # stock looks at each client once in a ping timeout
        assert silent.frame() == (TEXT, b'2')


def test_a_polling_client_that_vanishes_is_closed_in_time(start_server):
    server = start_server(ping_interval=0.2, ping_timeout=0.3)
    PollingPeer(server.port)
    wait_until(lambda: server.counts['disconnected'] == ['ping timeout'], 5)
    assert server.counts['sockets'] == 0


def test_what_a_client_sent_before_it_left_is_handled_though_it_can_not_be_answered(start_server):
    server = start_server()
    with WebSocketPeer(server.port) as peer:
        peer.send(client_frame(event_packet('count').encode()) * 2000)
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')  # ends with a reset
    # seldom asked: it has CLOSE_TIMEOUT seconds to handle all of it, and to count is most of its work on a busy machine
    wait_until(lambda: server.counts['disconnected'], TIMEOUT, interval=0.3)
    assert server.counts['counted'] == 2000


def test_a_client_that_breaks_the_protocol_and_closes_at_once_is_gone_at_once(own_server):
    with WebSocketPeer(own_server.port) as peer:
        peer.send(client_frame(b'x') + client_frame(b'\x03\xe8', CLOSE))
        begin = time.monotonic()
        assert peer.close_code() == 1000
        assert peer.read_all() == b''
        assert time.monotonic() - begin < 4


def test_clients_that_come_and_go_leave_nothing_behind(start_server):
    server = start_server()

    def come_and_go(times):
        for number in range(times):
            with WebSocketPeer(server.port) as peer:
                if number % 4 == 0:
                    peer.send(client_frame(b'\x03\xe8', CLOSE))
                elif number % 4 == 1:
                    peer.send_text('1')
                elif number % 4 == 2:
                    peer.send(frame(b'unmasked'))
            polling = PollingPeer(server.port)
            if number % 2:
                with upgrade(polling) as peer:
                    finish_upgrade(peer)
            else:
                polling.post('1')

        def is_empty():
            counts = server.counts
            return not counts['sockets'] + counts['environs'] + counts['websockets'] + counts['waiting'] and counts

        return wait_until(is_empty, TIMEOUT)

    first, last = come_and_go(30), come_and_go(60)
    assert last['descriptors'] == first['descriptors']
    assert last['greenlets'] <= first['greenlets'] + 2
    assert last['rss'] - first['rss'] < 4 << 20


def test_more_clients_than_allowed_get_a_503(start_server):
    server = start_server(max_connections=2)
    with WebSocketPeer(server.port):
        polling = PollingPeer(server.port)
        with WebSocketPeer(server.port, connect=False) as refused:
            assert refused.status == 503
        assert http(server.port, path=POLLING)[0] == 503
        with upgrade(polling) as peer:  # who is in may change its transport
            finish_upgrade(peer)
            peer.emit('echo', 1, ack=1)
            while peer.text() != '431[1]':
                pass
    wait_until(lambda: server.counts['sockets'] == 0)
    assert http(server.port, path=POLLING)[0] == 200


def test_sigterm_closes_websockets_with_1001_and_answers_polls(start_server):
    server = start_server()
    polling = PollingPeer(server.port)
    with WebSocketPeer(server.port) as first, WebSocketPeer(server.port) as second, Stream(server.port) as poll:
        poll.send(f'GET {polling.path} HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
        wait_until(lambda: server.counts['greenlets'], message='the poll is there')
        server.process.send_signal(signal.SIGTERM)
        assert poll.response()[2] == b'1'
        assert (first.close_code(), second.close_code()) == (1001, 1001)
        poll.sock.close()
        assert server.process.wait(TIMEOUT) == 0


def test_clients_that_do_not_answer_are_cut_off_at_sigterm(start_server):
    server = start_server(shutdown=0.3)
    with WebSocketPeer(server.port) as deaf:
        assert server.terminate() < 4
        assert deaf.frame() == (CLOSE, b'\x03\xe9')
        assert deaf.read_all() == b''
