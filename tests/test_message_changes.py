"""What becomes of messages: edited by their authors, deleted, reacted to; over HTTP and sockets, told to every member."""
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from sqlalchemy import make_url

from tests.support import media as made
from tests.support.files import execute, kept
from tests.support.http import expect_error
from tests.support.proxy import LossyProxy
from tests.support.sockets import expect_failure, expect_ok

WAYS = ('http', 'socket')


class Changer:
    """Does the same over HTTP or over a socket; `refused` expects an error of that code, else the Message."""

    def __init__(self, http, connect, way, account):
        self.http, self.way = http.as_user(account), way
        self.socket = connect(account) if way == 'socket' else None

    def edit(self, message, content, refused=None):
        return self._do('patch', '', 'edit_message', message, {'content': content}, refused)

    def delete(self, message, refused=None):
        return self._do('delete', '', 'delete_message', message, {}, refused)

    def react(self, message, emoji, refused=None):
        return self._do('put', f'/reactions/{quote(emoji, safe="")}', 'react', message, {'emoji': emoji}, refused)

    def take_back(self, message, emoji, refused=None):
        return self._do('delete', f'/reactions/{quote(emoji, safe="")}', 'react', message,
                        {'emoji': emoji, 'remove': True}, refused)

    def _do(self, method, path, event, message, body, refused):
        if self.socket is not None:
            answer = self.socket.call(event, {'messageId': message['id'], **body})
            return expect_failure(answer, refused[1]) if refused else expect_ok(answer)['message']
        options = {'json': body} if method == 'patch' else {}
        address = f'/api/rooms/{message["roomId"]}/messages/{message["id"]}{path}'
        response = self.http.request(method.upper(), address, **options)
        if refused:
            return expect_error(response, *refused)
        assert response.status_code == (204 if event == 'delete_message' else 200), response.text
        return response.json()['message'] if response.content else None


@pytest.fixture(params=WAYS)
def changer(request, http, connect):
    return lambda account: Changer(http, connect, request.param, account)


@pytest.fixture
def trio(new_user):
    return new_user(), new_user(), new_user()


@pytest.fixture
def room(http, trio):
    """A room that ann rules and bob is in; cem is not."""
    ann, bob, _ = trio
    room = http.as_user(ann).post('/api/rooms', {'name': 'room'}).json()['room']
    http.as_user(bob).post('/api/rooms/join', {'roomId': room['id']})
    return room


@pytest.fixture
def send(http):
    def send(account, room, content='hello', **fields):
        body = {'content': content, 'roomId': room['id'], **fields}
        response = http.as_user(account).post('/api/messages/send', body)
        assert response.status_code == 201, response.text
        return response.json()
    return send


@pytest.fixture
def history(http):
    return lambda account, room: http.as_user(account).get(f'/api/rooms/{room["id"]}/messages').json()['messages']


def same(message, **changed):
    """The message as it should be now."""
    return {**message, **changed}


# ---------------------------------------------------------------------- edits

def test_an_author_edits_its_message_for_everybody(trio, room, send, history, changer, connect):
    ann, bob, cem = trio
    message = send(bob, room, 'helo')
    listeners, outsider = [connect(ann), connect(bob), connect(bob, '/chat')], connect(cem)
    edited = changer(bob).edit(message, '  hello ')
    assert edited == same(message, content='hello', editedAt=edited['editedAt']) and edited['editedAt'] > message['createdAt']
    for listener in listeners:
        assert listener.expect('message_updated') == edited
    outsider.expect_nothing('message_updated')
    assert history(ann, room) == [edited] == history(bob, room)


def test_an_edit_of_a_direct_message_keeps_its_receipts(http, trio, changer, connect):
    ann, bob, _ = trio
    listener = connect(bob)
    message = http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'one'}).json()
    expect_ok(listener.call('read_receipt', {'messageId': message['id']}))
    edited = changer(ann).edit(message, 'two')
    assert edited['readAt'] and edited['deliveredAt'] and edited['receiverId'] == bob.id
    assert listener.expect('message_updated') == same(edited, readAt=None, deliveredAt=None)
    assert http.as_user(ann).get(f'/api/messages/{bob.id}').json() == [edited]


