"""Connection state recovery: a client whose line was lost comes back as who it was, and gets what it missed."""
import json
import threading

import pytest
import socketio

from tests.support.http import Account
from tests.support.proxy import CuttingProxy
from tests.support.raw import RawSocket
from tests.support.sockets import expect_ok
from tests.support.waiting import wait_until

AT_ONCE = {'reconnection': True, 'reconnectionDelay': 10, 'reconnectionDelayMax': 10, 'randomizationFactor': 0}
TRANSPORTS = {'websocket': ['websocket'], 'upgraded': ['polling', 'websocket'], 'polling': ['polling']}


@pytest.fixture
def lines(watched_server):
    """The lines to the shared server, which can be cut."""
    proxy = CuttingProxy(watched_server.port)
    yield proxy
    proxy.close()


@pytest.fixture
def dial(lines, open_socket):
    """Connects over those lines with a genuine client that tries again by itself: `dial(account, namespace, **options)`."""
    def dial(account, namespace='/', **options):
        return open_socket(lines, account, namespace, **{'transports': ['websocket'], **AT_ONCE, **options})

    return dial


class Room:
    """A private room of some users."""

    def __init__(self, http, owner, *members):
        self._http, self._owner = http, owner
        room = http.as_user(owner).post('/api/rooms', {'name': 'Recovery', 'isPrivate': True}).json()['room']
        self.id, self.code = room['id'], room['inviteCode']
        for member in members:
            self.admit(member)

    def admit(self, member):
        assert self._http.as_user(member).post('/api/rooms/join', {'inviteCode': self.code}).status_code == 200

    def say(self, *contents):
        for content in contents:
            body = {'roomId': self.id, 'content': content}
            assert self._http.as_user(self._owner).post('/api/messages/send', body).status_code == 201


@pytest.fixture
def make_room(http):
    def make(*members):
        return Room(http, *members)

    return make


def contents(client, event='receive_message'):
    return [message['content'] for message in client.received(event)]


def come_back(lines, *clients):
    """Let clients that were cut off in again."""
    lines.refusing.clear()
    for client in clients:
        client.wait_connected()


# ---------------------------------------------------------------------- what is recovered

@pytest.mark.parametrize('transports', TRANSPORTS.values(), ids=TRANSPORTS)
def test_a_client_that_was_cut_off_gets_what_it_missed_once_and_in_order(dial, lines, make_room, new_user, http, transports):
    ann, bob = new_user(), new_user()
    room = make_room(ann, bob)
    client = dial(bob, transports=transports)
    if 'websocket' in transports:
        wait_until(lambda: client.transport == 'websocket')
    room.say('0')
    client.expect('receive_message')
    before = client.id
    lines.refusing.set()
    lines.cut()
    client.expect('disconnect')
    room.say('1', '2')
    http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'only to you'})
    room.say('3')
    come_back(lines, client)
    room.say('4')
    client.expect('receive_message', where=lambda message: message['content'] == '4')
    assert (client.recovered, client.id) == (True, before)
    assert contents(client) == ['0', '1', '2', '3', '4']
    assert contents(client, 'newMessage') == ['only to you']


def test_frames_cut_in_the_middle_are_sent_again_while_others_go_on(dial, lines, make_room, new_user, connect):
    ann, bob = new_user(), new_user()
    room = make_room(ann, bob)
    writer, client = connect(ann), dial(bob)
    room.say('first')
    client.expect('receive_message')
    for start in range(0, 400, 100):
        lines.cut_in(f'message {start + 50} '.encode())
        acks = writer.send_many('send_message', [
            {'roomId': room.id, 'content': f'message {number} {"x" * 300}'} for number in range(start, start + 100)])
        assert all(ack['ok'] for _, ack in acks)
        client.expect('disconnect')
        client.wait_connected()
        assert client.recovered
    client.expect('receive_message', where=lambda message: message['content'].startswith('message 399 '))
    told = [content.split()[1] for content in contents(client)[1:]]
    assert told == [str(number) for number in range(400)]


