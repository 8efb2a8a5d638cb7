"""Searching messages over HTTP: what is found, by whom, in which order, page by page."""
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import create_engine, text

from tests.support.http import expect_error
from tests.support.waiting import wait_until

SEARCH = '/api/messages/search'
HOSTILE = ['%', '_', '"', "'", '*', '-', 'AND', 'OR NOT', '(', ')', '+', '"a', 'a*', 'a -b', 'NEAR(a b)', '\\', '😀', '\0', 'a\0b', '\u200b',
           '\u202e', '[', '^', '$', ';', "' OR 1=1 --", '%s', '{0}', '\ufffe', '\x1fa', '\x01', '\ud7ff', 'é' * 200, 'a ' * 100, '😀' * 200]


@pytest.fixture
def ann(new_user):
    return new_user()


@pytest.fixture
def bob(new_user):
    return new_user()


@pytest.fixture
def make_room(http):
    """Makes a room: `make_room(creator, *members)`; its id."""
    def make(creator, *members):
        room = http.as_user(creator).post('/api/rooms', {'name': 'a room'}).json()['room']['id']
        for member in members:
            assert http.as_user(member).post('/api/rooms/join', {'roomId': room}).status_code == 200
        return room

    return make


@pytest.fixture
def say(http):
    """Sends to a room: `say(user, room, *contents)`; the Messages."""
    def send(user, room, *contents):
        return [http.as_user(user).post(f'/api/rooms/{room}/messages', {'content': content}).json()['message']
                for content in contents]

    return send


@pytest.fixture
def search(http):
    """A whole search: `search(user, q, **parameters)`; the contents of what is found, over all pages."""
    def find(user, q, **parameters):
        return [message['content'] for message in http.as_user(user).get_all(SEARCH, params={'q': q, **parameters})]

    return find


@pytest.fixture
def indexed(watched_server):
    """Waits until the server has indexed a message."""
    engine = create_engine(watched_server.environment['DATABASE_URL'], isolation_level='AUTOCOMMIT')

    def index_up_to(message):
        def is_done():
            with engine.connect() as connection:
                return connection.execute(text('SELECT message_id FROM search_indexed')).scalar() >= message['id']

        wait_until(is_done, 30, 'the message is indexed', interval=0.1)

    yield index_up_to
    engine.dispose()


def test_a_message_is_found_once_it_was_acknowledged_and_once_it_was_indexed(http, ann, bob, make_room, say, search, indexed):
    room = make_room(ann, bob)
    sent, = say(ann, room, 'Guten Tag, Café 東京 😂')
    for _ in range(2):
        for q in ('guten', 'gut', 'CAFE', 'tag', '京', '😂', 'tag guten'):
            found = http.as_user(bob).get(SEARCH, params={'q': q, 'roomId': room}).json()
            assert found == [sent], q
        assert search(bob, 'uten', roomId=room) == []
        indexed(sent)


def test_a_direct_message_is_found_as_either_side_sees_it(http, ann, bob, search):
    sent = http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'between us'}).json()
    found, = http.as_user(ann).get(SEARCH, params={'q': 'between'}).json()
    assert found == sent
    found, = http.as_user(bob).get(SEARCH, params={'q': 'between'}).json()
    assert found == sent | {'receiverId': bob.id}
    http.as_user(bob).post(f'/api/rooms/{sent["roomId"]}/read', {'messageId': sent['id']})
    found, = http.as_user(ann).get(SEARCH, params={'q': 'between'}).json()
    assert found['readAt'] is not None


def test_a_message_comes_with_its_attachments(http, ann, bob, upload, indexed):
    attachment = upload(ann, b'some bytes')
    sent = http.as_user(ann).post(f'/api/messages/send/{bob.id}', {
        'content': 'the minutes', 'attachmentIds': [attachment['id']]}).json()
    found, = http.as_user(bob).get(SEARCH, params={'q': 'minutes'}).json()
    assert [one['id'] for one in found['attachments']] == [one['id'] for one in sent['attachments']] == [attachment['id']]


def test_nobody_finds_what_stands_in_rooms_of_others(http, ann, bob, make_room, say, search, indexed):
    public, private = make_room(ann), http.as_user(ann).post('/api/rooms', {'name': 'x', 'isPrivate': True}).json()['room']['id']
    sent = [*say(ann, public, 'unheard of'), *say(ann, private, 'unheard too')]
    for _ in range(2):
        assert search(bob, 'unheard') == [] and len(search(ann, 'unheard')) == 2
        expect_error(http.as_user(bob).get(SEARCH, params={'q': 'unheard', 'roomId': public}), 403, 'forbidden')
        expect_error(http.as_user(bob).get(SEARCH, params={'q': 'unheard', 'roomId': private}), 404, 'not_found')
        indexed(sent[-1])
    expect_error(http.as_user(bob).get(SEARCH, params={'q': 'unheard', 'roomId': 2**53 - 1}), 404, 'not_found')
    expect_error(http.as_user(None).get(SEARCH, params={'q': 'unheard'}), 401, 'unauthorized')


