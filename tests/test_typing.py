"""Typing, in rooms and to users."""
import pytest

from tests.support.sockets import expect_failure, expect_ok


@pytest.fixture
def room(http, new_user):
    """(room, its three members)."""
    users = [new_user() for _ in range(3)]
    room = http.as_user(users[0]).post('/api/rooms', {'name': 'x'}).json()['room']
    for user in users[1:]:
        http.as_user(user).post('/api/rooms/join', {'roomId': room['id']})
    return room, users


def test_the_other_members_are_told_who_types_and_who_stops(room, connect):
    room, (ann, bob, eve) = room
    client, own, others = connect(ann), connect(ann), [connect(bob), connect(eve, '/chat')]
    for is_typing in (True, True, False):
        expect_ok(client.call('typing', {'roomId': room['id'], 'isTyping': is_typing}))
        for other in others:
            assert other.expect('typing') == {'roomId': room['id'], 'userId': ann.id, 'isTyping': is_typing}
    expect_ok(client.call('typing', {'roomId': room['id'], 'isTyping': False}))
    others[0].expect_nothing('typing')
    own.expect_nothing('typing')
    client.expect_nothing('typing')


def test_typing_to_a_user_names_their_room(new_user, connect, http):
    ann, bob = new_user(), new_user()
    listener = connect(bob)
    expect_ok(connect(ann).call('typing', {'toUserId': bob.id, 'isTyping': True}))
    told = listener.expect('typing')
    assert (told['userId'], told['isTyping']) == (ann.id, True)
    message = http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'x'}).json()
    assert message['roomId'] == told['roomId']


def test_typing_alone_opens_no_conversation(new_user, connect, http):
    ann, bob = new_user(), new_user()
    expect_ok(connect(ann).call('typing', {'toUserId': bob.id, 'isTyping': True}))
    assert [room['kind'] for room in http.as_user(bob).get('/api/conversations').json()] == ['lobby']


@pytest.mark.parametrize('end', ['disconnect', 'drop'])
def test_a_connection_that_closes_stops_typing(room, connect, end):
    room, (ann, bob, _) = room
    client, listener = connect(ann), connect(bob)
    expect_ok(client.call('typing', {'roomId': room['id'], 'isTyping': True}))
    assert listener.expect('typing')['isTyping'] is True
    getattr(client, end)()
    assert listener.expect('typing')['isTyping'] is False


@pytest.mark.once
def test_who_never_says_stop_is_stopped_all_the_same(room, connect):
    room, (ann, bob, _) = room
    client, listener = connect(ann), connect(bob)
    expect_ok(client.call('typing', {'roomId': room['id'], 'isTyping': True}))
    assert listener.expect('typing')['isTyping'] is True
    assert listener.expect('typing', timeout=15)['isTyping'] is False


@pytest.mark.parametrize('way', ['leaves', 'is removed'])
def test_a_member_who_is_no_longer_in_the_room_stops_typing_there(room, connect, http, way):
    room, (ann, bob, eve) = room
    client, listener = connect(bob), connect(eve)
    expect_ok(client.call('typing', {'roomId': room['id'], 'isTyping': True}))
    assert listener.expect('typing')['isTyping'] is True
    sent_by = bob if way == 'leaves' else ann
    assert http.as_user(sent_by).delete(f'/api/rooms/{room["id"]}/members/{bob.id}').status_code == 204
    assert listener.expect('typing', timeout=2) == {'roomId': room['id'], 'userId': bob.id, 'isTyping': False}
    assert listener.expect('member_left')['userId'] == bob.id


def test_typing_on_two_connections_ends_with_the_last(room, connect):
    room, (ann, bob, _) = room
    clients, listener = [connect(ann), connect(ann)], connect(bob)
    for client in clients:
        expect_ok(client.call('typing', {'roomId': room['id'], 'isTyping': True}))
        assert listener.expect('typing')['isTyping'] is True
    expect_ok(clients[0].call('typing', {'roomId': room['id'], 'isTyping': False}))
    listener.expect_nothing('typing')
    clients[1].disconnect()
    assert listener.expect('typing')['isTyping'] is False


def test_there_is_no_typing_in_the_lobby_nor_in_foreign_rooms(new_user, connect, http, room):
    ann, listener = new_user(), connect(new_user())
    lobby = http.as_user(ann).post('/api/messages/send', {'content': 'x'}).json()['roomId']
    client = connect(ann)
    expect_ok(client.call('typing', {'roomId': lobby, 'isTyping': True}))
    listener.expect_nothing('typing')
    expect_failure(client.call('typing', {'roomId': room[0]['id'], 'isTyping': True}), 'forbidden')
    expect_failure(client.call('typing', {'roomId': 999_999_999, 'isTyping': True}), 'not_found')
    for payload in ({'roomId': lobby}, {'isTyping': True}, {'roomId': lobby, 'isTyping': 'yes'}, None):
        expect_failure(client.call('typing', payload), 'validation_error')
