"""Five kinds of clients on one server, each doing exactly what its description documents, with the real socket.io-client."""
import json

import pytest

from tests.support.http import expect_error
from tests.support.sockets import expect_failure, expect_ok

PASSWORD = 'password123'


@pytest.fixture
def fresh(new_user):
    """A name that nobody has."""
    return lambda: new_user().username.replace('user_', 'x')


@pytest.fixture
def client_b(http, fresh, connect):
    """Signs up and in as B's clients do; returns (user id as a string, token, http, socket)."""
    def make():
        name = fresh()
        account = {'username': name, 'email': f'{name}@b.example', 'password': PASSWORD}
        registered = http.post('/api/user/register', account)
        assert registered.status_code == 201
        user = registered.json()['user']
        assert user == {'_id': user['id'], 'id': user['id'], 'username': name, 'email': account['email']}
        body = http.post('/api/user/login', {'email': account['email'], 'password': PASSWORD}).json()
        assert body.keys() == {'message', 'token', 'userId'} and body['userId'] == user['id']
        socket = connect(None, extraHeaders={'access_token': body['token']})
        return body['userId'], body['token'], http.as_user(None), socket
    return make


@pytest.fixture
def client_c(http, fresh, connect):
    """Signs up and in as C's clients do; returns (user id, token, socket)."""
    def make(name='Cleo'):
        email = f'{fresh()}@c.example'
        registered = http.post('/register', {'name': name, 'email': email, 'password': PASSWORD})
        assert registered.status_code == 201 and registered.json().keys() == {'message'}
        login = http.post('/login', {'email': email, 'password': PASSWORD})
        assert login.status_code == 201 and login.json().keys() == {'token'}
        token = login.json()['token']
        me = http.as_user(token).get('/user')
        assert me.status_code == 201 and me.json() == {'id': me.json()['id'], 'name': name, 'email': email}
        return me.json()['id'], token, connect(None, '/chat', auth={'token': token})
    return make


@pytest.fixture
def client_d(http, fresh, connect):
    """Signs up and in as D's clients do; returns (user, token, socket)."""
    def make(display_name='John Doe'):
        registered = http.post('/api/auth/register', {
            'email': f'{fresh()}@d.example', 'password': '123456', 'displayName': display_name}).json()
        socket = connect(None)
        socket.emit('auth:login', {'token': registered['token']})
        assert socket.expect('auth:ok')['user']['displayName'] == display_name
        return registered['user'], registered['token'], socket
    return make


# ---------------------------------------------------------------------- A

def test_a_client_of_a_works_as_its_description_says(http, fresh, connect):
    names = [fresh(), fresh()]
    tokens = []
    for name in names:
        body = {'username': name, 'password': PASSWORD, 'confirmPassword': PASSWORD, 'email': f'{name}@a.example'}
        assert http.post('/api/auth/register', body).status_code == 201
        tokens.append(http.post('/api/auth/login', {'username': name, 'password': PASSWORD}).json()['token'])
    ann, bob = (http.as_user(token) for token in tokens)
    users = {user['username']: user['id'] for user in ann.get_all('/api/users')}
    assert names[0] not in users
    listener = connect(None, auth={'token': tokens[1]})
    sent = ann.post(f'/api/messages/send/{users[names[1]]}', {'message': 'hi'}).json()
    assert listener.expect('newMessage') == sent
    assert bob.get(f'/api/messages/{sent["senderId"]}').json() == [sent]
    assert ann.post('/api/auth/logout').status_code == 200
    assert ann.get('/api/users').status_code == 401


# ---------------------------------------------------------------------- B