def test_who_joins_finds_all_of_a_room_and_who_leaves_nothing(http, ann, bob, make_room, say, search):
    room = make_room(ann)
    say(ann, room, 'history')
    http.as_user(bob).post('/api/rooms/join', {'roomId': room})
    assert search(bob, 'history') == ['history']
    http.as_user(bob).delete(f'/api/rooms/{room}/members/{bob.id}')
    assert search(bob, 'history') == []
    http.as_user(ann).delete(f'/api/rooms/{room}')
    assert search(ann, 'history') == []


def test_the_best_come_first_or_the_newest(ann, make_room, say, search, indexed):
    room = make_room(ann)
    sent = say(ann, room, 'plans for the summer', 'summertime', 'summer', 'what I did last summer with all of my friends')
    best = ['summer', 'plans for the summer', 'what I did last summer with all of my friends', 'summertime']
    for _ in range(2):
        assert search(ann, 'summer') == search(ann, 'summer', sort='best') == best
        assert search(ann, 'summer', sort='newest') == [message['content'] for message in reversed(sent)]
        indexed(sent[-1])


def test_a_search_may_be_for_one_sender_one_room_and_one_time(http, ann, bob, make_room, say, search, indexed):
    room, other = make_room(ann, bob), make_room(ann, bob)
    first, = say(ann, room, 'word one')
    second, = say(bob, room, 'word two')
    third, = say(ann, other, 'word three')
    for _ in range(2):
        assert search(bob, 'word', sort='newest') == ['word three', 'word two', 'word one']
        assert search(bob, 'word', **{'from': bob.id}) == ['word two']
        assert search(bob, 'word', **{'from': ann.id, 'roomId': room}) == ['word one']
        assert search(bob, 'word', **{'from': 2**53 - 1}) == []
        assert search(bob, 'word', after=second['createdAt'], sort='newest') == [
            'word three', 'word two', *['word one'] * (first['createdAt'] == second['createdAt'])]
        assert search(bob, 'word', before=first['createdAt']) == []
        assert search(bob, 'word', before=second['id']) == ['word one']
        assert search(bob, 'word', after=second['id']) == ['word three']
        indexed(third)
    later = (datetime.fromisoformat(third['createdAt']) + timedelta(milliseconds=1)).isoformat().replace('+00:00', 'Z')
    assert search(bob, 'word', after=later) == [] and len(search(bob, 'word', before=later)) == 3


@pytest.mark.parametrize('sort', ['best', 'newest'])
def test_pages_hold_each_message_once_also_while_others_come(http, ann, make_room, say, sort):
    room = make_room(ann)
    sent = say(ann, room, *[f'page {"x " * (number % 3)}{number}' for number in range(23)])
    asked, found = {'q': 'page', 'roomId': room, 'limit': 5, 'sort': sort}, []
    response = http.as_user(ann).get(SEARCH, params=asked)
    sizes = []
    while True:
        sizes.append(len(response.json()))
        found += [message['id'] for message in response.json()]
        say(ann, room, 'page after page')
        if 'next' not in response.links:
            break
        url = response.links['next']['url']
        assert urlsplit(url).path == SEARCH
        response = http.as_user(ann).get(url)
    assert sizes == [5, 5, 5, 5, 3]
    assert sorted(found) == [message['id'] for message in sent]
    if sort == 'newest':
        assert found == sorted(found, reverse=True)


def test_a_page_has_fifty_unless_it_is_told_otherwise(http, ann, make_room, say):
    room = make_room(ann)
    say(ann, room, *['filler'] * 51)
    me = http.as_user(ann)
    assert len(me.get(SEARCH, params={'q': 'filler', 'roomId': room}).json()) == 50
    response = me.get(SEARCH, params={'q': 'filler', 'roomId': room, 'limit': 51})
    assert len(response.json()) == 51 and 'Link' not in response.headers
    assert len(me.get_all(SEARCH, params={'q': 'filler', 'limit': 1})) == 51


