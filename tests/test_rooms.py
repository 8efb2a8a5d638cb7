"""Rooms: made, joined, left, shaped; who sees what; live membership."""
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import make_url

from tests.support.http import expect_error
from tests.support.sockets import expect_failure, expect_ok
from tests.support.waiting import wait_until

FIELDS = {'id', 'name', 'kind', 'isPrivate', 'createdBy', 'createdAt', 'role', 'memberCount', 'unreadCount', 'mentionCount', 'notify',
          'isPinned', 'lastMessage'}


@pytest.fixture
def make_room(http):
    def make(owner, *members, private=False, name='room'):
        room = http.as_user(owner).post('/api/rooms', {'name': name, 'isPrivate': private}).json()['room']
        for member in members:
            joined = http.as_user(member).post('/api/rooms/join', {'inviteCode': room['inviteCode']})
            assert joined.status_code == 200
        return room
    return make


@pytest.fixture
def trio(new_user):
    return new_user(), new_user(), new_user()


# ---------------------------------------------------------------------- making and listing

@pytest.mark.parametrize('private', [False, True])
def test_a_new_room_has_its_maker_as_admin(http, new_user, private):
    owner = new_user()
    response = http.as_user(owner).post('/api/rooms', {'name': '  Tea & 🍰 ', 'isPrivate': private})
    assert response.status_code == 201
    room = response.json()['room']
    assert room.keys() == FIELDS | {'inviteCode'}
    assert (room['name'], room['kind'], room['isPrivate']) == ('Tea & 🍰', 'private' if private else 'public', private)
    assert (room['role'], room['memberCount'], room['unreadCount'], room['lastMessage']) == ('admin', 1, 0, None)
    assert room['createdBy'] == owner.id and len(room['inviteCode']) >= 22
    assert http.as_user(owner).get(f'/api/rooms/{room["id"]}').json() == {'room': room}
    assert room in http.as_user(owner).get('/api/rooms/mine').json()['rooms']


@pytest.mark.parametrize('name', ['', '   ', 'x' * 121, 'x' * 10_000, None, 5, 'a\0b', 'gnp\u202e.exe', ['x']])
def test_a_bad_room_name_is_refused(http, new_user, make_room, name):
    owner = new_user()
    assert 'name' in expect_error(http.as_user(owner).post('/api/rooms', {'name': name}), 422, 'validation_error')['errors']
    renamed = http.as_user(owner).patch(f'/api/rooms/{make_room(owner)["id"]}', {'name': name})
    assert 'name' in expect_error(renamed, 422, 'validation_error')['errors']


def test_the_public_list_shows_public_rooms_without_their_content(http, trio, make_room):
    ann, bob, _ = trio
    public, private = make_room(ann), make_room(ann, private=True)
    http.as_user(ann).post(f'/api/rooms/{public["id"]}/messages', {'content': 'inside'})
    listed = {room['id']: room for room in http.as_user(bob).get_all('/api/rooms', 'rooms')}
    assert private['id'] not in listed
    shown = listed[public['id']]
    assert shown.keys() == FIELDS and (shown['role'], shown['unreadCount'], shown['lastMessage']) == (None, 0, None)
    assert public['id'] not in [room['id'] for room in http.as_user(bob).get('/api/rooms/mine').json()['rooms']]


# ---------------------------------------------------------------------- joining and leaving

def test_a_public_room_is_joined_by_id_and_shows_its_whole_history(http, trio, make_room):
    ann, bob, _ = trio
    room = make_room(ann)
    path = f'/api/rooms/{room["id"]}/messages'
    http.as_user(ann).post(path, {'content': 'before'})
    expect_error(http.as_user(bob).get(path), 403, 'forbidden')
    joined = http.as_user(bob).post('/api/rooms/join', {'roomId': room['id']}).json()['room']
    assert (joined['role'], joined['memberCount'], joined['unreadCount']) == ('member', 2, 0)
    assert joined['lastMessage']['content'] == 'before' and 'inviteCode' not in joined
    assert [m['content'] for m in http.as_user(bob).get(path).json()['messages']] == ['before']
    again = http.as_user(bob).post('/api/rooms/join', {'roomId': room['id']})
    assert again.status_code == 200 and again.json()['room']['memberCount'] == 2