def test_an_edit_to_what_is_there_already_changes_nothing_and_is_told_to_nobody(trio, room, send, history, changer, connect):
    _, bob, _ = trio
    message, listener = send(bob, room, 'hello'), connect(bob)
    assert changer(bob).edit(message, ' hello') == message
    listener.expect_nothing('message_updated')
    assert history(bob, room) == [message]


def test_the_type_of_an_edited_message_is_that_of_its_new_content(http, trio, room, send, changer, upload):
    _, bob, _ = trio
    author = changer(bob)
    message = send(bob, room, 'hello')
    assert [author.edit(message, content)['type'] for content in ('👍', 'fine', '👍🏽')] == ['emoji', 'text', 'emoji']
    picture = send(bob, room, 'look', attachmentIds=[upload(bob, made.png())['id']])
    edited = author.edit(picture, '')
    assert (edited['type'], edited['content'], edited['attachments']) == ('image', '', picture['attachments'])
    author.edit(message, ' ', refused=(422, 'validation_error'))


@pytest.mark.parametrize(('content', 'refused'), [
    ('x' * 4001, (413, 'too_large')), ('a\0b', (422, 'validation_error')), (None, (422, 'validation_error')),
    (5, (422, 'validation_error')), ('', (422, 'validation_error')), ([], (422, 'validation_error'))])
def test_content_that_can_not_be_sent_can_not_be_edited_in(trio, room, send, history, changer, content, refused):
    _, bob, _ = trio
    message = send(bob, room)
    changer(bob).edit(message, content, refused=refused)
    assert history(bob, room) == [message]


def test_only_its_author_edits_a_message(trio, room, send, history, changer):
    ann, bob, cem = trio
    message = send(bob, room)
    changer(ann).edit(message, 'mine', refused=(403, 'forbidden'))
    changer(cem).edit(message, 'mine', refused=(403, 'forbidden'))
    assert history(bob, room) == [message]


# ---------------------------------------------------------------------- deletions

def test_a_deleted_message_keeps_its_place_and_nothing_else(http, trio, room, send, history, changer, connect, upload, server):
    _, bob, _ = trio
    attachment = upload(bob, made.png())
    message = send(bob, room, 'secret', attachmentIds=[attachment['id']], clientId='my-1')
    after = send(bob, room, 'behind')
    changer(bob).react(message, '👍')
    listener = connect(bob)
    changer(bob).delete(message)
    assert listener.expect('message_deleted') == {'id': message['id'], 'roomId': room['id']}
    left, = [one for one in history(bob, room) if one['id'] == message['id']]
    assert left == same(message, type='text', content='', attachments=[], deletedAt=left['deletedAt']) and left['deletedAt']
    assert [one['id'] for one in history(bob, room)] == [message['id'], after['id']]
    for address in (f'/api/uploads/{attachment["id"]}', f'/api/uploads/{attachment["id"]}/thumbnail'):
        expect_error(http.as_user(bob).get(address), 404, 'not_found')
    expect_error(http.get(attachment['url']), 404, 'not_found')
    for table in 'attachments', 'reactions', 'mentions':
        assert not execute(server, f'SELECT * FROM {table} WHERE message_id = {message["id"]}')
    again = http.as_user(bob).post('/api/messages/send', {'roomId': room['id'], 'content': 'secret', 'clientId': 'my-1'})
    assert (again.status_code, again.json()) == (200, left)


def test_a_deleted_messages_files_are_gone_from_the_disk(start_server, open_http, database):
    server = start_server(database=database)
    http = open_http(server)
    ann, bob = http.register(), http.register()
    with http.as_user(ann).request('POST', f'/api/messages/send/{bob.id}', files={'file': ('a.txt', b'some bytes')}) as response:
        message = response.json()
    assert kept(server)
    assert http.as_user(ann).delete(f'/api/rooms/{message["roomId"]}/messages/{message["id"]}').status_code == 204
    assert not kept(server)


def test_admins_of_the_room_delete_what_others_wrote_and_members_do_not(trio, room, send, history, changer, new_user, http):
    ann, bob, cem = trio
    by_ann, by_bob = send(ann, room), send(bob, room)
    changer(bob).delete(by_ann, refused=(403, 'forbidden'))
    changer(cem).delete(by_ann, refused=(403, 'forbidden'))
    changer(ann).delete(by_bob)
    assert [one['content'] for one in history(bob, room)] == ['hello', '']


