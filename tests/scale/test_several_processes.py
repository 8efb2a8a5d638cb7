"""What one process promises, three of them promise together: whoever is connected to which."""
import threading

import pytest

from tests.support.sockets import expect_failure, expect_ok
from tests.support.waiting import wait_until


@pytest.fixture
def room(https, people):
    """(a public room, its three members), made and joined by three processes."""
    users = people(3)
    room = https[0].as_user(users[0]).post('/api/rooms', {'name': 'tea'}).json()['room']
    for http, user in zip(https[1:], users[1:], strict=True):
        assert http.as_user(user).post('/api/rooms/join', {'roomId': room['id']}).status_code == 200
    return room, users


def test_a_room_message_reaches_the_members_in_every_process_once(room, connect_to):
    room, users = room
    clients = [connect_to(number, user) for number, user in enumerate(users)]
    for number, client in enumerate(clients):
        message = expect_ok(client.call('send_message', {'roomId': room['id'], 'content': f'from {number}'}))['message']
        for other in clients:
            assert other.expect('receive_message')['id'] == message['id']
    for client in clients:
        client.expect_nothing('receive_message')


def test_messages_sent_by_all_processes_at_once_come_to_all_in_one_order(room, connect_to, https):
    room, users = room
    clients = [connect_to(number, user) for number, user in enumerate(users)]

    def send(client, name):
        for number in range(60):
            expect_ok(client.call('send_message', {'roomId': room['id'], 'content': f'{name} {number}'}))

    threads = [threading.Thread(target=send, args=(client, name)) for client, name in zip(clients, 'abc', strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = https[0].as_user(users[0]).get(f'/api/rooms/{room["id"]}/messages?limit=100').json()['messages']
    for client in clients:
        told = [client.expect('receive_message')['id'] for _ in range(180)]
        assert told == sorted(told)
        assert told[-100:] == [message['id'] for message in stored]
        client.expect_nothing('receive_message')


def test_a_direct_message_reaches_its_receiver_and_the_senders_other_connections(people, connect_to):
    ann, bob = people(2)
    here, there, listener = connect_to(0, ann), connect_to(1, ann), connect_to(2, bob)
    message = expect_ok(here.call('send_message', {'toUserId': bob.id, 'content': 'hello'}))['message']
    assert listener.expect('newMessage')['id'] == message['id']
    assert there.expect('message_sent')['id'] == message['id']
    here.expect_nothing('message_sent')


def test_whoever_joined_by_another_process_gets_the_next_message(room, people, https, connect_to):
    room, users = room
    newcomer, = people(1)
    listener, sender = connect_to(1, newcomer), connect_to(2, users[2])
    assert https[0].as_user(newcomer).post('/api/rooms/join', {'roomId': room['id']}).status_code == 200
    message = expect_ok(sender.call('send_message', {'roomId': room['id'], 'content': 'welcome'}))['message']
    assert listener.expect('receive_message')['id'] == message['id']
    assert https[2].as_user(users[2]).delete(f'/api/rooms/{room["id"]}/members/{users[2].id}').status_code == 204
    expect_failure(sender.call('send_message', {'roomId': room['id'], 'content': 'too late'}), 'forbidden')


def test_whoever_was_removed_by_another_process_gets_nothing_more(room, https, connect_to):
    room, users = room
    removed, sender = connect_to(1, users[1]), connect_to(2, users[2])
    assert https[0].as_user(users[0]).delete(f'/api/rooms/{room["id"]}/members/{users[1].id}').status_code == 204
    assert removed.expect('member_left')['userId'] == users[1].id
    expect_ok(sender.call('send_message', {'roomId': room['id'], 'content': 'among us'}))
    removed.expect_nothing('receive_message')


def test_edits_deletions_and_reactions_reach_the_others_in_their_order(room, connect_to):
    room, users = room
    clients = [connect_to(number, user) for number, user in enumerate(users)]
    message = expect_ok(clients[0].call('send_message', {'roomId': room['id'], 'content': 'first'}))['message']
    expect_ok(clients[0].call('edit_message', {'messageId': message['id'], 'content': 'second'}))
    expect_ok(clients[1].call('react', {'messageId': message['id'], 'emoji': '👍'}))
    expect_ok(clients[0].call('edit_message', {'messageId': message['id'], 'content': 'third'}))
    expect_ok(clients[0].call('delete_message', {'messageId': message['id']}))
    for client in clients:
        assert client.expect('message_updated')['content'] == 'second'
        assert client.expect('reaction')['emoji'] == '👍'
        assert client.expect('message_updated')['content'] == 'third'
        assert client.expect('message_deleted')['id'] == message['id']


def test_receipts_and_unread_counts_are_those_of_all_processes(people, https, connect_to):
    ann, bob = people(2)
    sender = connect_to(0, ann)
    message = expect_ok(sender.call('send_message', {'toUserId': bob.id, 'content': 'read me'}))['message']
    assert next(room for room in https[2].as_user(bob).get('/api/conversations').json()
                if room['id'] == message['roomId'])['unreadCount'] == 1
    expect_ok(connect_to(1, bob).call('read_receipt', {'messageId': message['id']}))
    assert sender.expect('read_receipt')['messageId'] == message['id']
    for http in https:
        of_bob = next(room for room in http.as_user(bob).get('/api/conversations').json() if room['id'] == message['roomId'])
        assert of_bob['unreadCount'] == 0
        assert http.as_user(ann).get(f'/api/messages/{bob.id}').json()[-1]['readAt'] is not None


def test_who_is_online_is_known_to_all_and_told_once(room, https, connect_to):
    room, (ann, bob, eve) = room
    watcher = connect_to(0, ann)
    clients = [connect_to(1, bob), connect_to(2, bob)]
    assert watcher.expect('user_status')['userId'] == bob.id
    for http in https:
        assert http.as_user(eve).get(f'/api/users/{bob.id}').json()['online'] is True
    clients[0].close()
    watcher.expect_nothing('user_status')
    clients[1].close()
    told = watcher.expect('user_status', timeout=10)
    assert (told['userId'], told['online']) == (bob.id, False)
    watcher.expect_nothing('user_status')
    for http in https:
        seen = http.as_user(eve).get(f'/api/users/{bob.id}').json()
        assert seen['online'] is False and seen['lastSeen'] == told['lastSeen']


def test_typing_ends_with_the_last_connection_whichever_process_it_is_with(room, connect_to):
    room, (ann, bob, _) = room
    watcher, clients = connect_to(0, ann), [connect_to(1, bob), connect_to(2, bob)]
    for client in clients:
        expect_ok(client.call('typing', {'roomId': room['id'], 'isTyping': True}))
        assert watcher.expect('typing')['isTyping'] is True
    clients[0].close()
    watcher.expect_nothing('typing')
    expect_ok(clients[1].call('typing', {'roomId': room['id'], 'isTyping': False}))
    assert watcher.expect('typing')['isTyping'] is False


def test_whoever_is_blocked_by_another_process_sees_the_blocker_stop_typing(room, https, connect_to):
    room, (ann, bob, _) = room
    viewer, blocker = connect_to(0, ann), connect_to(1, bob)
    expect_ok(blocker.call('typing', {'roomId': room['id'], 'isTyping': True}))
    assert viewer.expect('typing')['isTyping'] is True
    assert https[2].as_user(bob).put(f'/api/users/{ann.id}/block').status_code == 204
    assert viewer.expect('typing')['isTyping'] is False


def test_a_call_that_is_over_is_listed_at_once_by_every_process(people, https, connect_to):
    ann, bob = people(2)
    caller, phone = connect_to(0, ann), connect_to(1, bob)
    for _ in range(3):
        call_id = expect_ok(caller.call('callUser', {'to': bob.id}))['callId']
        phone.expect('callUser')
        expect_ok(phone.call('endCall', {'to': ann.id}))
        caller.expect('endCall')
        for http in https[:2]:
            assert http.as_user(ann).get('/api/calls').json()[0]['id'] == call_id


def test_a_call_goes_between_processes_from_ringing_to_its_end(people, https, connect_to):
    ann, bob = people(2)
    caller, phones = connect_to(0, ann, '/call'), [connect_to(1, bob, '/call'), connect_to(2, bob, '/call')]
    call_id = expect_ok(caller.call('callUser', {'to': bob.id, 'offer': {'sdp': 'o'}}))['callId']
    for phone in phones:
        assert phone.expect('callUser') == {'offer': {'sdp': 'o'}, 'from': ann.id, 'callId': call_id}
    expect_ok(phones[1].call('makeAnswer', {'to': ann.id, 'answer': 'a'}))
    assert caller.expect('makeAnswer')['answer'] == 'a'
    assert phones[0].expect('endCall')['reason'] == 'answered_elsewhere'
    expect_failure(phones[0].call('iceCandidate', {'to': ann.id, 'candidate': 'x'}), 'not_found')
    expect_ok(caller.call('iceCandidate', {'to': bob.id, 'candidate': b'\x00\xff'}))
    assert phones[1].expect('iceCandidate')['candidate'] == b'\x00\xff'
    third, = people(1)
    expect_failure(connect_to(0, third, '/call').call('callUser', {'to': bob.id, 'offer': 1}), 'busy')
    phones[1].close()
    assert caller.expect('endCall')['reason'] == 'disconnected'
    expect_ok(phones[0].call('callUser', {'to': ann.id, 'offer': 1}))
    wait_until(lambda: [call['outcome'] for call in https[2].as_user(ann).get('/api/calls').json()] == ['failed'], 5)


def test_of_two_who_call_each_other_at_once_one_call_comes(people, connect_to):
    ann, bob = people(2)
    for _ in range(10):
        clients = connect_to(0, ann, '/call'), connect_to(1, bob, '/call')
        answers = [client.call_async('callUser', {'to': other.id, 'offer': 1})
                   for client, other in zip(clients, (bob, ann), strict=True)]
        first, second = (expect_ok(answer.result(5)) for answer in answers)
        assert first['callId'] == second['callId']
        assert [first.get('incoming', False), second.get('incoming', False)].count(True) == 1
        expect_ok(clients[0].call('endCall', {'to': bob.id}))
        for client in clients:
            client.close()


def test_a_sign_in_that_ends_is_over_in_every_process(people, https, connect_to):
    ann, = people(1)
    client = connect_to(1, ann)
    assert https[2].as_user(ann).get('/api/users/me').status_code == 200
    assert https[0].as_user(ann).post('/api/auth/logout').status_code == 200
    assert client.expect('error', timeout=1)['code'] == 'unauthorized'
    wait_until(lambda: https[2].as_user(ann).get('/api/users/me').status_code == 401, 1)


def test_a_block_holds_in_every_process(people, https, connect_to):
    ann, bob = people(2)
    sender = connect_to(2, bob)
    expect_ok(sender.call('send_message', {'toUserId': ann.id, 'content': 'hello'}))
    assert https[0].as_user(ann).put(f'/api/users/{bob.id}/block').status_code == 204
    wait_until(lambda: sender.call('send_message', {'toUserId': ann.id, 'content': 'again'})['ok'] is False, 2)


def test_who_is_in_a_room_is_known_to_all_though_others_join_that_are_in_it_already(room, people, https):
    room, users = room
    newcomers = people(30)
    threads = [threading.Thread(target=https[number % 3].as_user(user).post, args=('/api/rooms/join', {'roomId': room['id']}))
               for number, user in enumerate([user for pair in zip(newcomers, users * 10, strict=True) for user in pair])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for user in newcomers:
        for http in https:
            wait_until(lambda http=http, user=user: http.as_user(user).get(f'/api/rooms/{room["id"]}/messages').status_code == 200, 2)


def test_whatever_one_process_passes_on_of_a_call_several_do(people, connect_to):
    ann, bob = people(2)
    caller, phone = connect_to(0, ann, '/call'), connect_to(1, bob, '/call')
    offer = {'half of a pair': '\ud800', '\udfff': [73786976294838210000, 1.5, None]}  # 2 ** 66, as JavaScript writes it
    expect_ok(caller.call('callUser', {'to': bob.id, 'offer': offer}))
    assert phone.expect('callUser')['offer'] == offer
