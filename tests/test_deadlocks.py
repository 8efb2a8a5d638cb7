"""What MariaDB rolls back for the sake of another program's transaction is tried again: no client notices."""
import hashlib
import threading

import pymysql
import pytest
from sqlalchemy import make_url

from tests.support.files import post_file
from tests.support.waiting import wait_until

WAITS = "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"


class Other:
    """Another program on the same database: it has changed so much that it is never the one to be rolled back."""

    def __init__(self, mariadb, url):
        self._mariadb, parts = mariadb, make_url(url)
        self._connection = pymysql.connect(host=parts.host, port=parts.port, user=parts.username,
                                           password=parts.password, database=parts.database)
        with self._connection.cursor() as cursor:
            cursor.execute('CREATE TABLE weights (id INTEGER PRIMARY KEY)')
            cursor.execute('INSERT INTO weights SELECT seq FROM seq_1_to_1000')

    def hold(self, statement):
        """Begin the transaction, with a lock that somebody will wait for."""
        with self._connection.cursor() as cursor:
            cursor.execute('UPDATE weights SET id = -id')
            assert cursor.execute(statement), 'nothing was locked'

    def close_the_circle(self, statement):
        """Once the server waits for that lock, ask for one that the server holds; then let go of both."""
        wait_until(lambda: self._mariadb.query(WAITS)[0][0], 5, 'the server waits for a lock', interval=0.01)
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
        self._connection.commit()

    def close(self):
        self._connection.close()


@pytest.fixture
def chat(start_server, mariadb, open_http):
    """(a client of a server on MariaDB, another program on its database)."""
    url = mariadb.create_database()
    server = start_server(database=url)
    other = Other(mariadb, url)
    yield open_http(server), other
    other.close()


def in_a_circle(other, held, asked_for, request):
    """The answer to a request that becomes the victim of a deadlock."""
    answers = []
    other.hold(held)
    thread = threading.Thread(target=lambda: answers.append(request()))
    thread.start()
    other.close_the_circle(asked_for)
    thread.join()
    return answers[0]


LOBBY = "SELECT id FROM rooms WHERE kind = 'lobby' FOR UPDATE"


def test_a_sign_up_that_is_rolled_back_is_tried_again(chat):
    http, other = chat
    body = {'username': 'ann', 'email': 'ann@example.com', 'password': 'correct horse'}
    answer = in_a_circle(other, LOBBY, "SELECT id FROM users WHERE username_key = 'ann' FOR UPDATE",
                         lambda: http.post('/api/auth/register', json=body))
    assert answer.status_code == 201, answer.text
    assert [user['username'] for user in http.as_user(http.register()).get('/api/users').json()] == ['ann']


def test_the_first_message_to_a_user_and_a_file_are_stored_though_the_first_attempt_was_rolled_back(chat):
    http, other = chat
    ann, bob = http.register(), http.register()
    client, holds_bob = http.as_user(ann), f'SELECT id FROM users WHERE id = {bob.id} FOR UPDATE'
    answer = in_a_circle(other, holds_bob, f"SELECT id FROM rooms WHERE unique_key = '{ann.id}:{bob.id}' FOR UPDATE",
                         lambda: client.post(f'/api/messages/send/{bob.id}', json={'content': 'hi'}))
    assert answer.status_code == 201, answer.text
    sha256 = hashlib.sha256(b'bytes').hexdigest()
    answer = in_a_circle(other, f'SELECT id FROM users WHERE id = {ann.id} FOR UPDATE',
                         f"SELECT uses FROM stored_files WHERE sha256 = x'{sha256}' FOR UPDATE",
                         lambda: post_file(client, '/api/uploads', b'bytes', 'file.bin'))
    assert answer.status_code == 201, answer.text
    assert client.get(answer.json()['url']).content == b'bytes'


def test_a_room_can_be_joined_and_left_though_the_first_attempt_was_rolled_back(chat):
    http, other = chat
    ann, bob = (http.as_user(http.register()) for _ in range(2))
    room_id = ann.post('/api/rooms', json={'name': 'tea'}).json()['room']['id']
    bob_id = bob.get('/api/users/me').json()['id']
    room = f'SELECT id FROM rooms WHERE id = {room_id} FOR UPDATE'
    answer = in_a_circle(other, f'SELECT id FROM users WHERE id = {bob_id} FOR UPDATE', room,
                         lambda: bob.post('/api/rooms/join', json={'roomId': room_id}))
    assert answer.status_code == 200 and answer.json()['room']['memberCount'] == 2, answer.text
    answer = in_a_circle(other, f'SELECT role FROM room_members WHERE room_id = {room_id} AND user_id = {bob_id} FOR UPDATE', room,
                         lambda: bob.delete(f'/api/rooms/{room_id}/members/{bob_id}'))
    assert answer.status_code == 204, answer.text
    assert ann.get(f'/api/rooms/{room_id}').json()['room']['memberCount'] == 1
