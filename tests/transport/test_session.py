"""What waits for polling clients, and what clients may send, without a server."""
import random

import gevent
import pytest
from engineio import exceptions, packet

from chat.transport.packets import MalformedPacket, decode_packet
from chat.transport.session import PollQueue, QueueFull

MESSAGE = packet.Packet(packet.MESSAGE, 'hello')


def encoded(packets):
    return [pkt.encode() for pkt in packets]


# ------------------------------------------------------------------ the queue


def test_all_that_waits_is_taken_at_once_and_in_order():
    queue = PollQueue(10_000)
    queue.put(MESSAGE)
    queue.put(packet.Packet(packet.MESSAGE, 'world'))
    assert encoded(queue.take(1)) == ['4hello', '4world']


def test_taking_waits_for_the_first_packet():
    queue = PollQueue(10_000)
    gevent.spawn_later(0.01, queue.put, MESSAGE)
    assert encoded(queue.take(10)) == ['4hello']
    with pytest.raises(exceptions.QueueEmpty):
        queue.take(0.01)


def test_of_two_that_wait_one_gets_the_packet_and_the_other_a_noop():
    queue = PollQueue(10_000)
    polls = [gevent.spawn(queue.take, 10) for _ in range(2)]
    gevent.sleep(0)
    queue.put(MESSAGE)
    gevent.joinall(polls, timeout=10)
    assert sorted(encoded(poll.value)[0] for poll in polls) == ['4hello', '6']


def test_the_end_comes_behind_what_waits_and_stays():
    queue = PollQueue(10_000)
    queue.put(MESSAGE)
    queue.put(None)
    queue.put(MESSAGE)
    assert [encoded(queue.take(1)) for _ in range(3)] == [['4hello'], ['1'], ['1']]


@pytest.mark.parametrize('data', ['', 'x' * 1000, '😀' * 1000, b'x' * 1000, None])
def test_what_waits_is_bounded_in_bytes_and_forgotten_when_it_is_too_much(data):
    queue, count = PollQueue(100_000), 0
    with pytest.raises(QueueFull):
        while count < 1000:
            queue.put(packet.Packet(packet.MESSAGE, data))
            count += 1
    assert count * (4 if data and '😀' in str(data) else 1) * len(data or '') < 100_000
    queue.put(MESSAGE)
    assert encoded(queue.take(1)) == ['1']


def test_what_was_taken_makes_room():
    queue = PollQueue(10_000)
    for _ in range(1000):
        queue.put(MESSAGE)
        assert encoded(queue.take(1)) == ['4hello']


def test_joining_never_waits():
    queue = PollQueue(10_000)
    queue.put(MESSAGE)
    assert queue.join() is None


# ------------------------------------------------------------------ packets


@pytest.mark.parametrize(('text', 'kind', 'data'), [
    ('42["a"]', packet.MESSAGE, '2["a"]'),
    ('4{"a":1}', packet.MESSAGE, '{"a":1}'),
    ('4', packet.MESSAGE, ''),
    ('2probe', packet.PING, 'probe'),
    ('3', packet.PONG, ''),
    ('bAP8=', packet.MESSAGE, b'\0\xff'),
    (b'\0\xff', packet.MESSAGE, b'\0\xff'),
])
def test_a_packet_is_decoded_and_its_data_is_left_as_it_is(text, kind, data):
    pkt = decode_packet(text)
    assert (pkt.packet_type, pkt.data) == (kind, data)
    assert pkt.binary == isinstance(data, bytes)


@pytest.mark.parametrize('text', ['', '7', '9', 'x', '-1', '²', '٣', 'b#', 'bAP8', 'bä', ' 4', '\x1e'])
def test_a_malformed_packet_is_told_from_all_others(text):
    with pytest.raises(MalformedPacket):
        decode_packet(text)


def test_random_text_is_a_packet_or_malformed_and_nothing_else():
    source = random.Random(4)
    for _ in range(3000):
        text = ''.join(source.choices('0123456789b{}[]",=AZä²\0', k=source.randrange(6)))
        try:
            decode_packet(text)
        except MalformedPacket:
            pass
