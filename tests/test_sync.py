"""Catching up: everything new and changed since a place, over HTTP and sockets, in the order of commits."""
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from random import Random
from urllib.parse import quote

import pytest

from tests.support.files import execute
from tests.support.http import Http, expect_error
from tests.support.sockets import expect_failure, expect_ok

CHANGES_OF_EACH = 60  # of those who write at the same time


class Reader:
    """Catches up over HTTP or a socket; `pages(after)` goes on until there is nothing more."""

    def __init__(self, http, connect, way, account):
        self.http, self.socket = http.as_user(account), connect(account) if way == 'socket' else None

    def page(self, after=None, limit=None):
        asked = {name: value for name, value in (('after', after), ('limit', limit)) if value is not None}
        if self.socket is not None:
            answer = expect_ok(self.socket.call('sync', asked))
        else:
            response = self.http.get('/api/sync', params=asked)
            assert response.status_code == 200, response.text
            answer = response.json()
        answer.pop('ok', None)
        assert answer.keys() == {'messages', 'left', 'next', 'more'} and isinstance(answer['next'], str)
        return answer

    def all(self, after=None, limit=None):
        messages, left = [], []
        while True:
            page = self.page(after, limit)
            messages += page['messages']
            left += page['left']
            after = page['next']
            if not page['more']:
                return messages, left, after

    def new(self, after, limit=None):
        """[(id, content)] of what there is since then."""
        return [(message['id'], message['content']) for message in self.all(after, limit)[0]]

    def refuse(self, after):
        if self.socket is not None:
            expect_failure(self.socket.call('sync', {'after': after}), 'validation_error')
        else:
            expect_error(self.http.get('/api/sync', params={'after': after}), 422, 'validation_error')


@pytest.fixture(params=['http', 'socket'])
def reader(request, http, connect):
    return lambda account: Reader(http, connect, request.param, account)


@pytest.fixture
def pair(new_user):
    return new_user(), new_user()


@pytest.fixture
def make_room(http):
    def make(owner, *members, name='room'):
        room = http.as_user(owner).post('/api/rooms', {'name': name}).json()['room']
        for member in members:
            assert http.as_user(member).post('/api/rooms/join', {'roomId': room['id']}).status_code == 200
        return room
    return make


@pytest.fixture
def send(http):
    def send(account, room, content='hello', **fields):
        response = http.as_user(account).post('/api/messages/send', {'content': content, 'roomId': room['id'], **fields})
        assert response.status_code == 201, response.text
        return response.json()
    return send


@pytest.fixture
def change(http):
    """Edits with a content, deletes without."""
    def change(account, message, content=None):
        address = f'/api/rooms/{message["roomId"]}/messages/{message["id"]}'
        me = http.as_user(account)
        response = me.delete(address) if content is None else me.patch(address, {'content': content})
        assert response.status_code in (200, 204), response.text
    return change


def test_the_first_time_there_are_the_newest_fifty_of_each_room(pair, make_room, send, reader):
    ann, bob = pair
    rooms = [make_room(ann), make_room(ann), make_room(ann)]
    sent = [send(ann, rooms[0], str(number)) for number in range(52)] + [send(ann, rooms[1], 'x')]
    messages, left, after = reader(ann).all()
    of_rooms = [message for message in messages if message['roomId'] in {room['id'] for room in rooms}]
    assert of_rooms == sent[2:] and left == []
    assert reader(ann).all(after) == ([], [], after) or reader(ann).new(after) == []
    assert reader(ann).all(0)[0] == messages


@pytest.mark.parametrize('limit', [1, 2, 7])
def test_the_first_time_comes_in_pages_as_well(pair, make_room, send, reader, limit):
    ann, _ = pair
    rooms = [make_room(ann) for _ in range(3)]
    sent = [send(ann, room, str(number))['id'] for number in range(3) for room in rooms]
    mine = reader(ann)
    first = mine.page(limit=limit)
    assert len(first['messages']) == limit and first['more']
    later = send(ann, rooms[0], 'later')
    messages, _, after = mine.all(first['next'], limit)
    got = [message['id'] for message in first['messages'] + messages if message['roomId'] in {room['id'] for room in rooms}]
    assert sorted(got) == sorted([*sent, later['id']]) and got[-1] == later['id']
    assert mine.new(after) == []


