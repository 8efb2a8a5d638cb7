"""One WebSocket over a socket pair: what a peer gets to see, without Engine.IO."""
import logging
import random
import socket
import time

import gevent
import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from chat.transport import websocket as module
from chat.transport.frames import BINARY, CLOSE, CONTINUATION, FINAL, PING, PONG, TEXT, close_frame, frame
from chat.transport.websocket import WebSocket
from tests.transport.peers import client_frame

MAX_SIZE = 1000
MAX_BACKLOG = 1 << 21


def until(condition):
    """Run the loop until the condition holds."""
    with gevent.Timeout(10):
        while not condition():
            gevent.sleep(0.005)


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    websocket = WebSocket(ours, MAX_SIZE, MAX_BACKLOG)
    yield websocket, theirs
    websocket.release()
    theirs.close()


@pytest.fixture
def websocket(ends):
    return ends[0]


@pytest.fixture
def peer(ends):
    return ends[1]


@pytest.fixture
def fresh_log(monkeypatch):
    monkeypatch.setattr(module.slow_clients, '_next', 0)


def received(peer):
    """All bytes that have arrived at the peer."""
    data = b''
    try:
        while chunk := peer.recv(1 << 20):
            data += chunk
    except OSError:
        pass
    return data


# ------------------------------------------------------------------ messages


def test_messages_arrive_whole_and_in_order(websocket):
    data = client_frame(b'one') + client_frame('zwölf'.encode()) + client_frame(b'\xff', BINARY)
    assert websocket.feed(data) == (['one', 'zwölf', b'\xff'], False)


def test_messages_arrive_whole_when_their_bytes_come_one_by_one(websocket):
    data = client_frame(b'one') + client_frame(b'x' * 200) + client_frame(b'\0\1', BINARY)
    messages = []
    for index in range(len(data)):
        messages += websocket.feed(data[index:index + 1])[0]
    assert messages == ['one', 'x' * 200, b'\0\1']
    assert all(isinstance(message, kind) for message, kind in zip(messages, (str, str, bytes), strict=True))


def test_fragments_are_joined_also_when_a_letter_is_split_between_them(websocket):
    first, second = 'ä'.encode()[:1], 'ä'.encode()[1:]
    data = (client_frame(first, first=TEXT) + client_frame(b'', first=CONTINUATION)
            + client_frame(second, first=FINAL | CONTINUATION) + client_frame(b'next'))
    assert websocket.feed(data) == (['ä', 'next'], False)


def test_binary_fragments_are_joined_to_bytes(websocket):
    data = client_frame(b'\xff', first=BINARY) + client_frame(b'\xfe', first=FINAL | CONTINUATION)
    messages, _ = websocket.feed(data)
    assert messages == [b'\xff\xfe'] and type(messages[0]) is bytes


def test_control_frames_between_fragments_are_answered_at_once(websocket, peer):
    messages, ended = websocket.feed(
        client_frame(b'a', first=TEXT) + client_frame(b'1', PING) + client_frame(b'2', PONG))
    assert (messages, ended, received(peer)) == ([], False, frame(b'1', PONG))
    assert websocket.feed(client_frame(b'b', first=FINAL | CONTINUATION)) == (['ab'], False)


def test_a_conversation_with_wsproto_ends_as_both_expect(websocket, peer):
    other = Connection(ConnectionType.CLIENT)
    data = (other.send(TextMessage('hal', message_finished=False)) + other.send(Ping(b'?'))
            + other.send(TextMessage('lo')) + other.send(BytesMessage(b'\0')))
    assert websocket.feed(data) == (['hallo', b'\0'], False)
    websocket.send('tag')
    websocket.send(b'\1')
    other.receive_data(received(peer))
    assert list(other.events()) == [Pong(b'?'), TextMessage('tag'), BytesMessage(b'\1')]
    assert websocket.feed(other.send(CloseConnection(1000))) == ([], True)
    other.receive_data(received(peer))
    assert [event.code for event in other.events()] == [1000]


