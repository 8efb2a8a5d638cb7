"""RFC 6455 as functions of bytes, alone and against wsproto as a second opinion."""
import os
import random

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Ping, TextMessage
from wsproto.utilities import generate_accept_token

from chat.transport.frames import (
    BAD_DATA,
    BINARY,
    CLOSE,
    CONTINUATION,
    FINAL,
    PING,
    PONG,
    PROTOCOL_ERROR,
    TEXT,
    TOO_BIG,
    ProtocolError,
    check_close,
    close_frame,
    frame,
    handshake,
    next_frame,
    unmask,
)
from tests.transport.peers import client_frame

SIZES = (0, 1, 4, 125, 126, 127, 65535, 65536, 70001)
LIMIT = 1 << 18
REQUEST = {  # the example of section 1.3
    'REQUEST_METHOD': 'GET', 'SERVER_PROTOCOL': 'HTTP/1.1', 'HTTP_UPGRADE': 'websocket', 'HTTP_CONNECTION': 'Upgrade',
    'HTTP_SEC_WEBSOCKET_VERSION': '13', 'HTTP_SEC_WEBSOCKET_KEY': 'dGhlIHNhbXBsZSBub25jZQ==',
}


def refusal(data, max_size=LIMIT):
    with pytest.raises(ProtocolError) as raised:
        next_frame(data, 0, max_size)
    return raised.value.code


# ------------------------------------------------------------------ handshake


def test_the_handshake_of_the_rfc_is_answered_as_the_rfc_does():
    lines = handshake(REQUEST).split(b'\r\n')
    assert lines[0] == b'HTTP/1.1 101 Switching Protocols'
    assert b'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=' in lines
    assert lines[-2:] == [b'', b'']


def test_the_accept_token_is_the_one_that_wsproto_expects():
    key = 'AAECAwQFBgcICQoLDA0ODw=='
    assert generate_accept_token(key.encode()) in handshake(REQUEST | {'HTTP_SEC_WEBSOCKET_KEY': key})


def test_compression_and_subprotocols_are_never_granted():
    answer = handshake(REQUEST | {'HTTP_SEC_WEBSOCKET_EXTENSIONS': 'permessage-deflate; client_max_window_bits',
                                  'HTTP_SEC_WEBSOCKET_PROTOCOL': 'chat'})
    assert b'extensions' not in answer.lower() and b'protocol:' not in answer.lower()


@pytest.mark.parametrize('connection', ['upgrade', 'keep-alive, Upgrade', 'UPGRADE ,keep-alive'])
def test_the_connection_header_may_name_more_than_the_upgrade(connection):
    assert handshake(REQUEST | {'HTTP_CONNECTION': connection, 'HTTP_UPGRADE': 'WebSocket'})


@pytest.mark.parametrize('change', [
    {'REQUEST_METHOD': 'POST'},
    {'SERVER_PROTOCOL': 'HTTP/1.0'},
    {'HTTP_UPGRADE': 'h2c'},
    {'HTTP_CONNECTION': 'keep-alive'},
    {'HTTP_SEC_WEBSOCKET_VERSION': '8'},
    {'HTTP_SEC_WEBSOCKET_KEY': ''},
    {'HTTP_SEC_WEBSOCKET_KEY': 'dGhlIHNhbXBsZQ=='},
    {'HTTP_SEC_WEBSOCKET_KEY': 'dGhlIHNhbXBsZSBub25jZQ'},
    {'HTTP_SEC_WEBSOCKET_KEY': 'ÄÖÜhlIHNhbXBsZSBub25jZQ='},
    {'CONTENT_LENGTH': '5'},
    {'HTTP_TRANSFER_ENCODING': 'chunked'},
], ids=lambda change: ' '.join(change))
def test_an_improper_handshake_is_refused(change):
    assert handshake(REQUEST | change) is None


@pytest.mark.parametrize('missing', [name for name in REQUEST if name.startswith('HTTP_')])
def test_a_handshake_without_one_of_its_headers_is_refused(missing):
    assert handshake({name: value for name, value in REQUEST.items() if name != missing}) is None


# ------------------------------------------------------------------ frames and masks


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('mask', [b'\0\0\0\0', b'\xff\xff\xff\xff', b'\x01\x02\x03\x04', b'\x00\xff\x00\x80'])
def test_a_frame_of_every_length_and_mask_is_read_back(size, mask):
    payload = os.urandom(size)
    data = client_frame(payload, BINARY, mask=mask)
    assert next_frame(data, 0, LIMIT) == (FINAL | BINARY, payload, len(data))


@pytest.mark.parametrize('length', range(10))
def test_unmasking_is_a_bytewise_xor_that_starts_over_every_four_bytes(length):
    payload, mask = os.urandom(length), os.urandom(4)
    assert unmask(payload, mask) == bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def test_the_masked_hello_of_the_rfc_is_read():
    data = bytes.fromhex('818537fa213d7f9f4d5158')  # section 5.7
    assert next_frame(data, 0, LIMIT) == (FINAL | TEXT, b'Hello', len(data))


@pytest.mark.parametrize('size', [0, 5, 125, 126, 300, 65535, 65536])
def test_no_part_of_a_frame_is_taken_for_all_of_it(size):
    data = client_frame(b'x' * size)
    for end in {*range(min(len(data), 20)), len(data) - 1}:
        assert next_frame(data[:end], 0, LIMIT) is None