def test_what_was_sent_before_the_server_noticed_the_loss_is_recovered_too(dial, lines, make_room, new_user):
    ann, bob = new_user(), new_user()
    room = make_room(ann, bob)
    client = dial(bob)
    room.say('0')
    client.expect('receive_message')
    lines.refusing.set()
    lines.strand()
    client.expect('disconnect')
    room.say('1', '2')
    come_back(lines, client)
    room.say('3')
    client.expect('receive_message', where=lambda message: message['content'] == '3')
    assert client.recovered and contents(client) == ['0', '1', '2', '3']


def test_a_client_that_was_never_told_anything_is_recovered(dial, lines, make_room, new_user):
    ann, bob = new_user(), new_user()
    room = make_room(ann, bob)
    client = dial(bob)
    lines.refusing.set()
    lines.cut()
    client.expect('disconnect')
    room.say('1')
    come_back(lines, client)
    assert client.expect('receive_message')['content'] == '1'
    assert client.recovered


def test_a_client_can_be_lost_again_and_again(dial, lines, make_room, new_user):
    ann, bob = new_user(), new_user()
    room, client = make_room(ann, bob), dial(bob)
    before = client.id
    for number in range(5):
        lines.refusing.set()
        (lines.strand if number % 2 else lines.cut)()
        client.expect('disconnect')
        room.say(str(number))
        come_back(lines, client)
        client.expect('receive_message')
        assert (client.recovered, client.id) == (True, before)
    assert contents(client) == ['0', '1', '2', '3', '4']


def test_every_namespace_of_a_line_is_recovered(dial, lines, new_user, http):
    ann, bob = new_user(), new_user()
    root = dial(bob)
    chat, call = (dial(bob, namespace, share_with=root) for namespace in ('/chat', '/call'))
    clients = [root, chat, call]
    before = [client.id for client in clients]
    lines.refusing.set()
    lines.cut()
    for client in clients:
        client.expect('disconnect')
    http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'hello'})
    come_back(lines, *clients)
    assert [client.id for client in clients] == before and all(client.recovered for client in clients)
    for client in (root, chat):
        client.expect('newMessage')
        client.settle()
        assert contents(client, 'newMessage') == ['hello']


def test_rooms_joined_and_left_while_away_count_from_then_on(dial, lines, make_room, new_user, http):
    ann, bob = new_user(), new_user()
    joined, left = make_room(ann), make_room(ann, bob)
    client = dial(bob)
    lines.refusing.set()
    lines.cut()
    client.expect('disconnect')
    joined.say('too early')
    joined.admit(bob)
    joined.say('in time')
    assert http.as_user(bob).delete(f'/api/rooms/{left.id}/members/{bob.id}').status_code == 204
    left.say('too late')
    come_back(lines, client)
    client.settle()
    assert client.recovered and contents(client) == ['in time']


def test_a_recovered_connection_does_all_that_it_did(dial, lines, make_room, new_user, connect, http):
    ann, bob = new_user(), new_user()
    room, client, other = make_room(ann, bob), dial(bob), connect(ann)
    lines.cut()
    client.expect('disconnect')
    client.wait_connected()
    assert client.recovered
    expect_ok(client.call('typing', {'roomId': room.id, 'isTyping': True}))
    assert other.expect('typing')['userId'] == bob.id
    expect_ok(client.call('send_message', {'toUserId': ann.id, 'content': 'back again'}))
    assert other.expect('newMessage')['content'] == 'back again'
    client.settle()
    assert client.received('message_sent') == [], 'its acknowledgement has told it'
    assert http.as_user(ann).get(f'/api/users/{bob.id}').json()['online']
    client.disconnect()
    wait_until(lambda: not http.as_user(ann).get(f'/api/users/{bob.id}').json()['online'])