def test_a_client_of_b_works_as_its_description_says(http, client_b):
    ann, token, _, sender = client_b()
    bob, bobs, _, receiver = client_b()
    assert http.get('/api/user', headers={'access_token': token}).status_code == 200
    listed = http.as_user(token).get_all('/api/user', 'user')
    assert {'_id': ann, 'id': ann, 'username': listed[[u['id'] for u in listed].index(ann)]['username']} in listed
    expect_ok(receiver.call('join', bob))
    receiver.emit('message', json.dumps({'event': 'join', 'data': bob}))
    sender.emit('message', json.dumps({
        'event': 'chat message', 'data': {'sender': ann, 'receiver': bob, 'content': 'enveloped'}}))
    first = receiver.expect('chat message')
    assert first.keys() == {'id', 'sender', 'receiver', 'content', 'timestamp'}
    assert (first['sender'], first['receiver'], first['content']) == (ann, bob, 'enveloped')
    ack = expect_ok(sender.call('chat message', {'sender': ann, 'receiver': bob, 'content': 'plain'}))
    second = receiver.expect('chat message')
    assert (second['id'], second['content']) == (str(ack['message']['id']), 'plain')
    body = {'sender': ann, 'receiver': bob, 'content': 'by rest'}
    third = http.post('/api/chat/send', body, headers={'access_token': token})
    assert third.status_code == 201
    message = third.json()['message']
    assert message == {'_id': message['id']} | receiver.expect('chat message')
    sender.expect_nothing('chat message')
    expected = [message, {'_id': second['id']} | second, {'_id': first['id']} | first]
    for path in (f'/api/chat/messages/{bob}', f'/api/chat/messages/{ann}/{bob}', f'/api/chat/messages/{bob}/{ann}'):
        assert http.as_user(bobs).get(path).json() == expected  # newest first


def test_b_can_neither_read_nor_send_as_somebody_else(http, client_b, new_user):
    ann, token, _, socket = client_b()
    bob, eve = new_user(), new_user()
    me = http.as_user(token)
    expect_error(me.post('/api/chat/send', {'sender': bob.id, 'receiver': ann, 'content': 'x'}), 403, 'forbidden')
    expect_error(me.get(f'/api/chat/messages/{bob.id}'), 403, 'forbidden')
    expect_error(me.get(f'/api/chat/messages/{bob.id}/{eve.id}'), 403, 'forbidden')
    for path in ('/api/user', f'/api/chat/messages/{ann}', f'/api/chat/messages/{ann}/{bob.id}'):
        expect_error(http.get(path), 401, 'unauthorized')
    expect_error(http.post('/api/chat/send', {'sender': ann, 'receiver': bob.id, 'content': 'x'}), 401, 'unauthorized')
    expect_failure(socket.call('join', str(bob.id)), 'forbidden')
    forged = {'sender': bob.id, 'receiver': eve.id, 'content': 'x'}
    expect_failure(socket.call('chat message', forged), 'forbidden')
    expect_failure(socket.call('message', json.dumps({'event': 'chat message', 'data': forged})), 'forbidden')


def test_b_is_told_400_what_others_are_told_otherwise(http, client_b):
    _, token, _, _ = client_b()
    taken = http.as_user(token).get('/api/user').json()['user'][0]['username']
    again = {'username': taken, 'email': f'{taken}@again.example', 'password': PASSWORD}
    expect_error(http.post('/api/user/register', again), 400, 'bad_request')
    expect_error(http.post('/api/user/login', {'email': 'no@b.example', 'password': 'wrong'}), 400, 'bad_request')


@pytest.mark.parametrize('payload', ['no json', '[]', '5', '{"event": "nothing"}', '{}', None, 5, {'event': 'join'},
                                     '{"event": "chat message"}', '{"event": "join", "data": {}}', '{"event": ["join"]}'])
def test_an_envelope_of_any_content_gets_an_error(client_b, payload):
    socket = client_b()[3]
    ack = socket.call('message', payload)
    assert ack['ok'] is False and socket.expect('error')['event'] == 'message'


# ---------------------------------------------------------------------- C

def test_a_client_of_c_works_as_its_description_says(http, client_c):
    ann, _, sender = client_c('Ann')
    _, _, receiver = client_c('Bob')
    given = {'id': f'c-{ann}', 'content': 'hello all', 'author_id': ann, 'author_name': 'Ann',
             'timestamp': '2026-01-01T10:00:00', 'status': 'pending'}
    sender.emit('send-message', given)
    for client in (sender, receiver):
        assert client.expect('receive-message') == given
        client.expect_nothing('receive_message')


def test_who_wrote_a_message_of_c_is_what_the_token_says(client_c, new_user):
    ann, _, sender = client_c('Ann')
    sender.emit('send-message', {'id': f'f-{ann}', 'content': 'x', 'author_id': '1', 'author_name': 'The Boss'})
    received = sender.expect('receive-message')
    assert (received['author_id'], received['author_name']) == (ann, 'Ann')
    assert received['status'] == 'sent' and received['timestamp'].endswith('Z')


