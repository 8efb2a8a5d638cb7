"""The gateway by itself, inside this process: what only a race or a bug brings about."""
import logging

import pytest
from socketio.exceptions import ConnectionRefusedError

from chat import create_app, migrating
from chat.errors import Unauthorized
from chat.tokens import issue


class RecordingWire:
    """Notes what would be sent."""

    def __init__(self):
        self.sent = []

    def send(self, connection, name, payload):
        self.sent.append((name, payload))

    def acknowledge(self, connection, ack_id, result):
        self.sent.append(('ack', result))


class House:
    """An application on a database in memory, with a user; `sign_in()` gives (id of the sign-in, token)."""

    def __init__(self, folder):
        self.app = create_app({'DATABASE_URL': 'sqlite://', 'INSTANCE_PATH': str(folder), 'BCRYPT_LOG_ROUNDS': '4'})
        self.core, self.gateway = self.app.extensions['chat'], self.app.extensions['chat.sockets']
        with self.app.app_context():
            migrating.upgrade()
        self.user_id = self.core.accounts.create(email='ann@example.com', password='secret-1', username='ann')
        self.wire = self.gateway._wire = RecordingWire()
        self.gateway._server.manager.eio_sid_from_sid = lambda sid, namespace: f'session of {sid}'

    def sign_in(self):
        grant = self.core.accounts.sign_in(name='ann', password='secret-1', address='127.0.0.1')
        with self.app.app_context():
            return grant.sign_in_id, issue(grant)['token']

    def connect(self, token, sid='a'):
        self.gateway.connect('/', sid, {'REMOTE_ADDR': '127.0.0.1'}, {'token': token})
        return self.gateway.registry.get(sid)


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def test_a_sign_in_that_ends_while_its_user_is_looked_up_binds_no_connection(house, monkeypatch):
    (old, token), (new, newer) = house.sign_in(), house.sign_in()
    connection = house.connect(token)
    look_up = house.core.users.me

    def ends_meanwhile(*arguments):
        user = look_up(*arguments)
        house.core.sign_ins.end(new)
        return user

    monkeypatch.setattr(house.core.users, 'me', ends_meanwhile)
    with pytest.raises(Unauthorized):
        house.gateway.login(connection, newer)
    assert connection.sign_in_id == old
    assert house.wire.sent == []


def test_a_bug_in_connect_is_logged_and_told(house, monkeypatch, caplog):
    def bug(*_):
        raise KeyError('a bug')

    monkeypatch.setattr(house.core.sign_ins, 'require', bug)
    with caplog.at_level(logging.ERROR), pytest.raises(ConnectionRefusedError) as refused:
        house.connect(house.sign_in()[1])
    assert refused.value.error_args['data']['code'] == 'internal_error'
    assert 'KeyError' in caplog.text


def test_a_bug_after_connect_is_logged_and_the_client_is_told_why_it_is_sent_away(house, monkeypatch, caplog):
    house.connect(house.sign_in()[1])
    ended = []
    monkeypatch.setattr(house.gateway._server, 'disconnect', lambda sid, namespace: ended.append(sid))

    def bug(*_):
        raise KeyError('a bug')

    monkeypatch.setattr(house.core.presence, 'connected', bug)
    with caplog.at_level(logging.ERROR):
        house.gateway.opened('a')
    assert [(name, payload['code']) for name, payload in house.wire.sent] == [('error', 'internal_error')]
    assert ended == ['a'] and 'KeyError' in caplog.text