def test_a_private_room_needs_its_code_and_is_invisible_without(http, trio, make_room):
    ann, bob, eve = trio
    room = make_room(ann, private=True)
    other = make_room(ann, private=True)
    join = http.as_user(bob)
    missing = join.post('/api/rooms/join', {'roomId': 999_999_999})
    private = join.post('/api/rooms/join', {'roomId': room['id']})
    expect_error(private, 403, 'forbidden')
    assert private.json() == missing.json()
    wrong = {'roomId': room['id'], 'inviteCode': other['inviteCode']}
    expect_error(join.post('/api/rooms/join', wrong), 403, 'forbidden')
    expect_error(join.post('/api/rooms/join', {'inviteCode': 'no-such-code'}), 404, 'not_found')
    for path in ('', '/messages', '/members', '/invite'):
        hidden, nowhere = (join.get(f'/api/rooms/{number}{path}') for number in (room['id'], 999_999_999))
        expect_error(hidden, 404, 'not_found')
        assert hidden.json() == nowhere.json()
    assert join.post('/api/rooms/join', {'inviteCode': room['inviteCode']}).json()['room']['role'] == 'member'
    both = {'roomId': room['id'], 'inviteCode': room['inviteCode']}
    assert http.as_user(eve).post('/api/rooms/join', both).json()['room']['memberCount'] == 3


@pytest.mark.parametrize('body', [{}, {'inviteCode': ''}, {'inviteCode': 5}, {'roomId': 'x'}, {'roomId': True}, [], None])
def test_a_join_that_names_no_room_is_refused(http, new_user, body):
    response = http.as_user(new_user()).request('POST', '/api/rooms/join', json=body) if body is not None else \
        http.as_user(new_user()).request('POST', '/api/rooms/join', data='null', headers={'Content-Type': 'application/json'})
    expect_error(response, 422, 'validation_error')


def test_the_same_join_at_once_counts_once(http, trio, make_room):
    ann, bob, _ = trio
    room = make_room(ann)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: http.as_user(bob).post('/api/rooms/join', {'roomId': room['id']}), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert http.as_user(ann).get(f'/api/rooms/{room["id"]}').json()['room']['memberCount'] == 2


def test_ten_wrong_codes_lock_further_guesses(http, trio, make_room):
    ann, bob, eve = trio
    room = make_room(ann, private=True)
    for _ in range(10):
        expect_error(http.as_user(bob).post('/api/rooms/join', {'inviteCode': 'wrong'}), 404, 'not_found')
    expect_error(http.as_user(bob).post('/api/rooms/join', {'inviteCode': room['inviteCode']}), 429, 'rate_limited')
    assert http.as_user(eve).post('/api/rooms/join', {'inviteCode': room['inviteCode']}).status_code == 200


def test_a_new_code_stops_the_old_one(http, trio, make_room):
    ann, bob, _ = trio
    room = make_room(ann, private=True)
    path = f'/api/rooms/{room["id"]}/invite'
    assert http.as_user(ann).get(path).json() == {'inviteCode': room['inviteCode']}
    code = http.as_user(ann).post(path).json()['inviteCode']
    assert code != room['inviteCode']
    expect_error(http.as_user(bob).post('/api/rooms/join', {'inviteCode': room['inviteCode']}), 404, 'not_found')
    assert http.as_user(bob).post('/api/rooms/join', {'inviteCode': code}).status_code == 200
    expect_error(http.as_user(bob).get(path), 403, 'forbidden')
    expect_error(http.as_user(bob).post(path), 403, 'forbidden')


def test_codes_are_compared_byte_by_byte(http, trio, make_room):
    ann, bob, _ = trio
    code = make_room(ann, private=True)['inviteCode']
    for wrong in (code.swapcase(), code + ' ', code[:-1]):
        expect_error(http.as_user(bob).post('/api/rooms/join', {'inviteCode': wrong}), 404, 'not_found')


# ---------------------------------------------------------------------- roles

