"""Blocks: the blocked one can't write, and sees the blocker offline everywhere."""
import pytest

from tests.support.http import expect_error
from tests.support.sockets import expect_failure, expect_ok


@pytest.fixture
def pair(http, new_user):
    """(the blocker, the blocked, a room they share), before the block."""
    ann, bob = new_user(), new_user()
    room = http.as_user(ann).post('/api/rooms', {'name': 'shared'}).json()['room']
    http.as_user(bob).post('/api/rooms/join', {'roomId': room['id']})
    http.as_user(bob).post(f'/api/messages/send/{ann.id}', {'content': 'before'})
    return ann, bob, room


def block(http, blocker, blocked):
    assert http.as_user(blocker).put(f'/api/users/{blocked.id}/block').status_code == 204


def test_blocks_are_set_listed_and_lifted(http, pair):
    ann, bob, _ = pair
    me = http.as_user(ann)
    for _ in range(2):
        block(http, ann, bob)
    assert [user['id'] for user in me.get('/api/users/me/blocks').json()] == [bob.id]
    assert http.as_user(bob).get('/api/users/me/blocks').json() == []
    for _ in range(2):
        assert me.delete(f'/api/users/{bob.id}/block').status_code == 204
    assert me.get('/api/users/me/blocks').json() == []
    assert http.as_user(bob).post(f'/api/messages/send/{ann.id}', {'content': 'again'}).status_code == 201
    expect_error(me.put('/api/users/999999999/block'), 404, 'not_found')
    expect_error(me.put(f'/api/users/{ann.id}/block'), 422, 'validation_error')


def test_a_blocked_user_can_not_write_to_the_blocker_by_any_way(http, pair, connect):
    ann, bob, room = pair
    direct = http.as_user(ann).get('/api/conversations').json()[0]['id']
    block(http, ann, bob)
    listener, client = connect(ann), connect(bob)
    for refused in (http.as_user(bob).post(f'/api/messages/send/{ann.id}', {'content': 'x'}),
                    http.as_user(bob).post('/api/messages/send', {'roomId': direct, 'content': 'x'}),
                    http.as_user(bob).post(f'/api/rooms/{direct}/messages', {'content': 'x'})):
        expect_error(refused, 403, 'forbidden')
    for event, payload in (('send_message', {'toUserId': ann.id, 'content': 'x'}), ('message:private', {
            'toUserId': ann.id, 'content': 'x'}), ('send_message', {'roomId': direct, 'content': 'x'}),
            ('typing', {'toUserId': ann.id, 'isTyping': True})):
        expect_failure(client.call(event, payload), 'forbidden')
    listener.expect_nothing('newMessage')
    listener.expect_nothing('typing')
    message = http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'but I can'})
    assert client.expect('newMessage')['id'] == message.json()['id']
    expect_ok(client.call('send_message', {'roomId': room['id'], 'content': 'rooms stay as they are'}))
    assert listener.expect('receive_message')['senderId'] == bob.id


def test_the_blocker_looks_offline_to_the_blocked_everywhere(http, pair, connect, new_user):
    ann, bob, room = pair
    witness = new_user()
    http.as_user(witness).post('/api/rooms/join', {'roomId': room['id']})
    viewer, blocker = connect(bob), connect(ann)
    assert viewer.expect('user_status')['online'] is True
    block(http, ann, bob)
    assert viewer.expect('user_status') == {'userId': ann.id, 'online': False, 'lastSeen': None}
    me = http.as_user(bob)
    seen = [me.get(f'/api/users/{ann.id}').json()]
    seen += [user for user in me.get_all('/api/users') if user['id'] == ann.id]
    seen += [m['user'] for m in me.get(f'/api/rooms/{room["id"]}/members').json()['members'] if m['user']['id'] == ann.id]
    seen += [r['otherUser'] for r in me.get('/api/conversations').json() if r['kind'] == 'direct']
    assert len(seen) == 4 and {(user['online'], user['lastSeen']) for user in seen} == {(False, None)}
    sent = me.post(f'/api/rooms/{room["id"]}/messages', {'content': 'x'}).json()['message']
    expect_ok(blocker.call('typing', {'roomId': room['id'], 'isTyping': True}))
    expect_ok(blocker.call('read_receipt', {'messageId': sent['id']}))
    before = me.get(f'/api/messages/{ann.id}').json()[0]
    expect_ok(blocker.call('read_receipt', {'messageId': before['id']}))
    onlooker = connect(witness)
    viewer.expect('user_status', where=lambda status: status['userId'] == witness.id)
    blocker.disconnect()
    onlooker.expect('user_status', where=lambda status: status['userId'] == ann.id and not status['online'])
    for event in ('typing', 'read_receipt', 'delivery_receipt', 'user_status'):
        viewer.expect_nothing(event)
    assert me.get(f'/api/messages/{ann.id}').json()[0]['readAt'] is None
    other = http.as_user(bob).post('/api/rooms', {'name': 'bobs'}).json()['room']
    connect(ann)
    http.as_user(ann).post('/api/rooms/join', {'roomId': other['id']})
    assert viewer.expect('member_joined')['user']['online'] is False
    viewer.expect_nothing('user_status')
    http.as_user(ann).delete(f'/api/users/{bob.id}/block')
    assert viewer.expect('user_status')['online'] is True


def test_whoever_is_blocked_sees_the_blocker_stop_typing(http, pair, connect):
    ann, bob, room = pair
    viewer, blocker = connect(bob), connect(ann)
    expect_ok(blocker.call('typing', {'roomId': room['id'], 'isTyping': True}))
    assert viewer.expect('typing')['isTyping'] is True
    block(http, ann, bob)
    assert viewer.expect('typing')['isTyping'] is False