def test_frames_are_read_from_any_position_in_a_buffer():
    data = bytearray(b'???' + client_frame(b'one') + client_frame(b'two'))
    _, payload, end = next_frame(data, 3, LIMIT)
    assert payload == b'one'
    assert next_frame(data, end, LIMIT) == (FINAL | TEXT, b'two', len(data))


@pytest.mark.parametrize('size', SIZES)
def test_wsproto_reads_what_is_framed_here(size):
    text = 'ä' * (size // 2) + 'x' * (size % 2)
    peer = Connection(ConnectionType.CLIENT)
    peer.receive_data(frame(text.encode()))
    assert ''.join(event.data for event in peer.events() if isinstance(event, TextMessage)) == text


def test_wsproto_reads_our_pings_and_closes():
    peer = Connection(ConnectionType.CLIENT)
    peer.receive_data(frame(b'now', PING) + close_frame(1001))
    ping, close = peer.events()
    assert (ping, close.code) == (Ping(b'now'), 1001)


@pytest.mark.parametrize('size', SIZES)
def test_what_wsproto_sends_is_read_here(size):
    data = Connection(ConnectionType.CLIENT).send(TextMessage('x' * size))
    assert next_frame(data, 0, LIMIT) == (FINAL | TEXT, b'x' * size, len(data))


def test_a_close_of_wsproto_is_read_here():
    data = Connection(ConnectionType.CLIENT).send(CloseConnection(1000, 'bye'))
    assert next_frame(data, 0, LIMIT)[:2] == (FINAL | CLOSE, b'\x03\xe8bye')


def test_random_bytes_end_in_frames_more_bytes_wanted_or_a_refusal_and_nothing_else():
    source = random.Random(6455)
    for _ in range(3000):
        data = source.randbytes(source.randrange(20))
        try:
            parsed = next_frame(data, 0, LIMIT)
        except ProtocolError as error:
            assert error.code in (PROTOCOL_ERROR, TOO_BIG)
        else:
            assert parsed is None or parsed[2] <= len(data)


# ------------------------------------------------------------------ refused from the header on


def test_an_unmasked_frame_is_refused_with_1002():
    assert refusal(frame(b'hello')[:2]) == PROTOCOL_ERROR


@pytest.mark.parametrize('bit', [0x40, 0x20, 0x10])
def test_a_reserved_bit_is_refused_with_1002(bit):
    assert refusal(client_frame(b'x', first=FINAL | TEXT | bit)[:2]) == PROTOCOL_ERROR


@pytest.mark.parametrize('opcode', [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF])
def test_an_unknown_opcode_is_refused_with_1002(opcode):
    assert refusal(client_frame(b'', opcode)[:2]) == PROTOCOL_ERROR


@pytest.mark.parametrize('opcode', [CLOSE, PING, PONG])
def test_a_control_frame_that_is_long_or_fragmented_is_refused_with_1002(opcode):
    assert refusal(client_frame(b'x' * 126, opcode)[:2]) == PROTOCOL_ERROR
    assert refusal(client_frame(b'x', first=opcode)[:2]) == PROTOCOL_ERROR


@pytest.mark.parametrize('header', [
    b'\x81\xfe' + (126).to_bytes(2, 'big'), b'\x81\xff' + (70_000).to_bytes(8, 'big'), b'\x81\xff\x40' + bytes(7),
], ids=['126', '70,000', '2 to the 62nd'])
def test_a_frame_above_the_limit_is_refused_with_1009_before_its_payload(header):
    assert refusal(header, 125) == TOO_BIG


def test_a_frame_of_exactly_the_limit_is_taken():
    assert next_frame(client_frame(b'x' * 1000), 0, 1000)
    assert refusal(client_frame(b'x' * 1001)[:4], 1000) == TOO_BIG


@pytest.mark.parametrize('header', [
    b'\x81\xfe\x00\x7d', b'\x81\xff' + bytes(6) + b'\xff\xff', b'\x81\xff\x80' + bytes(7),
], ids=['125 in two bytes', '65535 in eight bytes', 'the highest bit'])
def test_a_length_that_is_not_the_shortest_possible_is_refused_with_1002(header):
    assert refusal(header, 1 << 63) == PROTOCOL_ERROR


def test_a_continuation_frame_is_no_business_of_the_header():
    assert next_frame(client_frame(b'x', first=CONTINUATION), 0, LIMIT)[0] == CONTINUATION


# ------------------------------------------------------------------ close codes


@pytest.mark.parametrize('payload', [
    b'', *(code.to_bytes(2, 'big') for code in (1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 4999)),
    b'\x03\xe8' + 'tschüß'.encode(),
])
def test_a_proper_close_payload_is_taken(payload):
    check_close(payload)


@pytest.mark.parametrize('payload', [
    b'\x03', *(code.to_bytes(2, 'big') for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)),
])
def test_an_improper_close_code_is_refused_with_1002(payload):
    with pytest.raises(ProtocolError) as raised:
        check_close(payload)
    assert raised.value.code == PROTOCOL_ERROR


def test_a_close_reason_that_is_not_utf8_is_refused_with_1007():
    with pytest.raises(ProtocolError) as raised:
        check_close(b'\x03\xe8\xff')
    assert raised.value.code == BAD_DATA