@pytest.mark.parametrize('limit', [None, 1, 2])
def test_new_and_changed_messages_come_in_the_order_in_which_that_happened(http, pair, make_room, send, change, reader, limit):
    ann, bob = pair
    one, two = make_room(ann, bob), make_room(ann, bob)
    old = [send(ann, one, 'old 1'), send(ann, two, 'old 2'), send(ann, one, 'old 3')]
    mine = reader(bob)
    after = mine.all()[2]
    new = send(ann, two, 'new 1')
    change(ann, old[1], 'edited')
    again = send(bob, one, 'new 2')
    change(ann, old[0])
    http.as_user(bob).put(f'/api/rooms/{one["id"]}/messages/{old[2]["id"]}/reactions/%F0%9F%91%8D')
    last = send(ann, two, 'new 3')
    expected = [(new['id'], 'new 1'), (old[1]['id'], 'edited'), (again['id'], 'new 2'), (old[0]['id'], ''),
                (old[2]['id'], 'old 3'), (last['id'], 'new 3')]
    messages, left, then = mine.all(after, limit)
    assert [(message['id'], message['content']) for message in messages] == expected and left == []
    assert messages[3]['deletedAt'] and messages[4]['reactions'] == [{'emoji': '👍', 'userIds': [bob.id]}]
    assert mine.new(then) == []
    assert mine.new(after) == expected  # a place may be used again


def test_what_was_changed_twice_comes_once_as_it_is_now(pair, make_room, send, change, reader):
    ann, _ = pair
    room, mine = make_room(ann), reader(ann)
    old = send(ann, room, 'old')
    after = mine.all()[2]
    change(ann, old, 'a')
    new = send(ann, room, 'new')
    change(ann, new, 'b')
    change(ann, old, 'c')
    assert mine.new(after) == [(new['id'], 'b'), (old['id'], 'c')]


def test_a_message_id_is_a_place_too(pair, make_room, send, change, reader):
    ann, bob = pair
    one, two = make_room(ann, bob), make_room(ann, bob)
    first, second, third = send(ann, one, '1'), send(ann, two, '2'), send(ann, one, '3')
    change(ann, first, '1 early')
    seen = send(ann, two, 'seen')
    change(ann, second, '2 late')
    new = send(ann, one, 'new')
    mine = reader(bob)
    assert mine.new(seen['id']) == [(second['id'], '2 late'), (new['id'], 'new')]
    assert mine.new(str(third['id'])) == [(first['id'], '1 early'), (seen['id'], 'seen'), (second['id'], '2 late'), (new['id'], 'new')]
    assert mine.new(2**53 - 1) == []


def test_direct_messages_are_seen_as_by_their_viewer(http, pair, reader):
    ann, bob = pair
    after = reader(bob).all()[2]
    message = http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'hello'}).json()
    assert reader(bob).all(after)[0] == [message]
    http.as_user(bob).post(f'/api/rooms/{message["roomId"]}/read', {'messageId': message['id']})
    seen, = [one for one in reader(ann).all()[0] if one['id'] == message['id']]
    assert seen['readAt'] and seen['receiverId'] == bob.id


def test_who_came_to_a_room_gets_its_newest_fifty_and_what_came_since(http, pair, make_room, send, change, reader):
    ann, bob = pair
    room, mine = make_room(ann), reader(bob)
    sent = [send(ann, room, str(number)) for number in range(53)]
    after = mine.all()[2]
    unseen = send(ann, room, 'before')
    change(ann, sent[0], 'changed before')
    http.as_user(bob).post('/api/rooms/join', {'roomId': room['id']})
    later = send(ann, room, 'later')
    change(ann, sent[40], 'changed later')
    expected = [(message['id'], message['content'] if message is not sent[40] else 'changed later') for message in sent[4:]]
    expected += [(unseen['id'], 'before'), (later['id'], 'later')]
    assert mine.new(after) == expected
    in_pages = mine.new(after, 1)
    assert [one for one in dict.fromkeys(in_pages)] == expected