def test_to_delete_twice_is_no_error_and_is_told_once(trio, room, send, history, changer, connect):
    _, bob, _ = trio
    message, listener = send(bob, room), connect(bob)
    changer(bob).delete(message)
    listener.expect('message_deleted')
    before = history(bob, room)
    changer(bob).delete(message)
    listener.expect_nothing('message_deleted')
    assert history(bob, room) == before


def test_a_deleted_message_is_neither_edited_nor_reacted_to(trio, room, send, changer):
    _, bob, _ = trio
    message = send(bob, room)
    author = changer(bob)
    author.delete(message)
    author.edit(message, 'back', refused=(409, 'conflict'))
    author.react(message, '👍', refused=(409, 'conflict'))
    author.take_back(message, '👍', refused=(409, 'conflict'))


def test_counts_of_unread_messages_stay_right(http, trio, room, send, changer):
    ann, bob, _ = trio
    def unread():
        return http.as_user(ann).get(f'/api/rooms/{room["id"]}').json()['room']['unreadCount']
    first, second, third = [send(bob, room, str(number)) for number in range(3)]
    assert unread() == 3
    changer(bob).edit(first, 'x')
    changer(bob).delete(second)
    changer(bob).react(third, '👍')
    assert unread() == 3
    http.as_user(ann).post(f'/api/rooms/{room["id"]}/read', {'messageId': second['id']})
    assert unread() == 1


def test_the_inbox_shows_the_newest_message_as_it_is_now(http, trio, room, send, changer):
    _, bob, _ = trio
    message = send(bob, room)
    def last():
        return http.as_user(bob).get(f'/api/rooms/{room["id"]}').json()['room']['lastMessage']
    assert last() == message
    reacted = changer(bob).react(message, '👍')
    assert last() == reacted and reacted['reactions']
    edited = changer(bob).edit(message, 'changed')
    assert last() == edited and edited['content'] == 'changed' and edited['reactions']
    changer(bob).delete(message)
    assert (last()['id'], last()['content'], last()['reactions']) == (message['id'], '', [])


# ---------------------------------------------------------------------- reactions

def test_members_react_once_with_each_emoji(trio, room, send, history, changer, connect):
    ann, bob, cem = trio
    message, listener = send(bob, room), connect(ann)
    of_ann, of_bob = changer(ann), changer(bob)
    of_ann.react(message, '👍')
    assert listener.expect('reaction') == {
        'messageId': message['id'], 'roomId': room['id'], 'userId': ann.id, 'emoji': '👍', 'removed': False}
    of_bob.react(message, '🎉')
    listener.expect('reaction')
    reacted = of_bob.react(message, '👍')
    listener.expect('reaction')
    assert reacted == same(message, reactions=[{'emoji': '👍', 'userIds': [ann.id, bob.id]}, {'emoji': '🎉', 'userIds': [bob.id]}])
    assert of_bob.react(message, '👍') == reacted
    listener.expect_nothing('reaction')
    assert history(ann, room) == [reacted]
    changer(cem).react(message, '👍', refused=(403, 'forbidden'))


def test_a_reaction_is_taken_back_by_who_made_it(trio, room, send, changer, connect):
    ann, bob, _ = trio
    message = send(bob, room)
    changer(ann).react(message, '👍')
    changer(bob).react(message, '👍')
    listener = connect(bob)
    left = changer(ann).take_back(message, '👍')
    assert left['reactions'] == [{'emoji': '👍', 'userIds': [bob.id]}]
    assert listener.expect('reaction') == {
        'messageId': message['id'], 'roomId': room['id'], 'userId': ann.id, 'emoji': '👍', 'removed': True}
    assert changer(ann).take_back(message, '👍') == left
    listener.expect_nothing('reaction')
    assert changer(bob).take_back(message, '👍')['reactions'] == []


@pytest.mark.parametrize(('given', 'kept'), [
    ('👍🏽', '👍🏽'), ('👨‍👩‍👧‍👦', '👨‍👩‍👧‍👦'), ('🏴󠁧󠁢󠁳󠁣󠁴󠁿', '🏴󠁧󠁢󠁳󠁣󠁴󠁿'), ('🇫🇷', '🇫🇷'), ('#️⃣', '#️⃣'), ('❤️', '❤️'), ('❤', '❤️'), ('☺', '☺️')])