def test_the_same_id_of_c_again_is_one_message(client_c):
    ann, _, sender = client_c()
    message = {'id': f'once-{ann}', 'content': 'once'}
    first, again = (expect_ok(sender.call('send-message', message)) for _ in range(2))
    assert first == again and first['message']['clientId'] == message['id']
    sender.expect('receive-message')
    sender.expect_nothing('receive-message')


@pytest.mark.parametrize('change', [{'content': ''}, {'content': None}, {'id': 5}, {'id': 'x' * 65}, {'status': 'x' * 65},
                                    {'timestamp': {}}, {'content': 'a\0'}])
def test_a_bad_message_of_c_is_refused(client_c, change):
    sender = client_c()[2]
    expect_failure(sender.call('send-message', {'id': 'a', 'content': 'x'} | change), 'validation_error')


def test_c_is_told_404_and_409(http, client_c, new_user):
    assert http.post('/login', {'email': 'no@c.example', 'password': 'wrong'}).status_code == 404
    body = {'name': 'x', 'email': new_user().email, 'password': PASSWORD}
    expect_error(http.post('/register', body), 409, 'conflict')


# ---------------------------------------------------------------------- D

def test_a_client_of_d_works_as_its_description_says(http, client_d):
    ann, token, sender = client_d('Ann')
    bob, _, receiver = client_d('Bob')
    assert {ann['id'], bob['id']} <= set(receiver.expect('user:online'))
    sender.emit('message:private', {'toUserId': bob['id'], 'content': 'Hello!'})
    received = receiver.expect('message:new')
    assert (received['senderId'], received['receiverId'], received['content']) == (ann['id'], bob['id'], 'Hello!')
    direct = http.as_user(token).post('/api/messages/send', {'receiverId': bob['id'], 'content': 'by rest'}).json()
    assert receiver.expect('message:new') == direct
    to_all = http.as_user(token).post('/api/messages/send', {'content': 'Hello World'}).json()
    for client in (sender, receiver):
        assert client.expect('message:new', where=lambda m: m['id'] == to_all['id']) == to_all
    assert to_all['receiverId'] is None
    mine = http.as_user(token).get('/api/messages').json()
    assert [m['id'] for m in mine if m['senderId'] == ann['id']] == [received['id'], direct['id'], to_all['id']]
    receiver.disconnect()
    sender.expect('user:offline', timeout=6, where=lambda user_id: user_id == bob['id'])
    sender.expect('user:online', where=lambda users: bob['id'] not in users)


def test_a_wrong_token_of_d_is_told_by_event(connect):
    socket = connect(None)
    socket.emit('auth:login', {'token': 'wrong'})
    assert socket.expect('auth:error').keys() == {'message'}


def test_a_blocked_client_of_d_sees_the_blocker_offline(http, client_d):
    ann, token, _ = client_d('Ann')
    bob, _, watcher = client_d('Bob')
    watcher.expect('user:online', where=lambda users: ann['id'] in users)
    http.as_user(token).put(f'/api/users/{bob["id"]}/block')
    client_d('Cid')
    watcher.expect('user:online', where=lambda users: ann['id'] not in users and bob['id'] in users)


def test_a_client_of_d_is_told_at_once_that_it_was_blocked_and_that_it_no_longer_is(http, client_d, new_user, connect):
    ann = new_user()
    connect(ann)
    bob, _, watcher = client_d('Bob')
    watcher.expect('user:online', where=lambda users: ann.id in users)
    http.as_user(ann).put(f'/api/users/{bob["id"]}/block')
    watcher.expect('user:offline', where=lambda user_id: user_id == ann.id)
    watcher.expect('user:online', where=lambda users: ann.id not in users)
    http.as_user(ann).delete(f'/api/users/{bob["id"]}/block')
    watcher.expect('user:online', where=lambda users: ann.id in users)


# ---------------------------------------------------------------------- E