def test_while_it_is_away_a_user_is_gone(dial, lines, make_room, new_user, connect):
    ann, bob = new_user(), new_user()
    make_room(ann, bob)
    other, client = connect(ann), dial(bob)
    lines.refusing.set()
    lines.cut()
    client.expect('disconnect')
    assert other.expect('user_status', where=lambda status: not status['online'])['userId'] == bob.id
    come_back(lines, client)
    assert client.recovered
    assert other.expect('user_status', where=lambda status: status['online'])['userId'] == bob.id


def test_a_call_ends_with_the_line_and_whoever_comes_back_is_told_so(dial, lines, new_user, connect):
    ann, bob = new_user(), new_user()
    other, client = connect(ann, '/call'), dial(bob, '/call')
    call_id = expect_ok(other.call('callUser', {'to': bob.id, 'offer': 'o'}))['callId']
    client.expect('callUser')
    expect_ok(client.call('makeAnswer', {'to': ann.id, 'answer': 'a'}))
    lines.refusing.set()
    lines.cut()
    client.expect('disconnect')
    assert other.expect('endCall') == {'from': bob.id, 'callId': call_id, 'reason': 'disconnected'}
    come_back(lines, client)
    assert client.recovered
    assert client.expect('endCall') == {'from': ann.id, 'callId': call_id, 'reason': 'disconnected'}


def test_nothing_of_a_call_but_its_end_is_told_afterwards(dial, lines, new_user, connect):
    ann, bob = new_user(), new_user()
    other, client = connect(ann, '/call'), dial(bob, '/call')
    lines.refusing.set()
    lines.strand()
    client.expect('disconnect')
    call_id = expect_ok(other.call('callUser', {'to': bob.id, 'offer': 'o'}))['callId']
    expect_ok(other.call('iceCandidate', {'to': bob.id, 'candidate': 'c'}))
    come_back(lines, client)
    client.settle()
    assert client.recovered
    assert [name for name, _ in client.transcript] == ['disconnect', 'endCall']
    assert client.expect('endCall')['callId'] == call_id


def test_a_list_of_who_is_online_comes_anew_in_the_clients_own_words(dial, lines, new_user, http):
    ann, bob = new_user(), new_user()
    client = dial(None, auth={'token': bob.token, 'dialect': 'realtime-chat'})
    client.expect('user:online')
    lines.refusing.set()
    lines.cut()
    client.expect('disconnect')
    http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'hello'})
    come_back(lines, client)
    assert client.recovered
    assert client.expect('message:new')['content'] == 'hello'
    assert bob.id in client.expect('user:online')


# ---------------------------------------------------------------------- clients that say what they want byte by byte

class Client:
    """A client in one namespace that says byte by byte what it was told: `sid`, `pid`, and the last `offset`."""

    all = []

    def __init__(self, server, account, namespace='/', pid=None, offset=None, headers=None, **auth):
        self.namespace, self.offset, self.account = namespace, offset, account
        self._socket = RawSocket(server.port, headers=headers)
        self.all.append(self)
        sent = {'token': account.token if isinstance(account, Account) else account, 'pid': pid, 'offset': offset, **auth}
        packet = self._socket.connect(namespace, {name: value for name, value in sent.items() if value is not None})
        start = 2 + (0 if namespace == '/' else len(namespace) + 1)
        assert packet.startswith('40'), packet
        told = json.loads(packet[start:])
        self.sid, self.pid = told['sid'], told.get('pid')

    def emit(self, *event):
        self._socket.send_text('42' + json.dumps(event))

    def expect(self, name):
        """The payload of the next event of that name."""
        while True:
            packet = self._socket.receive()
            if packet.startswith('42'):
                event, payload, *behind = json.loads(packet[2:])
                self.offset = behind[0] if behind else self.offset
                if event == name:
                    return payload

    def say_goodbye(self):
        """Disconnect from the namespace."""
        self._socket.send_text('41')

    def wait_closed(self):
        """Wait until the server has ended the line."""
        self._socket.wait_closed()

    def lose(self):
        """The line is lost. Returns the client itself."""
        self._socket.close()
        return self

    def again(self, server, account=None, **changes):
        """The same client once more, lost and come back; `changes` are in what it says."""
        self.lose()
        return Client(server, account or self.account, **{
            'namespace': self.namespace, 'pid': self.pid, 'offset': self.offset, **changes})