def test_only_admins_shape_a_room(http, trio, make_room):
    ann, bob, eve = trio
    room = make_room(ann, bob)
    path = f'/api/rooms/{room["id"]}'
    for outsider in (bob, eve):
        expect_error(http.as_user(outsider).patch(path, {'name': 'mine'}), 403, 'forbidden')
        expect_error(http.as_user(outsider).delete(path), 403, 'forbidden')
        expect_error(http.as_user(outsider).delete(f'{path}/members/{ann.id}'), 403, 'forbidden')
        expect_error(http.as_user(outsider).patch(f'{path}/members/{bob.id}', {'role': 'admin'}), 403, 'forbidden')
    assert http.as_user(ann).patch(path, {'name': 'ours'}).json()['room']['name'] == 'ours'
    members = http.as_user(bob).get(f'{path}/members').json()['members']
    assert [(m['user']['id'], m['role']) for m in members] == [(ann.id, 'admin'), (bob.id, 'member')]
    assert members[0].keys() == {'user', 'role', 'joinedAt'} and 'email' not in members[0]['user']
    expect_error(http.as_user(eve).get(f'{path}/members'), 403, 'forbidden')


def test_the_last_admin_can_not_vanish(http, trio, make_room):
    ann, bob, eve = trio
    room = make_room(ann, bob, eve)
    path = f'/api/rooms/{room["id"]}/members'
    expect_error(http.as_user(ann).patch(f'{path}/{ann.id}', {'role': 'member'}), 409, 'conflict')
    assert http.as_user(ann).patch(f'{path}/{eve.id}', {'role': 'admin'}).json()['member']['role'] == 'admin'
    assert http.as_user(ann).patch(f'{path}/{ann.id}', {'role': 'member'}).status_code == 200
    assert http.as_user(eve).delete(f'{path}/{eve.id}').status_code == 204  # the longest-standing one follows
    roles = {m['user']['id']: m['role'] for m in http.as_user(bob).get(path).json()['members']}
    assert roles == {ann.id: 'admin', bob.id: 'member'}
    expect_error(http.as_user(ann).patch(f'{path}/{eve.id}', {'role': 'admin'}), 404, 'not_found')
    expect_error(http.as_user(ann).patch(f'{path}/{bob.id}', {'role': 'king'}), 422, 'validation_error')


def test_who_comes_into_an_empty_room_becomes_its_admin(http, trio, make_room):
    ann, bob, _ = trio
    room = make_room(ann)
    assert http.as_user(ann).delete(f'/api/rooms/{room["id"]}/members/{ann.id}').status_code == 204
    assert http.as_user(bob).post('/api/rooms/join', {'roomId': room['id']}).json()['room']['role'] == 'admin'


def test_whom_an_admin_removed_needs_a_code_to_come_back(http, trio, make_room):
    ann, bob, _ = trio
    room = make_room(ann, bob)
    path = f'/api/rooms/{room["id"]}'
    assert http.as_user(ann).delete(f'{path}/members/{bob.id}').status_code == 204
    expect_error(http.as_user(ann).delete(f'{path}/members/{bob.id}'), 404, 'not_found')
    expect_error(http.as_user(bob).get(f'{path}/messages'), 403, 'forbidden')
    expect_error(http.as_user(bob).post('/api/rooms/join', {'roomId': room['id']}), 403, 'forbidden')
    expect_error(http.as_user(bob).post('/api/rooms/join', {'inviteCode': room['inviteCode']}), 404, 'not_found')
    code = http.as_user(ann).get(f'{path}/invite').json()['inviteCode']
    assert http.as_user(bob).post('/api/rooms/join', {'inviteCode': code}).status_code == 200
    http.as_user(bob).delete(f'{path}/members/{bob.id}')  # leaving by oneself is no removal
    assert http.as_user(bob).post('/api/rooms/join', {'roomId': room['id']}).status_code == 200


def test_a_removed_room_is_gone_for_everybody_with_its_messages(http, trio, make_room, connect):
    ann, bob, _ = trio
    room = make_room(ann, bob)
    message = http.as_user(bob).post(f'/api/rooms/{room["id"]}/messages', {'content': 'x', 'clientId': 'r'}).json()['message']
    listener = connect(bob)
    assert http.as_user(ann).delete(f'/api/rooms/{room["id"]}').status_code == 204
    assert listener.expect('room_deleted') == {'roomId': room['id']}
    for path in ('', '/messages', '/members'):
        expect_error(http.as_user(bob).get(f'/api/rooms/{room["id"]}{path}'), 404, 'not_found')
    expect_failure(listener.call('send_message', {'roomId': room['id'], 'content': 'x'}), 'not_found')
    expect_failure(listener.call('read_receipt', {'messageId': message['id']}), 'not_found')
    assert room['id'] not in [r['id'] for r in http.as_user(bob).get('/api/conversations').json()]
    assert room['id'] not in [r['id'] for r in http.as_user(bob).get_all('/api/rooms', 'rooms')]
    expect_error(http.as_user(bob).post('/api/rooms/join', {'inviteCode': room['inviteCode']}), 404, 'not_found')