def test_random_fragmentation_and_segments_give_what_was_sent(websocket):
    source = random.Random(42)
    sent, data = [], b''
    for _ in range(200):
        payload = ''.join(source.choices('aäz€😀', k=source.randrange(60)))
        sent.append(payload)
        rest, opcode = payload.encode(), TEXT
        while opcode == TEXT or rest:
            size = source.randrange(len(rest) + 1)
            is_last = size == len(rest)
            data += client_frame(rest[:size], first=opcode | (FINAL if is_last else 0), mask=source.randbytes(4))
            rest, opcode = rest[size:], CONTINUATION
            if is_last:
                break
    messages = []
    while data:
        size = source.randrange(1, 100)
        messages += websocket.feed(data[:size])[0]
        data = data[size:]
    assert messages == sent


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize(('data', 'code'), [
    (frame(b'hello'), 1002),
    (client_frame(b'', 3), 1002),
    (client_frame(b'x', first=FINAL | TEXT | 0x40), 1002),
    (client_frame(b'x', first=FINAL | CONTINUATION), 1002),
    (client_frame(b'x', first=TEXT) + client_frame(b'y', first=FINAL | TEXT), 1002),
    (client_frame(b'x', first=TEXT) + client_frame(b'y', first=BINARY), 1002),
    (client_frame(b'\x03', CLOSE), 1002),
    (client_frame(b'\x03\xed', CLOSE), 1002),
    (client_frame(b'\x03\xe8\xff', CLOSE), 1007),
    (client_frame(b'\xff'), 1007),
    (client_frame(b'\xed\xa0\x80'), 1007),
    (client_frame('ä'.encode()[:1], first=TEXT) + client_frame(b'', first=FINAL | CONTINUATION), 1007),
    (client_frame(b'x' * (MAX_SIZE + 1))[:4], 1009),
    (client_frame(b'x' * MAX_SIZE, first=TEXT) + client_frame(b'x', first=CONTINUATION)[:2], 1009),
], ids=['unmasked', 'unknown opcode', 'reserved bit', 'continuation of nothing', 'text in a fragmented text',
        'binary in a fragmented text', 'close payload of a byte', 'code 1005', 'reason not UTF-8', 'text not UTF-8',
        'surrogate', 'half a letter', 'too big by its header', 'too big with its fragments'])
def test_what_the_rfc_forbids_is_answered_by_its_close_code_and_the_end_of_sending(websocket, peer, data, code):
    good = client_frame(b'good')
    assert websocket.feed(good + data) == (['good'], False)
    assert not websocket.open
    assert received(peer) == close_frame(code)
    assert peer.recv(1) == b''
    assert websocket.feed(good) == ([], False), 'nothing is understood any more'


def test_the_peer_has_five_seconds_to_end_after_a_refusal(websocket, peer, monkeypatch):
    monkeypatch.setattr(module, 'CLOSE_TIMEOUT', 0.05)
    websocket.feed(frame(b'unmasked'))
    assert websocket.receive() == ((), False)
    until(lambda: websocket.receive() == ((), True))


def test_many_tiny_fragments_cost_linear_time(websocket):
    websocket.max_size = 1 << 20
    piece = client_frame(b'x', first=CONTINUATION) * 1000

    def seconds(count):
        begin = time.process_time()
        for _ in range(count):
            websocket.feed(piece)
        return time.process_time() - begin

    websocket.feed(client_frame(b'', first=TEXT))
    early = seconds(20)
    seconds(60)
    assert seconds(20) < 8 * early + 0.1, 'the last fragments of a long message cost as much as its first ones'


def test_a_large_frame_in_tiny_segments_costs_linear_time(websocket):
    websocket.max_size = 1 << 20
    data = client_frame(b'x' * (1 << 18))
    begin = time.process_time()
    messages = []
    for index in range(0, len(data), 8):
        messages += websocket.feed(data[index:index + 8])[0]
    assert [len(message) for message in messages] == [1 << 18]
    assert time.process_time() - begin < 3


# ------------------------------------------------------------------ the end


