"""How batches of messages are stored: whatever else goes on in the database, each is there once and in order."""
import pytest
from sqlalchemy import create_engine, text

from tests.support.sockets import expect_ok
from tests.support.waiting import wait_until


class Own:
    """A server of the test's own, two users, and its database as another program sees it."""

    def __init__(self, start_server, open_http, open_socket, database):
        url = database.new_url()
        self.server = start_server(database=url)
        self.http = open_http(self.server)
        self.ann, self.bob = self.http.register(), self.http.register()
        self.sender, self.listener = open_socket(self.server, self.ann), open_socket(self.server, self.bob)
        self.engine = create_engine(url)

    def send(self, *contents, **more):
        """Send direct messages one after the other; returns them as they were acknowledged."""
        return [expect_ok(self.sender.call('send_message', {'toUserId': self.bob.id, 'content': content} | more))['message']
                for content in contents]

    def room_of_both(self, *others):
        """A public room that both users and the others are in; its id."""
        room = self.http.as_user(self.ann).post('/api/rooms', {'name': 'a room'}).json()['room']['id']
        for user in self.bob, *others:
            assert self.http.as_user(user).post('/api/rooms/join', {'roomId': room}).status_code == 200
        return room

    def take_out(self, user, room):
        """Have a user leave a room by another process, of which this one knows nothing."""
        self.write(f'DELETE FROM room_members WHERE room_id = {room} AND user_id = {user.id}')
        self.write(f'UPDATE rooms SET member_count = member_count - 1, members_version = members_version + 1 WHERE id = {room}')

    def write(self, statement):
        with self.engine.begin() as connection:
            connection.execute(text(statement))

    def read(self, query):
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]


@pytest.fixture
def own(start_server, open_http, open_socket, database):
    made = Own(start_server, open_http, open_socket, database)
    yield made
    made.engine.dispose()


def test_a_room_that_something_else_wrote_to_goes_on_behind_it(own):
    own.send('a', 'b')
    own.write("UPDATE rooms SET last_seq = last_seq + 5 WHERE kind = 'direct'")
    own.send('c', 'd')
    assert own.read('SELECT seq FROM messages ORDER BY id') == [(1,), (2,), (8,), (9,)]
    assert own.read("SELECT last_seq FROM rooms WHERE kind = 'direct'") == [(9,)]
    assert [own.listener.expect('newMessage')['content'] for _ in range(4)] == ['a', 'b', 'c', 'd']


def test_a_room_that_is_gone_by_now_takes_no_message(own):
    own.send('a')
    own.write("UPDATE rooms SET deleted_at = 1 WHERE kind = 'direct'")
    answer = own.sender.call('send_message', {'toUserId': own.bob.id, 'content': 'b'})
    assert answer['code'] == 'not_found'
    own.listener.expect('newMessage')
    own.listener.expect_nothing('newMessage')


def test_who_was_taken_out_by_another_process_is_refused_and_all_others_are_stored(own):
    room = own.room_of_both()
    expect_ok(own.listener.call('send_message', {'roomId': room, 'content': 'before'}))
    own.take_out(own.bob, room)
    assert own.listener.call('send_message', {'roomId': room, 'content': 'too late'})['code'] == 'forbidden'
    expect_ok(own.sender.call('send_message', {'roomId': room, 'content': 'after'}))
    assert own.listener.call('send_message', {'roomId': room, 'content': 'still'})['ok'] is False
    assert own.read('SELECT content FROM messages ORDER BY id') == [('before',), ('after',)]
    own.listener.settle()
    assert [message['content'] for message in own.listener.received('receive_message')] == ['before']


