"""Mentions: whom a message names, how many unread ones name oneself, and where they are listed."""
import subprocess
import sys

import pytest

from tests.support.http import expect_error
from tests.support.server import REPOSITORY
from tests.support.sockets import expect_ok
from tests.support.waiting import wait_until


class Room:
    """A room of ann, its admin, and bob and cem; eve is outside."""

    def __init__(self, http, new_user, private):
        self._http = http
        self.ann, self.bob, self.cem, self.eve = new_user(), new_user(), new_user(), new_user()
        room = http.as_user(self.ann).post('/api/rooms', {'name': 'room', 'isPrivate': private}).json()['room']
        self.id, self.code = room['id'], room['inviteCode']
        self.enter(self.bob)
        self.enter(self.cem)

    def enter(self, user):
        response = self._http.as_user(user).post('/api/rooms/join', {'inviteCode': self.code})
        assert response.status_code == 200, response.text

    def leave(self, user):
        assert self._http.as_user(user).delete(f'/api/rooms/{self.id}/members/{user.id}').status_code == 204

    def say(self, user, content, **fields):
        response = self._http.as_user(user).post(f'/api/rooms/{self.id}/messages', {'content': content, **fields})
        assert response.status_code in (200, 201), response.text
        return response.json()['message']

    def seen_by(self, user):
        return self._http.as_user(user).get(f'/api/rooms/{self.id}').json()['room']

    def history(self, user):
        return self._http.as_user(user).get(f'/api/rooms/{self.id}/messages').json()['messages']

    def read(self, user, message):
        response = self._http.as_user(user).post(f'/api/rooms/{self.id}/read', {'messageId': message['id']})
        assert response.status_code == 204, response.text


@pytest.fixture(params=[False, True], ids=['public', 'private'])
def room(request, http, new_user):
    return Room(http, new_user, request.param)


@pytest.fixture
def private_room(http, new_user):
    return Room(http, new_user, True)


def counts(room, user):
    shown = room.seen_by(user)
    return shown['unreadCount'], shown['mentionCount']


def mentioned(http, user, **params):
    return http.as_user(user).get('/api/messages/mentions', params=params).json()


# ---------------------------------------------------------------------- whom a message names

def test_a_message_names_the_members_whose_usernames_stand_in_it(http, room, connect):
    listener, sender = connect(room.bob), connect(room.ann)
    content = f'@{room.cem.username.upper()}, @{room.bob.username}. @{room.eve.username} @nobody a@{room.ann.username} {room.ann.username}'
    message = expect_ok(sender.call('send_message', {'roomId': room.id, 'content': content}))['message']
    assert message['mentions'] == sorted([room.bob.id, room.cem.id])
    assert listener.expect('receive_message')['mentions'] == message['mentions']
    for user in (room.ann, room.bob):
        assert room.history(user) == [message] and room.seen_by(user)['lastMessage'] == message


def test_a_message_without_a_name_mentions_nobody(room):
    assert room.say(room.ann, 'bob@example.com')['mentions'] == []
    assert room.history(room.ann)[0]['mentions'] == []


def test_a_repetition_mentions_whom_the_first_one_did(room):
    first = room.say(room.ann, f'@{room.bob.username}', clientId='k')
    assert room.say(room.ann, f'@{room.cem.username}', clientId='k') == first and first['mentions'] == [room.bob.id]
    assert (counts(room, room.bob), counts(room, room.cem)) == ((1, 1), (1, 0))


def test_a_file_mentions_by_the_words_beside_it(http, room, upload):
    file = upload(room.ann, b'words')
    message = room.say(room.ann, f'for @{room.bob.username}', attachmentIds=[file['id']])
    assert message['mentions'] == [room.bob.id] and mentioned(http, room.bob) == [message]


def test_whoever_has_left_is_not_mentioned_and_who_has_come_is(room):
    room.leave(room.bob)
    room.enter(room.eve)
    message = room.say(room.ann, f'@{room.bob.username} @{room.eve.username}')
    assert message['mentions'] == [room.eve.id]


def test_all_is_every_member_where_an_admin_of_the_room_says_so(http, room):
    members = sorted([room.ann.id, room.bob.id, room.cem.id])
    assert room.say(room.bob, '@all')['mentions'] == []
    assert room.say(room.ann, 'hello @ALL!')['mentions'] == members
    assert counts(room, room.bob) == (1, 1) and counts(room, room.cem) == (2, 1)
    http.as_user(room.ann).patch(f'/api/rooms/{room.id}/members/{room.bob.id}', {'role': 'admin'})
    assert room.say(room.bob, '@all')['mentions'] == members