@pytest.fixture(autouse=True)
def all_lines_end():
    yield
    while Client.all:
        Client.all.pop().lose()


def is_recovered(first, second):
    """Whether the second client is the first one, come back; it is wholly, or not at all."""
    assert (first.sid == second.sid) == (first.pid == second.pid)
    return first.pid == second.pid


@pytest.fixture
def known(watched_server, new_user, http):
    """A Client that has seen an event."""
    ann, bob = new_user(), new_user()
    client = Client(watched_server, bob)
    http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'hello'})
    client.expect('newMessage')
    assert client.offset
    return client


def test_who_says_byte_by_byte_who_it_was_is_that_one(known, watched_server):
    assert is_recovered(known, known.again(watched_server))


CHANGES = {
    'a forged pid': lambda client: {'pid': client.pid[:-1] + ('A' if client.pid[-1] != 'A' else 'B')},
    'no pid': lambda client: {'pid': None},
    'a pid that is none': lambda client: {'pid': {'a': [1]}},
    'another start': lambda client: {'pid': '.'.join([client.sid, '0', client.pid.rpartition('.')[2] + 'x'])},
    'another namespace': lambda client: {'namespace': '/chat'},
    'another dialect': lambda client: {'dialect': 'chat-io'},
    'an offset of another process': lambda client: {'offset': 'AbCdEfGh.1'},
    'an offset to come': lambda client: {'offset': client.offset + '00000'},
    'an offset that is none': lambda client: {'offset': 5},
    'an empty offset': lambda client: {'offset': ''},
}


@pytest.mark.parametrize('change', CHANGES.values(), ids=CHANGES)
def test_a_client_that_does_not_say_who_it_was_is_a_new_one(known, watched_server, change):
    again = known.again(watched_server, **change(known))
    assert again.sid != known.sid and again.pid not in (None, known.pid)


def test_another_users_pid_is_of_no_use(known, watched_server, new_user):
    thief = known.again(watched_server, new_user())
    assert not is_recovered(known, thief)
    assert is_recovered(known, known.again(watched_server)), 'nor does the attempt do any harm'


def test_another_sign_in_of_the_same_user_may_come_back(known, watched_server, http):
    body = {'username': known.account.username, 'password': known.account.password}
    assert is_recovered(known, known.again(watched_server, http.post('/api/auth/login', body).json()['token']))


def test_who_signed_in_by_an_event_comes_back_by_showing_the_token_and_speaks_as_before(watched_server, new_user, http):
    ann, bob = new_user(), new_user()
    client = Client(watched_server, None)
    client.emit('auth:login', {'token': bob.token})
    client.expect('auth:ok')
    assert not is_recovered(client, client.again(watched_server)), 'nobody knows who that is'
    again = client.again(watched_server, bob)
    assert is_recovered(client, again)
    http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'hello'})
    assert again.expect('message:new')['content'] == 'hello'


@pytest.mark.parametrize('end', ['logout', 'password'])
def test_who_has_signed_out_does_not_come_back(known, watched_server, http, end):
    account = known.lose().account
    body = {'username': account.username, 'password': account.password}
    newer = http.post('/api/auth/login', body).json()['token']
    if end == 'logout':
        assert http.as_user(account).post('/api/auth/logout').status_code == 200
    else:
        changed = {'currentPassword': account.password, 'newPassword': 'another-secret'}
        response = http.request('POST', '/api/auth/password', json=changed, headers={'Authorization': f'Bearer {newer}'})
        assert response.status_code == 200
    assert not is_recovered(known, known.again(watched_server, newer))


def test_who_has_said_goodbye_does_not_come_back(known, watched_server):
    known.say_goodbye()
    assert not is_recovered(known, known.again(watched_server))