def test_who_was_taken_out_by_another_process_is_refused_after_others_have_left_here_too(own):
    eve = own.http.register()
    room = own.room_of_both(eve)
    expect_ok(own.listener.call('send_message', {'roomId': room, 'content': 'before'}))
    own.take_out(own.bob, room)
    assert own.http.as_user(eve).delete(f'/api/rooms/{room}/members/{eve.id}').status_code == 204
    assert own.listener.call('send_message', {'roomId': room, 'content': 'too late'})['ok'] is False
    expect_ok(own.sender.call('send_message', {'roomId': room, 'content': 'after'}))
    assert own.listener.call('send_message', {'roomId': room, 'content': 'still'})['ok'] is False
    assert own.read('SELECT content FROM messages ORDER BY id') == [('before',), ('after',)]


def test_a_message_is_later_than_the_one_before_whatever_the_clock_says(own):
    own.send('a')
    own.write('UPDATE messages SET created_at = created_at + 3600000')
    own.write("UPDATE rooms SET last_seq = last_seq + 1 WHERE kind = 'direct'")  # as another process would have
    own.send('b', 'c')
    times = [at for at, in own.read('SELECT created_at FROM messages ORDER BY id')]
    assert times == sorted(set(times)) and times[1] - times[0] < 1000


def test_the_room_written_to_last_comes_first_in_the_inbox_however_much_was_written_to_others_before(own):
    rooms = [own.room_of_both() for _ in range(3)]
    for quiet in rooms:
        busy = rooms[rooms.index(quiet) - 1]
        acks = own.sender.send_many('send_message', [{'roomId': busy, 'content': 'x'}] * 100)
        assert all(expect_ok(ack) for _, ack in acks)
        expect_ok(own.sender.call('send_message', {'roomId': quiet, 'content': 'y'}))
        inbox = own.http.as_user(own.ann).get('/api/conversations').json()
        newest = [room for room in inbox if room['kind'] == 'public'][:2]
        assert [(room['id'], room['lastMessage']['content']) for room in newest] == [(quiet, 'y'), (busy, 'x')]


def test_repetitions_among_new_messages_are_answered_with_the_first_of_their_kind(own):
    ids = [None if number % 3 else str(number % 90) for number in range(300)]  # each clientId three or four times
    payloads = [{'toUserId': own.bob.id, 'content': str(number), **({'clientId': client_id} if client_id else {})}
                for number, client_id in enumerate(ids)]
    acknowledged = [expect_ok(ack)['message'] for _, ack in own.sender.send_many('send_message', payloads)]
    firsts = {}
    expected = [str(number) if client_id is None else firsts.setdefault(client_id, str(number))
                for number, client_id in enumerate(ids)]
    assert [message['content'] for message in acknowledged] == expected
    own.listener.settle()
    delivered = [message['content'] for message in own.listener.received('newMessage')]
    assert delivered == sorted(set(expected), key=int)
    assert own.read('SELECT content, seq FROM messages ORDER BY id') == [
        (content, seq) for seq, content in enumerate(delivered, 1)]


REFUSE = {
    'sqlite': "CREATE TRIGGER refuse BEFORE INSERT ON messages WHEN NEW.content = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END",
    'mariadb': "CREATE TRIGGER refuse BEFORE INSERT ON messages FOR EACH ROW BEGIN IF NEW.content = 'bad' THEN "
               "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF; END"}


def test_a_row_that_the_database_refuses_fails_alone_and_in_its_turn(own, database):
    own.server.allow_traceback = True  # which tells the host what was refused
    own.send('first')
    own.write(REFUSE[database.kind])
    contents = ['bad' if number in (7, 50) else str(number) for number in range(100)]
    acks = own.sender.send_many('send_message', [{'toUserId': own.bob.id, 'content': content} for content in contents])
    assert [ack['ok'] and ack['message']['content'] for _, ack in acks] == [
        content if content != 'bad' else False for content in contents]
    assert {ack['code'] for _, ack in acks if not ack['ok']} == {'internal_error'}
    stored = [content for content, in own.read('SELECT content FROM messages ORDER BY id')]
    assert stored == ['first', *(content for content in contents if content != 'bad')]
    assert own.read("SELECT last_seq FROM rooms WHERE kind = 'direct'") == own.read('SELECT MAX(seq) FROM messages')
    own.listener.settle()
    assert [message['content'] for message in own.listener.received('newMessage')] == stored