def test_in_direct_messages_the_other_one_is_mentioned_and_all_is_nobody(http, new_user):
    ann, bob, eve = new_user(), new_user(), new_user()
    path = f'/api/messages/send/{bob.id}'
    message = http.as_user(ann).post(path, {'content': f'@{bob.username} @{eve.username}'}).json()
    assert message['mentions'] == [bob.id]
    assert http.as_user(ann).post(path, {'content': '@all'}).json()['mentions'] == []
    shown, = [room for room in http.as_user(bob).get('/api/conversations').json() if room['kind'] == 'direct']
    assert (shown['unreadCount'], shown['mentionCount']) == (2, 1)
    assert mentioned(http, bob) == [message] and mentioned(http, eve) == []


def test_in_the_lobby_every_user_can_be_mentioned_and_all_by_the_servers_admins(start_server, open_http, database):
    server = start_server(database=database)
    http = open_http(server)
    ann, root, gone = http.register(), http.register(), http.register()
    for command in (('admin', root.username), ('deactivate', gone.username)):
        subprocess.run([sys.executable, '-m', 'flask', 'user', *command], cwd=REPOSITORY, env=server.environment,
                       check=True, capture_output=True, timeout=60)

    def say(user, content):
        return http.as_user(user).post('/api/messages/send', {'content': content}).json()['mentions']

    assert say(ann, f'@{root.username} @{gone.username}') == [root.id]
    assert say(ann, '@all') == [] and say(root, '@all') == sorted([ann.id, root.id])
    lobby, = [room for room in http.as_user(ann).get('/api/conversations').json() if room['kind'] == 'lobby']
    assert (lobby['unreadCount'], lobby['mentionCount']) == (1, 1)


# ---------------------------------------------------------------------- how many

def test_the_count_is_of_unread_messages_that_mention_oneself(http, room):
    contents = (f'@{room.bob.username}', 'nobody', f'@{room.bob.username} @{room.cem.username}', f'@{room.cem.username}')
    messages = [room.say(room.ann, content) for content in contents]
    assert (counts(room, room.bob), counts(room, room.cem)) == ((4, 2), (4, 2))
    for message, left in zip(messages, [(3, 1), (2, 1), (1, 0), (0, 0)], strict=True):
        room.read(room.bob, message)
        assert counts(room, room.bob) == left
    mine = http.as_user(room.cem)
    for path in ('/api/rooms/mine', '/api/conversations'):
        body = mine.get(path).json()
        assert [shown['mentionCount'] for shown in (body if path.endswith('s') else body['rooms']) if shown['id'] == room.id] == [2]


def test_the_count_stays_right_once_what_was_read_is_in_the_database(start_server, open_http, database):
    server = start_server(database=database)
    http = open_http(server)
    room = Room(http, http.register, True)
    first, _ = room.say(room.ann, f'@{room.bob.username}'), room.say(room.ann, f'@{room.bob.username}')
    room.read(room.bob, first)
    assert counts(room, room.bob) == (1, 1)
    server.restart()  # whatever waits is written before
    assert counts(room, room.bob) == (1, 1)


def test_whoever_writes_has_read_what_mentions_it(private_room):
    room = private_room
    room.say(room.ann, f'@{room.bob.username}')
    room.say(room.bob, f'me, @{room.bob.username}?')
    assert counts(room, room.bob) == (0, 0)
    room.say(room.ann, f'@{room.bob.username}')
    assert counts(room, room.bob) == (1, 1)


def test_whoever_comes_back_begins_with_none(private_room):
    room = private_room
    room.say(room.ann, f'@{room.bob.username}')
    room.leave(room.bob)
    room.enter(room.bob)
    assert counts(room, room.bob) == (0, 0)


# ---------------------------------------------------------------------- where they are listed

