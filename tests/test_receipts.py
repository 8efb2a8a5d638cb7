"""Delivery and read receipts, and what they do to unread counts."""
import pytest

from tests.support.http import expect_error
from tests.support.sockets import expect_failure, expect_ok


@pytest.fixture
def direct(http, new_user):
    """Two users and three messages from the first to the second."""
    ann, bob = new_user(), new_user()
    messages = [http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': str(number)}).json()
                for number in range(3)]
    return ann, bob, messages


@pytest.fixture
def room(http, new_user):
    """A room of three, and three messages of its admin."""
    users = [new_user() for _ in range(3)]
    room = http.as_user(users[0]).post('/api/rooms', {'name': 'x'}).json()['room']
    for user in users[1:]:
        http.as_user(user).post('/api/rooms/join', {'roomId': room['id']})
    path = f'/api/rooms/{room["id"]}/messages'
    messages = [http.as_user(users[0]).post(path, {'content': str(number)}).json()['message'] for number in range(3)]
    return room, users, messages


def unread(http, user, room_id):
    return http.as_user(user).get(f'/api/rooms/{room_id}').json()['room']['unreadCount']


def times(http, viewer, other):
    history = http.as_user(viewer).get(f'/api/messages/{other.id}').json()
    return [(bool(m['deliveredAt']), bool(m['readAt'])) for m in history]


def test_receipts_of_direct_messages_fill_the_senders_times_and_nobody_elses(http, direct, connect):
    ann, bob, messages = direct
    sender, receiver = connect(ann), connect(bob)
    expect_ok(receiver.call('delivered', {'messageId': messages[1]['id']}))
    told = sender.expect('delivery_receipt')
    assert told.keys() == {'roomId', 'messageId', 'userId', 'deliveredAt'}
    assert (told['messageId'], told['userId']) == (messages[1]['id'], bob.id)
    assert times(http, ann, bob) == [(True, False), (True, False), (False, False)]
    expect_ok(receiver.call('read_receipt', {'messageId': messages[0]['id']}))
    told = sender.expect('read_receipt')
    assert told.keys() == {'roomId', 'messageId', 'userId', 'readAt'} and told['messageId'] == messages[0]['id']
    assert times(http, ann, bob) == [(True, True), (True, False), (False, False)]
    expect_ok(receiver.call('read_receipt', {'messageId': messages[2]['id']}))
    assert times(http, ann, bob) == [(True, True)] * 3
    assert times(http, bob, ann) == [(False, False)] * 3
    last = http.as_user(ann).get('/api/conversations').json()[0]['lastMessage']
    assert last['readAt'] and last['deliveredAt']


def test_watermarks_only_move_forward(http, room, connect):
    room, (ann, bob, eve), messages = room
    reader, listener = connect(bob), connect(eve)
    expect_ok(reader.call('read_receipt', {'messageId': messages[2]['id']}))
    assert listener.expect('read_receipt')['messageId'] == messages[2]['id']
    for message in messages:
        expect_ok(reader.call('read_receipt', {'messageId': message['id']}))
        expect_ok(reader.call('delivered', {'messageId': message['id']}))
    listener.expect_nothing('read_receipt')
    listener.expect_nothing('delivery_receipt')
    assert unread(http, bob, room['id']) == 0


def test_unread_counts_follow_reading_sending_and_joining(http, room, new_user, connect):
    room, (ann, bob, eve), messages = room
    path = f'/api/rooms/{room["id"]}'
    assert [unread(http, user, room['id']) for user in (ann, bob, eve)] == [0, 3, 3]
    assert http.as_user(bob).post(f'{path}/read', {'messageId': messages[1]['id']}).status_code == 204
    assert unread(http, bob, room['id']) == 1
    http.as_user(eve).post(f'{path}/messages', {'content': 'answer'})  # sending reads everything before it
    assert [unread(http, user, room['id']) for user in (ann, bob, eve)] == [1, 2, 0]
    late = new_user()
    http.as_user(late).post('/api/rooms/join', {'roomId': room['id']})
    assert unread(http, late, room['id']) == 0
    expect_ok(connect(ann).call('send_message', {'roomId': room['id'], 'content': 'more'}))
    assert [unread(http, user, room['id']) for user in (ann, bob, eve, late)] == [0, 3, 1, 1]