def test_rooms_that_were_left_or_removed_are_named_and_their_messages_are_not_given(http, pair, make_room, send, reader):
    ann, bob = pair
    left, removed, thrown_out, stays = [make_room(ann, bob, name=name) for name in ('left', 'removed', 'out', 'stays')]
    mine = reader(bob)
    after = mine.all()[2]
    http.as_user(bob).delete(f'/api/rooms/{left["id"]}/members/{bob.id}')
    http.as_user(ann).delete(f'/api/rooms/{removed["id"]}')
    http.as_user(ann).delete(f'/api/rooms/{thrown_out["id"]}/members/{bob.id}')
    for room in (left, thrown_out, stays):
        send(ann, room, room['name'])
    messages, gone, then = mine.all(after)
    assert [message['content'] for message in messages] == ['stays']
    assert gone == [left['id'], removed['id'], thrown_out['id']]
    assert mine.all(then)[:2] == ([], [])
    http.as_user(bob).post('/api/rooms/join', {'roomId': left['id']})
    messages, gone, _ = mine.all(then)
    assert [message['content'] for message in messages] == ['left'] and gone == [left['id']]


def test_who_left_a_room_and_is_back_holds_nothing_that_has_become_something_else(http, pair, make_room, send, change, reader):
    ann, bob = pair
    room, mine = make_room(ann, bob), reader(bob)
    sent = [send(ann, room, str(number)) for number in range(53)]
    after = mine.all()[2]
    http.as_user(bob).delete(f'/api/rooms/{room["id"]}/members/{bob.id}')
    change(ann, sent[3])
    for number in range(53):
        send(ann, room, f'while away {number}')
    http.as_user(bob).post('/api/rooms/join', {'roomId': room['id']})
    messages, left, _ = mine.all(after)
    assert [message['content'] for message in messages] == [f'while away {number}' for number in range(3, 53)]
    assert left == [room['id']]  # so the client begins anew: what it holds may have been edited or deleted


def test_places_that_nobody_gave_are_refused(pair, make_room, send, reader):
    ann, bob = pair
    mine, other = reader(ann), reader(bob)
    after = mine.page()['next']
    for place in (after + 'x', after[:-1], 'x' + after, after.replace('.', '9', 1), 'abc', '1.2', '0.0~', '~', '-1', '1e3', '٣',
                  '99999999999999999999', 'x' * 3000, '%', after.upper(), 'é~', '1.2~AAAAAAAAAAAA'):
        mine.refuse(place)
    other.refuse(after)  # another user's


@pytest.mark.parametrize('limit', ['0', '1001', '-1', 'x', '', '1.5'])
def test_a_limit_that_is_none_is_refused(http, new_user, limit):
    expect_error(http.as_user(new_user()).get('/api/sync', params={'limit': limit}), 422, 'validation_error')


@pytest.mark.parametrize('payload', [None, [], 'x', 5, {'after': None}, {'after': True}, {'after': 1.5}, {'after': []}, {'after': -1},
                                     {'limit': 0}, {'limit': '5x'}, {'limit': None}])
def test_any_other_payload_is_refused(pair, connect, payload):
    expect_failure(connect(pair[0]).call('sync', payload), 'validation_error')


def test_long_messages_come_in_pages_of_bounded_size(pair, make_room, send, reader):
    ann, _ = pair
    room, mine = make_room(ann), reader(ann)
    after = mine.all()[2]
    sent = [send(ann, room, 'x' * 4000)['id'] for _ in range(70)]
    first = mine.page(after)
    assert first['more'] and sum(len(message['content']) for message in first['messages']) <= 254_000
    assert [message['id'] for message in first['messages']] + [one for one, _ in mine.new(first['next'])] == sent