def test_the_list_has_what_mentions_oneself_in_all_ones_rooms_oldest_first(http, new_user, room):
    first = room.say(room.ann, f'@{room.bob.username} 1')
    room.say(room.ann, f'@{room.cem.username}')
    direct = http.as_user(room.eve).post(f'/api/messages/send/{room.bob.id}', {'content': f'@{room.bob.username} 2'}).json()
    lobby = http.as_user(room.eve).post('/api/messages/send', {'content': f'@{room.bob.username} 3'}).json()
    own = room.say(room.bob, f'@{room.bob.username} 4')
    assert mentioned(http, room.bob) == [first, direct, lobby, own]
    assert mentioned(http, room.eve) == []


def test_the_list_comes_in_pages(http, private_room):
    room = private_room
    messages = [room.say(room.ann, f'@{room.bob.username} {number}') for number in range(5)]
    ids = [message['id'] for message in messages]
    me = http.as_user(room.bob)

    def pages(query):
        path, found = f'/api/messages/mentions?{query}', []
        while path:
            response = me.get(path)
            found.append([message['id'] for message in response.json()])
            path = response.links.get('next', {}).get('url')
        return found

    assert pages('limit=2') == [ids[3:], ids[1:3], ids[:1]]
    assert pages('limit=2&after=0') == [ids[:2], ids[2:4], ids[4:]]
    assert pages('limit=5') == [ids] and pages(f'after={ids[4]}') == [[]]
    assert pages(f'after={ids[0]}&before={ids[3]}') == [ids[1:3]]
    assert pages(f'cursor={ids[2]}') == [ids[:2]]
    assert pages('cursor=2020-01-01T00:00:00Z') == [[]] and pages('cursor=2999-01-01T00:00:00Z') == [ids]


def test_the_list_is_of_the_newest_fifty_unless_it_is_asked_otherwise(http, private_room):
    room = private_room
    ids = [room.say(room.ann, f'@{room.bob.username}')['id'] for _ in range(51)]
    assert [message['id'] for message in mentioned(http, room.bob)] == ids[1:]
    assert [message['id'] for message in mentioned(http, room.bob, limit=100)] == ids


@pytest.mark.parametrize('query', ['limit=0', 'limit=101', 'before=x', 'after=-1', 'cursor=yesterday'])
def test_a_page_that_is_none_is_refused(http, new_user, query):
    expect_error(http.as_user(new_user()).get(f'/api/messages/mentions?{query}'), 422, 'validation_error')


def test_the_list_is_for_whoever_is_signed_in(http):
    expect_error(http.as_user(None).get('/api/messages/mentions'), 401, 'unauthorized')


def test_what_was_said_in_a_room_that_one_has_left_is_not_listed_until_one_is_back(http, private_room):
    room = private_room
    message = room.say(room.ann, f'@{room.bob.username}')
    room.leave(room.bob)
    assert mentioned(http, room.bob) == []
    room.enter(room.bob)
    assert mentioned(http, room.bob) == [message]


def test_a_removed_room_takes_its_mentions_along(start_server, open_http, database):
    http = open_http(start_server(database=database))
    room = Room(http, http.register, True)
    room.say(room.ann, f'@{room.bob.username}', clientId='k')
    assert http.as_user(room.ann).delete(f'/api/rooms/{room.id}').status_code == 204
    assert mentioned(http, room.bob) == []

    def send_again():  # a conflict as long as the message is there
        return http.as_user(room.ann).post('/api/messages/send', {'content': 'x', 'clientId': 'k'}).status_code

    wait_until(lambda: send_again() == 201, 20)


# ---------------------------------------------------------------------- messages that change

def test_an_edit_mentions_whom_the_new_content_names(http, private_room):
    room = private_room
    message = room.say(room.ann, f'@{room.bob.username}')
    edited = http.as_user(room.ann).patch(f'/api/rooms/{room.id}/messages/{message["id"]}', {'content': f'@{room.cem.username}'})
    assert edited.json()['message']['mentions'] == [room.cem.id]
    assert (counts(room, room.bob), counts(room, room.cem)) == ((1, 0), (1, 1))
    assert mentioned(http, room.bob) == [] and mentioned(http, room.cem) == [edited.json()['message']]


def test_a_deleted_message_mentions_nobody(http, private_room):
    room = private_room
    message = room.say(room.ann, f'@{room.bob.username}')
    assert http.as_user(room.ann).delete(f'/api/rooms/{room.id}/messages/{message["id"]}').status_code == 204
    assert mentioned(http, room.bob) == [] and room.seen_by(room.bob)['mentionCount'] == 0
    assert room.history(room.bob)[0]['mentions'] == []