def test_a_close_is_echoed_with_its_code_and_ends_the_connection(websocket, peer):
    assert websocket.feed(client_frame(b'last') + client_frame(b'\x0f\xa1why', CLOSE)) == (['last'], True)
    assert received(peer) == close_frame(4001)
    websocket.send('too late')
    assert received(peer) == b''


def test_a_close_without_a_code_is_echoed_without_one(websocket, peer):
    assert websocket.feed(client_frame(b'', CLOSE)) == ([], True)
    assert received(peer) == frame(b'', CLOSE)


def test_messages_still_count_until_the_peer_answers_our_close(websocket, peer):
    websocket.close(1001)
    websocket.close(1000)
    websocket.send('nothing more')
    assert received(peer) == close_frame(1001)
    assert websocket.feed(client_frame(b'crossed')) == (['crossed'], False)
    assert websocket.feed(client_frame(b'\x03\xe9', CLOSE)) == ([], True)
    assert received(peer) == b''


def test_a_peer_that_never_answers_our_close_is_cut_off(websocket, monkeypatch):
    monkeypatch.setattr(module, 'CLOSE_TIMEOUT', 0.05)
    websocket.close()
    assert websocket.receive() == ((), False)
    until(lambda: websocket.receive() == ((), True))


def test_the_end_of_the_peer_is_told_by_receive(websocket, peer):
    assert websocket.receive() == ((), False)
    peer.send(client_frame(b'bye'))
    assert websocket.receive() == (['bye'], False)
    peer.close()
    assert websocket.receive() == ((), True)


def test_writing_to_a_peer_that_is_gone_is_harmless(websocket, peer):
    peer.close()
    websocket.send('hello')
    websocket.send('hello')
    assert websocket.receive() == ((), True)


# ------------------------------------------------------------------ slow peers


def test_what_the_kernel_does_not_take_follows_whole_and_in_order(websocket, peer):
    sent = b''
    for number in range(9):
        data = frame(bytes([number]) * 100_000, BINARY)
        websocket.write(data)
        sent += data
    got = bytearray()

    def read():
        got.extend(received(peer))
        return len(got) >= len(sent)

    until(read)
    assert bytes(got) == sent and websocket.open
    websocket.send('again')
    assert received(peer) == frame(b'again')


def test_a_peer_that_reads_nothing_is_dropped_with_one_log_line(websocket, peer, caplog, fresh_log):
    data = frame(b'x' * 50_000)
    written = 0
    while websocket.open:
        websocket.write(data)
        written += len(data)
        assert written < 4 << 20
    assert websocket.receive() == ((), True)
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (logging.WARNING, 'slow client dropped')]


def test_a_peer_that_kept_up_may_get_more_than_the_backlog_at_once(websocket, peer):
    websocket.max_backlog = 1000
    data = frame(b'x' * (1 << 21))
    websocket.write(data)
    got = bytearray()
    until(lambda: got.extend(received(peer)) or len(got) == len(data))
    assert websocket.open


def test_a_peer_that_reads_is_not_dropped_because_the_loop_was_busy_meanwhile(websocket, peer):
    first, data = frame(b'x' * 1_500_000), frame(b'x' * 50_000)
    websocket.write(first)
    got = bytearray()
    for _ in range(100):
        websocket.write(data)
        got.extend(received(peer))
    until(lambda: got.extend(received(peer)) or len(got) == len(first) + 100 * len(data))
    assert websocket.open


def test_a_peer_that_pings_without_reading_is_dropped(websocket, caplog, fresh_log):
    websocket.max_backlog = 10_000
    pings = client_frame(b'x' * 125, PING) * 100
    for _ in range(1000):
        websocket.feed(pings)
        if not websocket.open:
            break
    assert not websocket.open
    assert websocket.feed(pings) == ([], False)


def test_a_close_frame_comes_behind_what_waits(websocket, peer):
    data = frame(b'x' * 900_000)
    websocket.write(data)
    websocket.close(1001)
    got = bytearray()
    until(lambda: got.extend(received(peer)) or len(got) >= len(data) + 4)
    assert bytes(got) == data + close_frame(1001)