def test_an_emoji_is_one_however_many_characters_it_has(trio, room, send, changer, given, kept):
    _, bob, _ = trio
    message = send(bob, room)
    assert changer(bob).react(message, given)['reactions'] == [{'emoji': kept, 'userIds': [bob.id]}]
    assert changer(bob).take_back(message, kept)['reactions'] == []


@pytest.mark.parametrize('text', ['a', '1', '👍👍', '👍 ', ':+1:', '→', 'é', '漢', '👍a', '\u200d', '🏴󠁧󠁢', 'x' * 500, '%', '<b>'])
def test_what_is_no_emoji_is_refused(trio, room, send, changer, text):
    _, bob, _ = trio
    changer(bob).react(send(bob, room), text, refused=(422, 'validation_error'))


def test_a_message_takes_twenty_different_emoji(trio, room, send, changer):
    ann, bob, _ = trio
    message, of_bob = send(bob, room), changer(bob)
    emoji = [chr(0x1F600 + number) for number in range(21)]
    for one in emoji[:20]:
        reacted = of_bob.react(message, one)
    assert [reaction['emoji'] for reaction in reacted['reactions']] == emoji[:20]
    of_bob.react(message, emoji[20], refused=(422, 'validation_error'))
    assert len(changer(ann).react(message, emoji[0])['reactions']) == 20
    of_bob.take_back(message, emoji[1])
    assert len(of_bob.react(message, emoji[20])['reactions']) == 20


def test_reactions_made_at_the_same_moment_all_count(http, trio, room, send, history, new_user):
    ann, bob, _ = trio
    message = send(bob, room)
    users = [ann, bob, *[new_user() for _ in range(4)]]
    for user in users[2:]:
        http.as_user(user).post('/api/rooms/join', {'roomId': room['id']})
    def react(user):
        address = f'/api/rooms/{room["id"]}/messages/{message["id"]}/reactions/{quote("👍")}'
        return [http.as_user(user).put(address).status_code for _ in range(3)]
    with ThreadPoolExecutor(len(users)) as pool:
        assert list(pool.map(react, users)) == [[200] * 3] * len(users)
    (reaction,), = [one['reactions'] for one in history(bob, room)]
    assert sorted(reaction['userIds']) == sorted(user.id for user in users)


# ---------------------------------------------------------------------- replies

def test_a_reply_keeps_pointing_to_what_was_deleted(trio, room, send, history, changer):
    ann, bob, _ = trio
    original = send(bob, room, 'question')
    reply = send(ann, room, 'answer', replyToId=original['id'])
    changer(bob).delete(original)
    assert [(one['content'], one['replyToId']) for one in history(ann, room)] == [('', None), ('answer', original['id'])]
    assert send(bob, room, 'another', replyToId=original['id'])['replyToId'] == original['id'] and reply['replyToId'] == original['id']


# ---------------------------------------------------------------------- where and who

def test_what_is_not_there_is_not_found(http, trio, room, send, changer):
    ann, bob, cem = trio
    missing = {'id': 2**53 - 1, 'roomId': room['id']}
    for change in (lambda who: who.edit(missing, 'x', refused=(404, 'not_found')),
                   lambda who: who.delete(missing, refused=(404, 'not_found')),
                   lambda who: who.react(missing, '👍', refused=(404, 'not_found'))):
        change(changer(bob))
    elsewhere = http.as_user(bob).post('/api/rooms', {'name': 'other'}).json()['room']
    message = send(bob, room)
    expect_error(http.as_user(bob).patch(f'/api/rooms/{elsewhere["id"]}/messages/{message["id"]}', {'content': 'x'}), 404, 'not_found')


def test_messages_of_rooms_that_one_must_not_learn_of_are_not_found(http, trio, changer):
    ann, bob, cem = trio
    message = http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'private'}).json()
    stranger = changer(cem)
    stranger.edit(message, 'x', refused=(404, 'not_found'))
    stranger.delete(message, refused=(404, 'not_found'))
    stranger.react(message, '👍', refused=(404, 'not_found'))


def test_who_is_blocked_neither_edits_nor_reacts_in_the_blockers_direct_room(http, trio, changer):
    ann, bob, _ = trio
    message = http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'one'}).json()
    http.as_user(bob).put(f'/api/users/{ann.id}/block')
    changer(ann).edit(message, 'two', refused=(403, 'forbidden'))
    changer(ann).react(message, '👍', refused=(403, 'forbidden'))
    changer(ann).delete(message)