def test_a_client_of_e_works_as_its_description_says(http, fresh, connect):
    tokens = []
    for name in (fresh(), fresh()):
        body = {'username': name, 'email': f'{name}@e.example', 'password': PASSWORD}
        tokens.append(http.post('/api/auth/register', body).json()['token'])
    ann, bob = (http.as_user(token) for token in tokens)
    room = ann.post('/api/rooms', {'name': 'tea', 'isPrivate': True}).json()['room']
    assert bob.post('/api/rooms/join', {'inviteCode': room['inviteCode']}).json()['room']['id'] == room['id']
    assert [r['id'] for r in bob.get('/api/rooms/mine').json()['rooms']] == [room['id']]
    first, second = (connect(None, auth={'token': token}) for token in tokens)
    second.emit('join_room', {'roomId': room['id']})
    second.emit('typing', {'roomId': room['id'], 'isTyping': True})
    assert first.expect('typing')['isTyping'] is True
    first.emit('send_message', {'roomId': room['id'], 'content': 'hello'})
    message = second.expect('receive_message')
    assert message['userId'] == message['senderId']
    second.emit('read_receipt', {'messageId': message['id']})
    assert first.expect('read_receipt')['messageId'] == message['id']
    history = bob.get(f'/api/rooms/{room["id"]}/messages?limit=10').json()['messages']
    assert [m['content'] for m in history] == ['hello']
    assert http.get('/health').json() == {'ok': True}
    second.disconnect()
    assert first.expect('user_status', timeout=6, where=lambda s: not s['online'])['lastSeen']


# ---------------------------------------------------------------------- rules for all

def test_the_first_sign_in_decides_the_dialect_and_the_handshake_overrules_it(http, client_b, new_user, connect):
    b_id, b_token, _, _ = client_b()
    other = new_user()
    as_standard = connect(None, auth={'token': b_token, 'dialect': 'standard'})
    as_d = connect(None, auth={'token': b_token, 'dialect': 'realtime-chat'})
    standard_as_b = connect(None, auth={'token': other.token, 'dialect': 'chat-app-api'})
    chosen = connect(None, auth={'dialect': 'standard'})
    expect_ok(chosen.call('auth:login', {'token': b_token}))
    expect_ok(as_standard.call('auth:login', {'token': b_token}))  # extends the sign-in, not the dialect
    sent = http.as_user(other).post(f'/api/messages/send/{b_id}', {'content': 'x'}).json()
    for client in (as_standard, chosen):
        assert client.expect('newMessage') == sent
        client.expect_nothing('chat message')
    assert as_d.expect('message:new') == sent
    as_d.expect_nothing('newMessage')
    http.as_user(b_token).post(f'/api/messages/send/{other.id}', {'content': 'y'})
    assert standard_as_b.expect('chat message')['content'] == 'y'


def test_no_dialect_is_a_way_around_a_rule(start_server, open_http, open_socket):
    server = start_server(env={'RATE_LIMIT_DIRECT': '2/60', 'RATE_LIMIT_SIGN_IN': '2/60', 'RATE_LIMIT_SIGN_UP': '4/60'})
    http = open_http(server)
    http.post('/api/user/register', {'username': 'bee', 'email': 'bee@example.com', 'password': PASSWORD})
    http.post('/register', {'name': 'Cee', 'email': 'cee@example.com', 'password': PASSWORD})
    bee = http.post('/api/user/login', {'email': 'bee@example.com', 'password': PASSWORD}).json()
    cee = http.post('/login', {'email': 'cee@example.com', 'password': PASSWORD}).json()['token']
    ann, bob = http.register(), http.register()
    for path in ('/register', '/api/user/register', '/api/auth/register'):
        body = {'name': 'x', 'username': 'xyz', 'email': 'x@example.com', 'password': PASSWORD}
        expect_error(http.post(path, body), 429, 'rate_limited')

    b_socket = open_socket(server, extraHeaders={'access_token': bee['token']})
    payload = {'sender': bee['userId'], 'receiver': ann.id, 'content': 'x'}
    envelope = json.dumps({'event': 'chat message', 'data': payload})
    assert [b_socket.call('message', envelope)['ok'] for _ in range(2)] == [True, True]
    expect_failure(b_socket.call('chat message', payload), 'rate_limited')
    expect_error(http.as_user(bee['token']).post('/api/chat/send', payload), 429, 'rate_limited')
    c_socket = open_socket(server, namespace='/chat', auth={'token': cee})
    assert [c_socket.call('send-message', {'content': 'x'})['ok'] for _ in range(3)] == [True, True, False]

    http.as_user(bob).put(f'/api/users/{bee["userId"]}/block')
    expect_failure(b_socket.call('chat message', payload | {'receiver': bob.id}), 'forbidden')
    expect_error(http.as_user(bee['token']).post('/api/chat/send', payload | {'receiver': bob.id}), 403, 'forbidden')

    statuses = [http.post(path, {'email': ann.email, 'password': 'wrong'}).status_code
                for path in ('/login', '/api/user/login', '/api/auth/login')]
    assert statuses == [404, 400, 429]
    for token, socket in ((bee['token'], b_socket), (cee, c_socket)):
        assert http.as_user(token).post('/api/auth/logout').status_code == 200
        socket.expect('disconnect')