def test_what_was_read_survives_a_clean_restart(start_server, open_http, open_socket, database):
    server = start_server(database=database)
    http = open_http(server)
    ann, bob = http.register(), http.register()
    ids = [http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': str(n)}).json()['id'] for n in range(5)]
    expect_ok(open_socket(server, bob).call('read_receipt', {'messageId': ids[2]}))
    server.restart()
    http = open_http(server)
    assert times(http, ann, bob) == [(True, True)] * 3 + [(False, False)] * 2
    assert http.as_user(bob).get('/api/conversations').json()[0]['unreadCount'] == 2
    assert http.as_user(ann).get('/api/conversations').json()[0]['unreadCount'] == 0


def test_receipts_of_foreign_and_missing_messages_are_not_found_alike(http, room, direct, new_user, connect):
    client = connect(new_user())
    for event in ('read_receipt', 'delivered'):
        answers = [expect_failure(client.call(event, {'messageId': number}), 'not_found')
                   for number in (room[2][0]['id'], direct[2][0]['id'], 999_999_999)]
        assert len({answer['message'] for answer in answers}) == 1
        for payload in (None, {}, {'messageId': 'x'}, {'messageId': True}, {'messageId': None}):
            expect_failure(client.call(event, payload), 'validation_error')


def test_reading_over_http_takes_messages_of_that_room_only(http, room, direct):
    room, (_, bob, _), messages = room
    path = f'/api/rooms/{room["id"]}/read'
    expect_error(http.as_user(bob).post(path, {'messageId': direct[2][0]['id']}), 404, 'not_found')
    expect_error(http.as_user(bob).post(path, {}), 422, 'validation_error')
    expect_error(http.as_user(direct[0]).post(path, {'messageId': messages[0]['id']}), 403, 'forbidden')


def test_in_big_rooms_only_authors_are_told_and_seldom(http, new_user, connect):
    ann, readers = new_user(), [new_user() for _ in range(51)]
    room = http.as_user(ann).post('/api/rooms', {'name': 'big'}).json()['room']
    for reader in readers:
        http.as_user(reader).post('/api/rooms/join', {'roomId': room['id']})
    path = f'/api/rooms/{room["id"]}/messages'
    ids = [http.as_user(ann).post(path, {'content': str(n)}).json()['message']['id'] for n in range(3)]
    author, bystander, client = connect(ann), connect(readers[1]), connect(readers[0])
    for message_id in ids:
        expect_ok(client.call('delivered', {'messageId': message_id}))
        expect_ok(client.call('read_receipt', {'messageId': message_id}))
    assert author.expect('read_receipt')['messageId'] == ids[0]
    author.expect_nothing('read_receipt')
    author.expect_nothing('delivery_receipt')
    bystander.expect_nothing('read_receipt')
    assert unread(http, readers[0], room['id']) == 0


def test_the_lobby_counts_unread_messages_but_sends_no_receipts(http, new_user, connect):
    ann, bob = new_user(), new_user()
    listener = connect(ann)
    message = http.as_user(ann).post('/api/messages/send', {'content': 'x'}).json()
    before = unread(http, bob, message['roomId'])
    assert before >= 1
    expect_ok(connect(bob).call('read_receipt', {'messageId': message['id']}))
    assert unread(http, bob, message['roomId']) < before
    listener.expect_nothing('read_receipt')


# ---------------------------------------------------------------------- asked for

def receipts(http, viewer, room, message, **params):
    response = http.as_user(viewer).get(f'/api/rooms/{room["id"]}/messages/{message["id"]}/receipts', params=params)
    assert response.status_code == 200, response.text
    return [(receipt['userId'], bool(receipt['deliveredAt']), bool(receipt['readAt'])) for receipt in response.json()['receipts']]


def test_whom_a_message_has_reached_can_be_asked_for(http, room, connect):
    room, (ann, bob, eve), messages = room
    assert receipts(http, ann, room, messages[0]) == []
    expect_ok(connect(bob).call('delivered', {'messageId': messages[2]['id']}))
    expect_ok(connect(eve).call('read_receipt', {'messageId': messages[1]['id']}))
    for viewer in ann, bob:
        assert receipts(http, viewer, room, messages[1]) == [(bob.id, True, False), (eve.id, True, True)]
    assert receipts(http, ann, room, messages[2]) == [(bob.id, True, False)]
    answered = http.as_user(bob).post(f'/api/rooms/{room["id"]}/messages', {'content': 'seen'}).json()['message']
    assert receipts(http, eve, room, messages[2]) == [(bob.id, True, True)], 'who writes has read what stands before it'
    assert receipts(http, ann, room, answered) == []


def test_receipts_come_in_pages_of_members(http, room):
    room, (ann, bob, eve), messages = room
    for reader in bob, eve:
        http.as_user(reader).post(f'/api/rooms/{room["id"]}/read', {'messageId': messages[0]['id']})
    path = f'/api/rooms/{room["id"]}/messages/{messages[0]["id"]}/receipts'
    assert [receipt['userId'] for receipt in http.as_user(ann).get_all(path, 'receipts', params={'limit': 1})] == [bob.id, eve.id]


def test_receipts_of_messages_that_one_cannot_see_are_not_given(http, room, new_user):
    room, (ann, bob, _), messages = room
    path = f'/api/rooms/{room["id"]}/messages/{messages[0]["id"]}/receipts'
    expect_error(http.as_user(new_user()).get(path), 403, 'forbidden')
    other = http.as_user(ann).post('/api/rooms', {'name': 'other'}).json()['room']
    expect_error(http.as_user(ann).get(path.replace(f'/{room["id"]}/', f'/{other["id"]}/', 1)), 404, 'not_found')
    http.as_user(bob).post(f'/api/rooms/{room["id"]}/read', {'messageId': messages[0]['id']})
    assert http.as_user(bob).put(f'/api/users/{ann.id}/block').status_code == 204
    assert receipts(http, ann, room, messages[0]) == []


def test_in_big_rooms_and_the_lobby_receipts_are_given_as_they_are_told(http, new_user, server):
    ann, bob = new_user(), new_user()
    room = http.as_user(ann).post('/api/rooms', {'name': 'big'}).json()['room']
    members = [bob, *[new_user() for _ in range(50)]]
    for member in members:
        http.as_user(member).post('/api/rooms/join', {'roomId': room['id']})
    message = http.as_user(ann).post(f'/api/rooms/{room["id"]}/messages', {'content': 'x'}).json()['message']
    http.as_user(bob).post(f'/api/rooms/{room["id"]}/read', {'messageId': message['id']})
    assert receipts(http, ann, room, message) == [(bob.id, True, True)]
    assert receipts(http, bob, room, message) == []
    message = http.as_user(ann).post('/api/messages/send', {'content': 'to all'}).json()
    http.as_user(bob).post(f'/api/rooms/{message["roomId"]}/read', {'messageId': message['id']})
    assert receipts(http, ann, {'id': message['roomId']}, message) == []