def test_many_rooms_in_one_batch_each_get_their_own_numbers(own):
    rooms = [own.http.as_user(own.ann).post('/api/rooms', {'name': str(number)}).json()['room']['id'] for number in range(40)]
    for _ in range(3):
        acks = own.sender.send_many('send_message', [{'roomId': room, 'content': 'x'} for room in rooms * 5])
        assert all(expect_ok(ack) for _, ack in acks)
    rows = own.read('SELECT room_id, seq FROM messages ORDER BY id')
    assert all([seq for room_id, seq in rows if room_id == room] == list(range(1, 16)) for room in rooms)
    newest = own.read("SELECT id, last_seq FROM rooms WHERE kind = 'public' ORDER BY newest_at")
    assert newest == own.read('SELECT room_id, MAX(seq) FROM messages GROUP BY room_id ORDER BY MAX(id)')


def test_more_rows_than_one_statement_holds_are_gathered_and_written(own):
    count = 1100
    with own.engine.begin() as connection:
        connection.execute(text("INSERT INTO rooms (kind, name, created_at, last_seq, member_count) VALUES ('public', 'x', 1, 0, 1)"),
                           [{} for _ in range(count)])
        connection.execute(text("INSERT INTO room_members (room_id, user_id, role, joined_at, read_seq, delivered_seq) "
                                f"SELECT id, {own.ann.id}, 'admin', 1, 0, 0 FROM rooms WHERE name = 'x'"))
    rooms = [room_id for room_id, in own.read("SELECT id FROM rooms WHERE name = 'x'")]
    acks = own.sender.send_many('send_message', [{'roomId': room, 'content': 'x'} for room in rooms])
    assert all(expect_ok(ack) for _, ack in acks)
    wait_until(lambda: own.read(f'SELECT COUNT(*) FROM room_members WHERE user_id = {own.ann.id} AND read_seq = 1 '
                                'AND delivered_seq = 1 AND read_at > 1 AND delivered_at > 1') == [(count,)])


def test_the_first_message_after_a_start_looks_at_few_rows_however_many_there_are(
        start_server, open_http, open_socket, mariadb):
    url = mariadb.create_database()
    server = start_server(database=url)
    ann = open_http(server).register()
    rooms = [open_http(server).as_user(ann).post('/api/rooms', {'name': str(number)}).json()['room']['id'] for number in range(20)]
    engine = create_engine(url)
    with engine.begin() as connection:
        for room in rooms:
            connection.execute(text(
                'INSERT INTO messages (room_id, sender_id, seq, type, content, nonce, created_at) '
                f"SELECT {room}, {ann.id}, seq, 'text', 'x', seq, 1000 + seq FROM seq_1_to_1000"))
            connection.execute(text(f'UPDATE rooms SET last_seq = 1000, newest_at = 2000000 WHERE id = {room}'))
        connection.execute(text('ANALYZE TABLE messages, rooms'))
    engine.dispose()
    server.restart()
    client = open_socket(server, ann)

    def rows_read():
        return sum(int(count) for name, count in mariadb.query("SHOW GLOBAL STATUS LIKE 'Handler_read_%'"))

    before = rows_read()
    acks = client.send_many('send_message', [{'roomId': room, 'content': 'y'} for room in rooms])
    assert all(expect_ok(ack) for _, ack in acks)
    assert rows_read() - before < 3000
    before = rows_read()
    inbox = open_http(server).as_user(ann).get('/api/conversations').json()
    assert [room['lastMessage']['content'] for room in inbox if room['kind'] == 'public'] == ['y'] * 20
    assert rows_read() - before < 3000