@pytest.mark.parametrize('q', HOSTILE, ids=ascii)
def test_whatever_is_typed_is_looked_for_and_nothing_is_syntax(http, ann, q, make_room, say):
    room = make_room(ann)
    say(ann, room, 'plain words')
    response = http.as_user(ann).get(SEARCH, params={'q': q, 'roomId': room})
    assert response.status_code == 200 and response.json() == []


@pytest.mark.parametrize('parameters', [
    {}, {'q': ''}, {'q': ' \t\n\u3000'}, {'q': 'x' * 201}, {'q': 'x', 'limit': 0}, {'q': 'x', 'limit': 101}, {'q': 'x', 'limit': 'a'},
    {'q': 'x', 'sort': 'oldest'}, {'q': 'x', 'roomId': 'x'}, {'q': 'x', 'from': 'me'}, {'q': 'x', 'before': 'yesterday'},
    {'q': 'x', 'after': '2026-13-01'}, {'q': 'x', 'cursor': 'x'}, {'q': 'x', 'cursor': '1-2'}, {'q': 'x', 'cursor': '1-2-3-4-5'},
    {'q': 'x', 'cursor': '-1'}, {'q': 'x', 'cursor': '9'}, {'q': 'x', 'cursor': ''}, {'q': 'x', 'cursor': 'é~\0'},
], ids=str)
def test_what_is_no_search_is_refused(http, ann, parameters):
    body = expect_error(http.as_user(ann).get(SEARCH, params=parameters), 422, 'validation_error')
    assert list(body['errors']) == [next(reversed(parameters), 'q')]


def test_a_cursor_is_of_use_to_whom_it_was_given_only(http, ann, bob, make_room, say):
    room = make_room(ann, bob)
    say(ann, room, 'one', 'one')
    response = http.as_user(ann).get(SEARCH, params={'q': 'one', 'limit': 1})
    url = response.links['next']['url']
    assert len(http.as_user(ann).get(url).json()) == 1
    expect_error(http.as_user(bob).get(url), 422, 'validation_error')
    expect_error(http.as_user(ann).get(url.replace('cursor=', 'cursor=1')), 422, 'validation_error')


def test_an_edited_message_is_found_by_its_new_words_only_and_a_deleted_one_never(http, ann, bob, make_room, say, search, indexed, database):
    room = make_room(ann, bob)
    for is_indexed in (False, True):
        edited, deleted = say(ann, room, 'first draft', 'second thoughts')
        if is_indexed:
            indexed(deleted)
        me = http.as_user(ann)
        assert me.patch(f'/api/rooms/{room}/messages/{edited["id"]}', {'content': 'final word'}).status_code == 200
        assert me.delete(f'/api/rooms/{room}/messages/{deleted["id"]}').status_code == 204
        assert me.put(f'/api/rooms/{room}/messages/{edited["id"]}/reactions/👍').status_code == 200
        for again in range(2):
            assert [search(bob, q, roomId=room) for q in ('draft', 'second', 'thoughts')] == [[], [], []]
            found = me.get(SEARCH, params={'q': 'final', 'roomId': room, 'after': edited['id'] - 1}).json()
            assert [(one['content'], bool(one['editedAt']), len(one['reactions'])) for one in found] == [('final word', True, 1)]
            if not again:
                indexed(deleted)


def test_times_at_the_ends_of_the_calendar_are_times(ann, make_room, say, search):
    say(ann, make_room(ann), 'word')
    assert search(ann, 'word', after='0001-01-01T00:00:00+14:00', before='9999-12-31T23:59:59-12:00') == ['word']
    assert search(ann, 'word', after='9999-12-31T23:59:59-12:00') == search(ann, 'word', before='0001-01-01') == []


def test_the_index_catches_up_after_a_crash(start_server, database, open_http):
    server = start_server(database=database)
    http = open_http(server)
    ann = http.register()
    room = http.as_user(ann).post('/api/rooms', {'name': 'x'}).json()['room']['id']
    message = http.as_user(ann).post(f'/api/rooms/{room}/messages', {'content': 'before the crash'}).json()['message']
    server.kill()
    server.start()
    engine = create_engine(server.environment['DATABASE_URL'], isolation_level='AUTOCOMMIT')
    with engine.connect() as connection:
        wait_until(lambda: connection.execute(text('SELECT message_id FROM search_indexed')).scalar() == message['id'], 30)
        assert connection.execute(text("SELECT COUNT(*) FROM search_terms")).scalar() == 4  # and its sender
    engine.dispose()
    assert [found['id'] for found in http.as_user(ann).get(SEARCH, params={'q': 'crash'}).json()] == [message['id']]