def test_whoever_has_left_changes_nothing(http, trio, room, send, changer, connect):
    _, bob, _ = trio
    message, author = send(bob, room), changer(bob)
    http.as_user(bob).delete(f'/api/rooms/{room["id"]}/members/{bob.id}')
    author.edit(message, 'x', refused=(403, 'forbidden'))
    author.delete(message, refused=(403, 'forbidden'))


def test_changes_in_the_lobby_are_told_to_everybody(http, trio, connect, changer):
    ann, bob, _ = trio
    message = http.as_user(ann).post('/api/messages/send', {'content': 'to all'}).json()
    listener = connect(bob)
    edited = changer(ann).edit(message, 'to everybody')
    assert listener.expect('message_updated') == edited
    changer(bob).react(message, '👍')
    assert listener.expect('reaction')['userId'] == bob.id
    changer(ann).delete(message)
    assert listener.expect('message_deleted')['id'] == message['id']


@pytest.mark.parametrize('dialect', ['chat-app-api', 'chat-io', 'realtime-chat'])
def test_other_dialects_have_no_words_for_changes(http, trio, connect, changer, dialect):
    ann, bob, _ = trio
    message = http.as_user(ann).post('/api/messages/send', {'content': 'to all'}).json()
    listener = connect(bob, '/chat', auth={'token': bob.token, 'dialect': dialect})
    changer(ann).edit(message, 'changed')
    changer(ann).react(message, '👍')
    changer(ann).delete(message)
    listener.settle()
    assert {event for event, _ in listener.transcript} <= {'user:online', 'user:offline'}


# ---------------------------------------------------------------------- limits

def test_changes_are_limited_as_messages_are_and_what_comes_to_nothing_is_free(start_server, open_http, database):
    server = start_server(env={'RATE_LIMIT_MESSAGES': '3/600'}, database=database)
    http = open_http(server)
    ann = http.register()
    me = http.as_user(ann)
    room = me.post('/api/rooms', {'name': 'room'}).json()['room']
    address = f'/api/rooms/{room["id"]}/messages'
    message = me.post(address, {'content': 'hello'}).json()['message']
    own = f'{address}/{message["id"]}'
    for _ in range(5):
        assert me.patch(own, {'content': 'hello'}).status_code == 200
        expect_error(me.patch(own, {'content': ''}), 422, 'validation_error')
    for content in 'abc':
        assert me.patch(own, {'content': content}).status_code == 200
    expect_error(me.patch(own, {'content': 'd'}), 429, 'rate_limited')
    expect_error(me.delete(own), 429, 'rate_limited')
    expect_error(me.put(f'{own}/reactions/{quote("👍")}'), 429, 'rate_limited')


# ---------------------------------------------------------------------- a database that is lost in between

@pytest.mark.parametrize('request_bytes', [b'UPDATE messages SET', b'\x03COMMIT'], ids=['undone', 'done'])
def test_an_edit_whose_answer_is_lost_is_told_once_and_only_if_it_was_made(
        start_server, open_http, open_socket, mariadb, request_bytes):
    url = make_url(mariadb.create_database())
    proxy = LossyProxy(url.port)
    server = start_server(database=url.set(port=proxy.port).render_as_string(hide_password=False))
    http = open_http(server)
    ann, bob = http.register(), http.register()
    me, listener = http.as_user(ann), open_socket(server, bob)
    message = me.post(f'/api/messages/send/{bob.id}', {'content': 'one'}).json()
    listener.expect('newMessage')
    address = f'/api/rooms/{message["roomId"]}/messages/{message["id"]}'
    proxy.lose_answer_to(request_bytes)
    back = threading.Timer(0.5, proxy.refusing.clear)
    back.start()
    response = me.patch(address, {'content': 'two'})
    back.join()
    assert proxy.lost.is_set()
    if request_bytes == b'\x03COMMIT':
        assert response.status_code == 200 and response.json()['message']['content'] == 'two'
    else:
        expect_error(response, 503, 'unavailable')
        listener.expect_nothing('message_updated')
        assert me.get(f'/api/messages/{bob.id}').json() == [message]
        assert me.patch(address, {'content': 'two'}).status_code == 200
    assert listener.expect('message_updated')['content'] == 'two'
    listener.expect_nothing('message_updated')
    proxy.close()