def test_the_lobby_and_direct_rooms_are_not_shaped(http, trio):
    ann, bob, _ = trio
    lobby = http.as_user(ann).post('/api/messages/send', {'content': 'x'}).json()['roomId']
    direct = http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'x'}).json()['roomId']
    me = http.as_user(ann)
    for room_id in (lobby, direct):
        path = f'/api/rooms/{room_id}'
        assert me.get(path).status_code == 200
        for refused in (me.patch(path, {'name': 'x'}), me.delete(path), me.delete(f'{path}/members/{ann.id}'),
                        me.get(f'{path}/invite'), me.delete(f'{path}/members/{bob.id}')):
            expect_error(refused, 403, 'forbidden')
    expect_error(me.post('/api/rooms/join', {'roomId': direct}), 403, 'forbidden')


def test_a_server_admin_rules_public_rooms_and_no_private_ones(start_server, open_http, database):
    import subprocess
    import sys

    from tests.support.server import REPOSITORY
    server = start_server(database=database)
    http = open_http(server)
    ann, root = http.register(), http.register()
    subprocess.run([sys.executable, '-m', 'flask', 'user', 'admin', root.username], cwd=REPOSITORY,
                   env=server.environment, check=True, capture_output=True, timeout=60)
    public = http.as_user(ann).post('/api/rooms', {'name': 'open'}).json()['room']
    private = http.as_user(ann).post('/api/rooms', {'name': 'closed', 'isPrivate': True}).json()['room']
    me = http.as_user(root)
    assert me.patch(f'/api/rooms/{public["id"]}', {'name': 'tidy'}).json()['room']['name'] == 'tidy'
    assert me.get(f'/api/rooms/{public["id"]}/invite').status_code == 200
    expect_error(me.patch(f'/api/rooms/{private["id"]}', {'name': 'x'}), 404, 'not_found')
    assert me.delete(f'/api/rooms/{public["id"]}/members/{ann.id}').status_code == 204
    assert me.delete(f'/api/rooms/{public["id"]}').status_code == 204


# ---------------------------------------------------------------------- live

def test_a_room_message_reaches_every_connection_of_every_member(http, trio, make_room, connect):
    ann, bob, eve = trio
    room = make_room(ann, bob)
    inside = [connect(ann), connect(ann, '/chat'), connect(bob)]
    outside = connect(eve)
    ack = expect_ok(inside[0].call('send_message', {'roomId': room['id'], 'content': 'hello', 'clientId': 'k'}))
    for client in inside:
        assert client.expect('receive_message') == ack['message'] | {'userId': ann.id}
        client.expect_nothing('receive_message')
    outside.expect_nothing('receive_message')
    assert ack['message']['receiverId'] is None and ack['message']['roomId'] == room['id']
    sent = http.as_user(bob).post(f'/api/rooms/{room["id"]}/messages', {'content': 'by rest'})
    assert sent.status_code == 201
    assert inside[0].expect('receive_message')['id'] == sent.json()['message']['id']
    expect_failure(outside.call('send_message', {'roomId': room['id'], 'content': 'x'}), 'forbidden')