def test_two_that_come_back_as_the_same_take_turns(known, watched_server):
    first = Client(watched_server, known.account, pid=known.pid, offset=known.offset)
    assert is_recovered(known, first)
    known.wait_closed()
    second = Client(watched_server, known.account, pid=known.pid, offset=known.offset)
    assert is_recovered(first, second)
    first.wait_closed()


# ---------------------------------------------------------------------- clients that know no offsets

AGENTS = {'python-requests/2.32': False, 'Python/3.12 aiohttp/3.9': False, 'Dart/3.4 (dart:io)': False,
          'Mozilla/5.0 (X11)': True, 'okhttp/4.9.2': True}


@pytest.mark.parametrize('agent', AGENTS)
@pytest.mark.parametrize('wish', [None, True, False])
def test_who_could_not_live_with_offsets_is_given_none(watched_server, new_user, agent, wish):
    client = Client(watched_server, new_user(), headers={'User-Agent': agent}, recovery=wish)
    client.emit('nonsense')
    client.expect('error')
    has_offsets = AGENTS[agent] if wish is None else wish
    assert (client.pid is not None, client.offset is not None) == (has_offsets, has_offsets)


def test_a_client_in_python_whose_handlers_take_the_payload_alone_works_unmodified(watched_server, new_user, http):
    ann, bob = new_user(), new_user()
    client, arrived, messages = socketio.Client(), threading.Event(), []

    @client.on('newMessage')
    def on_message(message):
        messages.append(message['content'])
        arrived.set()

    client.connect(watched_server.url, auth={'token': bob.token}, transports=['polling'])
    try:
        http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'hello'})
        assert arrived.wait(5)
        assert messages == ['hello']
    finally:
        client.disconnect()


# ---------------------------------------------------------------------- what the host decides

def greeted(server, open_http, account):
    """A Client of the account that has seen an event."""
    other, client = open_http(server).register(), Client(server, account)
    greet(server, open_http, other, account)
    client.expect('newMessage')
    return client


def greet(server, open_http, sender, receiver, content='hello'):
    response = open_http(server).as_user(sender).post(f'/api/messages/send/{receiver.id}', {'content': content})
    assert response.status_code == 201


def test_who_comes_back_too_late_is_new(start_server, open_http, open_socket):
    server = start_server({'RECOVERY_SECONDS': '1'})
    account, other = open_http(server).register(), open_http(server).register()
    watcher = open_socket(server, other)
    client = greeted(server, open_http, account).lose()
    greet(server, open_http, other, account)  # they share a room
    watcher.expect('user_status', where=lambda status: not status['online'])  # which is said after two seconds
    assert not is_recovered(client, client.again(server))


def test_who_has_missed_too_much_is_new(start_server, open_http):
    server = start_server()
    account, other = open_http(server).register(), open_http(server).register()
    client = greeted(server, open_http, account).lose()
    for _ in range(300):
        greet(server, open_http, other, account, 'x' * 4000)
    assert not is_recovered(client, client.again(server))


def test_whose_token_expires_meanwhile_is_new(start_server, open_http):
    server = start_server({'JWT_EXPIRES_IN': '2s'})
    account = open_http(server).register()
    client = greeted(server, open_http, account).lose()
    old = open_http(server).as_user(account)
    wait_until(lambda: old.get('/api/users/me').status_code == 401)
    body = {'username': account.username, 'password': account.password}
    assert not is_recovered(client, client.again(server, open_http(server).post('/api/auth/login', body).json()['token']))


def test_after_a_restart_everybody_is_new(start_server, open_http):
    server = start_server()
    client = greeted(server, open_http, open_http(server).register())
    server.restart()
    assert not is_recovered(client, client.again(server))


@pytest.mark.parametrize('setting', [{'RECOVERY_SECONDS': '0'}, {'SOCKET_TRANSPORT': 'stock'}])
def test_where_there_is_no_recovery_nobody_is_given_offsets(start_server, open_http, setting):
    server = start_server(setting)
    client = greeted(server, open_http, open_http(server).register())
    assert client.pid is None and client.offset is None
    client.lose()