def test_five_clients_of_five_kinds_chat_and_each_hears_everything_once_in_its_own_words(
        http, client_b, client_c, client_d, new_user, connect):
    a, e = new_user(), new_user()
    a_socket, e_socket = connect(a), connect(e)
    b_id, b_token, _, b_socket = client_b()
    c_id, c_token, c_socket = client_c('Cleo')
    d, d_token, d_socket = client_d('Dora')
    sockets = {'a': a_socket, 'b': b_socket, 'c': c_socket, 'd': d_socket, 'e': e_socket}
    d_socket.expect('user:online')
    quiet = {'user:online', 'user:offline', 'auth:ok'}  # users of other tests come and go meanwhile
    before = {name: len(socket.transcript) for name, socket in sockets.items()}

    def said(name):
        return [(event, args[0]) for event, args in sockets[name].transcript[before[name]:] if event not in quiet]

    to_b = http.as_user(a).post(f'/api/messages/send/{b_id}', {'content': 'a to b'}).json()
    to_d = expect_ok(b_socket.call('chat message', {'sender': b_id, 'receiver': d['id'], 'content': 'b to d'}))['message']
    to_a = expect_ok(d_socket.call('message:private', {'toUserId': a.id, 'content': 'd to a'}))['message']
    given = {'id': f'five-{c_id}', 'content': 'c to all', 'timestamp': 'now', 'status': 'sending'}
    to_all = expect_ok(c_socket.call('send-message', given))['message']
    room = http.as_user(e).post('/api/rooms', {'name': 'five'}).json()['room']
    for token in (a.token, b_token, c_token, d_token):
        assert http.as_user(token).post('/api/rooms/join', {'roomId': room['id']}).status_code == 200
    in_room = expect_ok(e_socket.call('send_message', {'roomId': room['id'], 'content': 'e to the room'}))['message']
    for socket in sockets.values():
        socket.settle()  # what is said in different conversations may come in another order
    lobby = http.as_user(e).post('/api/messages/send', {'content': 'e to all'}).json()
    for socket in sockets.values():
        socket.settle()

    def words_of_c(message, **own):
        author = {'author_id': str(message['senderId']), 'author_name': own.pop('name')}
        return {'id': str(message['id']), 'content': message['content'], 'timestamp': message['createdAt'],
                'status': 'sent'} | author | own

    def room_message(message):
        return 'receive_message', message | {'userId': message['senderId']}

    def only(name, *events):
        return [entry for entry in said(name) if entry[0] in events]

    assert only('a', 'newMessage', 'message_sent', 'receive_message') == [
        ('message_sent', to_b), ('newMessage', to_a), room_message(to_all), room_message(in_room), room_message(lobby)]
    assert said('b') == [('chat message', {'id': str(to_b['id']), 'sender': str(a.id), 'receiver': b_id,
                                           'content': 'a to b', 'timestamp': to_b['createdAt']})]
    assert said('c') == [
        ('receive-message', words_of_c(to_all, name='Cleo', id=given['id'], timestamp='now', status='sending')),
        ('receive-message', words_of_c(lobby, name=e.user['displayName']))]
    assert said('d') == [('message:new', to_d), ('message:new', to_all), ('message:new', lobby)]
    assert only('e', 'newMessage', 'message_sent', 'receive_message') == [
        room_message(to_all), room_message(in_room), room_message(lobby)]
    assert {event for event, _ in said('e')} == {'receive_message', 'member_joined', 'user_status'}
    assert {event for event, _ in said('a')} <= {
        'newMessage', 'message_sent', 'receive_message', 'member_joined', 'user_status'}