@pytest.mark.parametrize('way', ['rest', 'socket'])
def test_membership_is_live_on_every_connection_at_once(http, trio, make_room, connect, way):
    ann, bob, _ = trio
    room = make_room(ann)
    admin, clients = connect(ann), [connect(bob), connect(bob, '/chat')]

    def say(content):
        expect_ok(admin.call('send_message', {'roomId': room['id'], 'content': content}))

    def join():
        if way == 'rest':
            http.as_user(bob).post('/api/rooms/join', {'roomId': room['id']})
        else:
            assert expect_ok(clients[0].call('join_room', {'roomId': room['id']}))['room']['memberCount'] == 2

    def leave():
        if way == 'rest':
            http.as_user(bob).delete(f'/api/rooms/{room["id"]}/members/{bob.id}')
        else:
            assert expect_ok(clients[0].call('leave_room', {'roomId': room['id']}))['room']['role'] is None

    say('0')
    join()
    joined = admin.expect('member_joined')
    assert joined['roomId'] == room['id'] and joined['user']['id'] == bob.id
    assert all(client.expect('member_joined') == joined for client in clients)
    say('1')
    assert [client.expect('receive_message')['content'] for client in clients] == ['1', '1']
    leave()
    assert {str(client.expect('member_left')) for client in (admin, *clients)} == {
        str({'roomId': room['id'], 'userId': bob.id})}
    say('2')
    for client in clients:
        client.expect_nothing('receive_message')
    join()
    say('3')
    assert [client.expect('receive_message')['content'] for client in clients] == ['3', '3']
    http.as_user(ann).delete(f'/api/rooms/{room["id"]}/members/{bob.id}')
    say('4')
    for client in clients:
        client.expect('member_left')
        client.expect_nothing('receive_message')
    expect_failure(clients[0].call('join_room', {'roomId': room['id']}), 'forbidden')
    code = http.as_user(ann).get(f'/api/rooms/{room["id"]}/invite').json()['inviteCode']
    expect_ok(clients[0].call('join_room', {'roomId': room['id'], 'inviteCode': code}))


def test_a_new_name_reaches_the_members(http, trio, make_room, connect):
    ann, bob, _ = trio
    room, listener = make_room(ann, bob), connect(bob)
    http.as_user(ann).patch(f'/api/rooms/{room["id"]}', {'name': 'new'})
    assert listener.expect('room_updated') == {
        'id': room['id'], 'name': 'new', 'kind': 'public', 'isPrivate': False, 'memberCount': 2}


def test_messages_of_one_user_in_a_room_are_limited_over_http_and_sockets_together(
        start_server, open_http, open_socket, database):
    server = start_server(env={'RATE_LIMIT_MESSAGES': '5/10'}, database=database)
    http = open_http(server)
    ann, bob = http.register(), http.register()
    rooms = [http.as_user(ann).post('/api/rooms', {'name': str(number)}).json()['room'] for number in range(2)]
    http.as_user(bob).post('/api/rooms/join', {'roomId': rooms[0]['id']})
    client = open_socket(server, ann)
    payload, path = {'roomId': rooms[0]['id'], 'content': 'x'}, f'/api/rooms/{rooms[0]["id"]}/messages'
    assert [http.as_user(ann).post(path, {'content': 'x'}).status_code for _ in range(3)] == [201] * 3
    assert [client.call('send_message', payload)['ok'] for _ in range(3)] == [True, True, False]
    limited = expect_failure(client.call('send_message', payload), 'rate_limited')
    assert 1 <= limited['retryAfter'] <= 10
    refused = http.as_user(ann).post(path, {'content': 'x'})
    assert expect_error(refused, 429, 'rate_limited')['retryAfter'] == int(refused.headers['Retry-After'])
    assert http.as_user(ann).post('/api/messages/send', payload).status_code == 429
    assert http.as_user(bob).post(path, {'content': 'x'}).status_code == 201
    expect_ok(client.call('send_message', {'roomId': rooms[1]['id'], 'content': 'x'}))


# ---------------------------------------------------------------------- history

def test_a_rooms_history_pages_by_message_id_and_by_time(http, trio, make_room):
    ann, bob, _ = trio
    room = make_room(ann, bob)
    path, me = f'/api/rooms/{room["id"]}/messages', http.as_user(ann)
    sent = [me.post(path, {'content': str(number)}).json()['message'] for number in range(7)]
    other = make_room(ann)
    me.post(f'/api/rooms/{other["id"]}/messages', {'content': 'elsewhere'})
    ids, pages, url = [m['id'] for m in sent], [], path + '?limit=3'
    while url:
        response = me.get(url)
        pages.append([m['id'] for m in response.json()['messages']])
        url = response.links.get('next', {}).get('url')
    assert pages == [ids[4:], ids[1:4], ids[:1]]
    assert [m['id'] for m in me.get(f'{path}?cursor={ids[3]}').json()['messages']] == ids[:3]
    for cut in range(7):
        found = me.get(path, params={'cursor': sent[cut]['createdAt']}).json()['messages']
        assert [m['id'] for m in found] == [m['id'] for m in sent if m['createdAt'] < sent[cut]['createdAt']]
    assert [m['id'] for m in me.get(f'{path}?cursor=2999-01-01').json()['messages']] == ids
    assert me.get(f'{path}?cursor=1999-01-01T00:00:00Z').json()['messages'] == []
    expect_error(me.get(f'{path}?cursor=yesterday'), 422, 'validation_error')