def test_places_survive_a_restart(start_server, open_http, database):
    server = start_server(database=database)
    http = open_http(server)
    ann = http.register()
    me = http.as_user(ann)
    after = me.get('/api/sync').json()['next']
    server.stop()
    server.start()
    message = me.post('/api/messages/send', {'content': 'hello'}).json()
    assert me.get('/api/sync', params={'after': after}).json()['messages'] == [message]


# ---------------------------------------------------------------------- several processes

def test_no_reader_skips_a_change_whichever_of_three_processes_makes_it(start_server, open_http, mariadb):
    url = mariadb.create_database()
    servers = [open_http(start_server(env={'JWT_SECRET_KEY': 'of all three processes' * 2}, database=url)) for _ in range(3)]
    users = [servers[0].register() for _ in range(3)]
    rooms = [servers[0].as_user(users[0]).post('/api/rooms', {'name': 'x'}).json()['room']['id'] for _ in range(4)]
    for user in users[1:]:
        for room in rooms:
            assert servers[0].as_user(user).post('/api/rooms/join', {'roomId': room}).status_code == 200
    written = threading.Event()

    def write(number):
        """Send, edit, delete and react, as one of the users at one of the processes."""
        me, random = Http(servers[number % 3].base_url, users[number % 3].token), Random(number)
        sent = []
        for _ in range(CHANGES_OF_EACH):
            room = random.choice(rooms)
            if not sent or random.random() < 0.5:
                response = me.post(f'/api/rooms/{room}/messages', {'content': f'{number}-{len(sent)}'})
                assert response.status_code == 201, response.text
                sent.append(response.json()['message'])
                continue
            message = sent[-random.randint(1, min(len(sent), 30))]
            address = f'/api/rooms/{message["roomId"]}/messages/{message["id"]}'
            kind = random.random()
            if kind < 0.5:
                response = me.patch(address, {'content': f'{number} edited {random.random()}'})
            elif kind < 0.8:
                response = me.put(f'{address}/reactions/{quote(chr(0x1F600 + random.randrange(8)))}')
            else:
                response = me.delete(address)
            assert response.status_code in (200, 204, 409), response.text
        me.close()

    def read(number):
        """Catch up all the time, as fast as it goes; returns what this reader holds in the end, and how many pages it took."""
        me = Http(servers[number % 3].base_url, users[number % 3].token)
        held, after, pages = {}, 0, 0
        while True:
            is_last = written.is_set()
            page = me.get('/api/sync', params={'after': after, 'limit': 1 + number * 3}).json()
            held |= {message['id']: message for message in page['messages']}
            after, pages = page['next'], pages + 1
            if not page['more'] and is_last:
                me.close()
                return held, pages

    with ThreadPoolExecutor(12) as pool:
        readers = [pool.submit(read, number) for number in range(3)]
        writers = [pool.submit(write, number) for number in range(6)]
        wait(writers)
        written.set()
        for writer in writers:
            writer.result(0)
        results = [reader.result(60) for reader in readers]
    truth = {}
    for room in rooms:
        address = f'/api/rooms/{room}/messages?limit=100'
        while address:
            response = servers[0].as_user(users[0]).get(address)
            truth |= {message['id']: message for message in response.json()['messages']}
            address = response.links.get('next', {}).get('url')
    assert len(truth) > 100
    for held, pages in results:
        assert pages >= 30
        assert {id: message for id, message in held.items() if message['roomId'] in rooms} == truth


def test_a_message_id_stays_a_place_when_that_message_is_gone(http, pair, make_room, send, change, reader, server):
    ann, bob = pair
    room, removed = make_room(ann, bob), make_room(ann, bob)
    old, last = send(ann, room, 'old'), send(ann, removed, 'last')
    assert http.as_user(ann).delete(f'/api/rooms/{removed["id"]}').status_code == 204
    execute(server, 'DELETE FROM messages WHERE id = ?', last['id'])  # as it happens some seconds later
    change(ann, old, 'edited')
    assert reader(bob).new(last['id']) == [(old['id'], 'edited')]
