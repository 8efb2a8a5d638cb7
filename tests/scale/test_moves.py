"""Connection state recovery in another process than the one in which the line was lost."""
import threading
from collections import Counter

import pytest

from tests.support.proxy import CuttingProxy
from tests.support.sockets import expect_ok
from tests.support.waiting import wait_until

AT_ONCE = {'reconnection': True, 'reconnectionDelay': 10, 'reconnectionDelayMax': 10, 'randomizationFactor': 0,
           'transports': ['websocket']}


@pytest.fixture
def lines(processes):
    """Lines that can be cut, to the first process until they lead to another one."""
    proxy = CuttingProxy(processes[0].port)
    yield proxy
    proxy.close()


@pytest.fixture
def pair(https, people):
    """(two users, the id of a room of theirs)."""
    ann, bob = people(2)
    room = https[0].as_user(ann).post('/api/rooms', {'name': 'x'}).json()['room']
    assert https[1].as_user(bob).post('/api/rooms/join', {'roomId': room['id']}).status_code == 200
    return ann, bob, room['id']


def move(lines, processes, client, number):
    """Cut the client off, and let it come back to another process."""
    lines.lead_to(processes[number].port)
    lines.cut()
    client.expect('disconnect')
    client.wait_connected()


def contents(client):
    return [message['content'] for message in client.received('receive_message')]


def test_whoever_comes_back_to_another_process_is_who_it_was_and_has_missed_nothing(lines, processes, pair, open_socket, connect_to):
    ann, bob, room = pair
    client, sender = open_socket(lines, bob, **AT_ONCE), connect_to(2, ann)
    expected, before = [], client.id

    def say(content):
        expected.append(content)
        expect_ok(sender.call('send_message', {'roomId': room, 'content': content}))

    say('there')
    client.expect('receive_message')
    for number in (1, 2, 1, 0):  # to another one, once more, and back
        lines.refusing.set()
        lines.cut()
        client.expect('disconnect')
        say(f'missed before {number}')
        lines.lead_to(processes[number].port)
        lines.refusing.clear()
        client.wait_connected()
        assert client.recovered is True and client.id == before
        say(f'with {number}')
        wait_until(lambda: contents(client) == expected, 5, lambda: f'{contents(client)} instead of {expected}')
    assert expect_ok(client.call('send_message', {'roomId': room, 'content': 'mine'}))


def test_whoever_was_told_nothing_yet_has_missed_nothing_from_before_it_began(lines, processes, pair, open_socket, connect_to):
    ann, bob, room = pair
    earlier, sender = connect_to(0, bob), connect_to(0, ann)
    expect_ok(sender.call('send_message', {'roomId': room, 'content': 'before'}))
    earlier.expect('receive_message')
    client = open_socket(lines, bob, **AT_ONCE)
    lines.refusing.set()
    lines.cut()
    client.expect('disconnect')
    expect_ok(sender.call('send_message', {'roomId': room, 'content': 'missed'}))
    lines.lead_to(processes[1].port)
    lines.refusing.clear()
    client.wait_connected()
    client.expect('receive_message')
    assert client.recovered and contents(client) == ['missed']


def test_nothing_is_lost_or_doubled_by_a_move_while_all_processes_tell_of_messages(lines, processes, pair, open_socket, connect_to):
    ann, bob, room = pair
    client = open_socket(lines, bob, **AT_ONCE)
    senders = [connect_to(number, ann) for number in range(3)]
    is_over, sent = threading.Event(), []

    def send(number):
        for count in range(10_000):
            if is_over.is_set():
                return
            content = f'{number}.{count}'
            expect_ok(senders[number].call('send_message', {'roomId': room, 'content': content}))
            sent.append(content)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        recovered = []
        for number in (1, 2, 0, 1, 0, 2):
            count = len(contents(client))
            move(lines, processes, client, number)
            recovered.append(client.recovered)
            wait_until(lambda count=count: len(contents(client)) > count + 20, 10)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    wait_until(lambda: len(contents(client)) >= len(sent), 5)
    told = contents(client)
    assert [content for content, count in Counter(told).items() if count > 1] == []
    assert set(told) == set(sent)
    ids = [message['id'] for message in client.received('receive_message')]
    assert ids == sorted(ids)
    assert all(recovered)


def test_a_client_whose_process_is_gone_begins_anew(lines, pair, open_socket, processes):
    _, bob, _ = pair
    client = open_socket(lines, bob, **AT_ONCE)
    before = client.id
    lines.refusing.set()
    lines.lead_to(processes[1].port)
    processes[0].kill()
    processes[0].start()
    lines.cut()
    client.expect('disconnect')
    lines.refusing.clear()
    client.wait_connected()
    assert client.recovered is False and client.id != before