def test_a_page_deep_in_a_room_reads_no_more_of_the_index_than_the_newest(start_server, open_http, mariadb):
    url = make_url(mariadb.create_database())
    server = start_server(database=url.render_as_string(hide_password=False))
    http = open_http(server)
    ann = http.register()
    room = http.as_user(ann).post('/api/rooms', {'name': 'long'}).json()['room']['id']
    mariadb.query(
        'INSERT INTO messages (room_id, sender_id, seq, type, content, nonce, created_at) '
        "SELECT %s, %s, seq, 'text', 'x', seq, seq FROM seq_1_to_50000", (room, ann.id), database=url.database)
    newest = mariadb.query('SELECT MAX(id) FROM messages', database=url.database)[0][0]

    def reads(before):
        counter = "SHOW GLOBAL STATUS LIKE 'Handler_read_prev'"
        at_first = int(mariadb.query(counter)[0][1])
        found = http.as_user(ann).get(f'/api/rooms/{room}/messages?before={before}').json()['messages']
        assert len(found) == 50
        return int(mariadb.query(counter)[0][1]) - at_first

    assert reads(newest - 25_000) < 500 and reads(newest + 1) < 500


def test_messages_of_whoever_is_removed_do_not_follow_the_removal(http, trio, make_room, connect):
    ann, bob, eve = trio
    room = make_room(ann, bob, eve)
    sender, watcher = connect(bob), connect(eve)
    pending = [sender.call_async('send_message', {'roomId': room['id'], 'content': str(n)}) for n in range(300)]
    wait_until(lambda: pending[20].done)
    http.as_user(ann).delete(f'/api/rooms/{room["id"]}/members/{bob.id}')
    outcomes = [each.result(20) for each in pending]
    watcher.settle()
    told = [(event, args[0]) for event, args in watcher.transcript if event in ('receive_message', 'member_left')]
    left = [event for event, _ in told].index('member_left')
    assert len(told) == left + 1  # nothing of the one who left came after it
    assert left == sum(answer['ok'] for answer in outcomes)


# ---------------------------------------------------------------------- many at once

def test_50_users_who_join_leave_and_chat_at_random_all_see_what_the_database_holds(http, new_user, connect, make_room):
    import random
    rng = random.Random(7)
    users = [new_user() for _ in range(50)]
    rooms = [make_room(rng.choice(users)) for _ in range(20)]
    clients = {user.id: connect(user) for user in users}

    def act(user, seed):
        own, client = random.Random(seed), clients[user.id]
        for number in range(20):
            room_id = own.choice(rooms)['id']
            event = own.choice(['join_room', 'leave_room', 'send_message', 'send_message', 'send_message'])
            payload = {'roomId': room_id} | ({'content': f'{user.id}-{number}'} if event == 'send_message' else {})
            ack = client.call(event, payload, timeout=30)
            assert ack['ok'] or ack['code'] == 'forbidden', ack

    threads = [threading.Thread(target=act, args=(user, rng.random())) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients.values():
        client.settle(timeout=20)
    history, members = {}, {}
    for room in rooms:
        room_id = room['id']
        anyone = next(u for u in users if http.as_user(u).post('/api/rooms/join', {'roomId': room_id}).status_code == 200)
        found = http.as_user(anyone).get(f'/api/rooms/{room_id}/messages?limit=100').json()['messages']
        history[room_id] = [(m['id'], m['content']) for m in found]
        members[room_id] = http.as_user(anyone).get(f'/api/rooms/{room_id}').json()['room']['memberCount']
        listed = http.as_user(anyone).get(f'/api/rooms/{room_id}/members').json()['members']
        assert len(listed) == members[room_id]
        assert [m['role'] for m in listed].count('admin') >= 1
    for user in users:
        seen = {}
        for message in clients[user.id].received('receive_message'):
            seen.setdefault(message['roomId'], []).append((message['id'], message['content']))
        for room_id, messages in seen.items():
            stored = [m for m in history[room_id] if m in messages]
            assert messages == stored  # each once, in order, and nothing that is not stored
            own = [m for m in history[room_id] if m[1].startswith(f'{user.id}-')]
            assert [m for m in messages if m[1].startswith(f'{user.id}-')] == own  # whoever sends is in the room
