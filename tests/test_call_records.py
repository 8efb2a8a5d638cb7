"""What became of calls, as both parties read it later; and the servers that help browsers to find each other."""
import base64
import hashlib
import hmac
import time

import pytest

from chat import create_app, migrating
from chat.core.calls.records import CallRecords, Record
from chat.errors import Unavailable
from config import Config, ConfigError
from tests.support.http import expect_error
from tests.support.sockets import expect_failure, expect_ok

TURN = {'STUN_URLS': 'stun:turn.example.com, stun:stun.example.com:3478', 'TURN_SECRET': 'north',
        'TURN_URLS': 'turn:turn.example.com:3478?transport=udp,turns:turn.example.com:5349'}
FIELDS = {'id', 'callerId', 'calleeId', 'startedAt', 'answeredAt', 'endedAt', 'outcome'}


@pytest.fixture
def calls(http):
    """The calls of a user, and only those."""
    def of(user, **parameters):
        response = http.as_user(user).get('/api/calls', params=parameters)
        assert response.status_code == 200
        return response.json()
    return of


@pytest.fixture
def talk(new_user, connect):
    """Two users and their clients, (ann, bob, client, phone), of which the first has called the second."""
    def start(answered):
        ann, bob = new_user(), new_user()
        client, phone = connect(ann), connect(bob)
        call_id = expect_ok(client.call('callUser', {'to': bob.id}))['callId']
        if answered:
            phone.expect('callUser')
            expect_ok(phone.call('makeAnswer', {'to': ann.id}))
        return ann, bob, client, phone, call_id
    return start


# ---------------------------------------------------------------------- outcomes

@pytest.mark.parametrize('answered, by, how, outcome', [
    (True, 'caller', 'endCall', 'completed'),
    (True, 'callee', 'endCall', 'completed'),
    (True, 'caller', 'drop', 'failed'),
    (True, 'callee', 'drop', 'failed'),
    (False, 'caller', 'endCall', 'missed'),
    (False, 'callee', 'endCall', 'declined'),
    (False, 'caller', 'drop', 'missed'),
    (False, 'callee', 'drop', 'missed'),
])
def test_a_call_leaves_one_record_that_both_see(talk, calls, answered, by, how, outcome):
    ann, bob, client, phone, call_id = talk(answered)
    actor, other, witness = (client, bob, phone) if by == 'caller' else (phone, ann, client)
    if how == 'endCall':
        expect_ok(actor.call('endCall', {'to': other.id}))
    else:
        actor.drop()
    witness.expect('endCall')
    record, = calls(ann)
    assert record.keys() == FIELDS
    assert (record['id'], record['callerId'], record['calleeId']) == (call_id, ann.id, bob.id)
    assert record['outcome'] == outcome
    assert (record['answeredAt'] is not None) == answered
    times = [record['startedAt'], *([record['answeredAt']] if answered else []), record['endedAt']]
    assert times == sorted(times) and all(len(at) == 24 and at.endswith('Z') for at in times)
    assert calls(bob) == [record]


def test_a_call_that_is_not_over_is_not_listed(talk, calls):
    ann, bob, *_ = talk(answered=True)
    assert calls(ann) == calls(bob) == []


def test_a_busy_callee_sees_who_called(talk, new_user, connect, calls):
    ann, bob, client, _, _ = talk(answered=True)
    eve = new_user()
    expect_failure(connect(eve).call('callUser', {'to': bob.id}), 'busy')
    expect_failure(client.call('callUser', {'to': eve.id}), 'busy')  # which called nobody
    record, = calls(eve)
    assert (record['outcome'], record['callerId'], record['calleeId']) == ('busy', eve.id, bob.id)
    assert calls(bob) == [record] and calls(ann) == []


@pytest.mark.parametrize('blocked', [False, True])
def test_a_call_that_reached_nobody_is_its_callers_alone(new_user, connect, http, calls, blocked):
    ann, bob = new_user(), new_user()
    if blocked:
        connect(bob)
        http.as_user(bob).put(f'/api/users/{ann.id}/block')
    expect_failure(connect(ann).call('callUser', {'to': bob.id}), 'offline')
    assert [(record['outcome'], record['calleeId']) for record in calls(ann)] == [('failed', bob.id)]
    assert calls(bob) == []
    expect_failure(connect(ann).call('callUser', {'to': 999_999_999}), 'not_found')
    assert len(calls(ann)) == 1


def test_a_call_that_nobody_answers_in_time_is_missed(start_server, open_http, open_socket, database):
    server = start_server(env={'CALL_TIMEOUT': 1}, database=database)
    http = open_http(server)
    ann, bob = http.register(), http.register()
    client, _ = open_socket(server, ann), open_socket(server, bob)
    expect_ok(client.call('callUser', {'to': bob.id}))
    client.expect('endCall')
    assert [record['outcome'] for record in http.as_user(bob).get('/api/calls').json()] == ['missed']


def test_records_outlive_the_server_also_of_calls_that_its_stop_ended(start_server, open_http, open_socket, database):
    server = start_server(database=database)
    http = open_http(server)
    ann, bob, eve, joe = (http.register() for _ in range(4))
    at_ann, at_bob, at_eve, _ = (open_socket(server, user) for user in (ann, bob, eve, joe))
    expect_ok(at_ann.call('callUser', {'to': bob.id}))
    expect_ok(at_eve.call('callUser', {'to': joe.id}))
    expect_ok(at_bob.call('makeAnswer', {'to': ann.id}))
    expect_ok(at_eve.call('endCall', {'to': joe.id}))
    last = expect_ok(at_eve.call('callUser', {'to': joe.id}))['callId']
    server.restart()
    assert [record['outcome'] for record in http.as_user(bob).get('/api/calls').json()] == ['failed']
    records = http.as_user(joe).get('/api/calls').json()
    assert [record['outcome'] for record in records] == ['missed', 'missed'] and records[0]['id'] == last
    client, _ = open_socket(server, eve), open_socket(server, joe)
    assert expect_ok(client.call('callUser', {'to': joe.id}))['callId'] > last


# ---------------------------------------------------------------------- the list

def test_calls_are_listed_newest_first_in_pages_of_a_thousand(talk, calls, http, new_user, connect):
    ann, bob, client, phone, call_id = talk(answered=True)
    eve = new_user()
    third = connect(eve)
    assert {ack['code'] for _, ack in third.send_many('callUser', [{'to': bob.id}] * 1001)} == {'busy'}
    expect_ok(client.call('endCall', {'to': bob.id}))
    response = http.as_user(bob).get('/api/calls')
    page = response.json()
    ids = [record['id'] for record in page]
    assert len(page) == 1000 and ids == sorted(ids, reverse=True)
    assert {record['callerId'] for record in page} == {eve.id}
    link = response.headers['Link']
    assert link == f'</api/calls?before={ids[-1]}>; rel="next"'
    rest = http.as_user(bob).get(link[1:link.index('>')])
    assert [record['outcome'] for record in rest.json()] == ['busy', 'completed'] and 'Link' not in rest.headers
    assert rest.json()[-1]['id'] == call_id
    assert [record['id'] for record in calls(ann)] == [call_id]
    assert calls(ann, before=call_id) == []


@pytest.mark.parametrize('before', ['x', '-1', '1.5', ''])
def test_a_cursor_is_an_id(http, new_user, before):
    expect_error(http.as_user(new_user()).get(f'/api/calls?before={before}'), 422, 'validation_error')


# ---------------------------------------------------------------------- storing

@pytest.fixture
def stored(database, tmp_path):
    """(the core's Database on a new database with the schema, the ids of two users in it)."""
    app = create_app({'DATABASE_URL': database.new_url(), 'INSTANCE_PATH': str(tmp_path), 'LOG_LEVEL': 'ERROR',
                      'BCRYPT_LOG_ROUNDS': '4'})
    core = app.extensions['chat']
    with app.app_context():
        migrating.upgrade()
        yield core.database, [core.accounts.create(email=f'{name}@example.com', password='secret-1') for name in ('ann', 'bob')]
    core.database.close()


def record(number, user_id, other_id, outcome='missed'):
    return Record(number, user_id, other_id, 1, None, 2, outcome)


def test_what_is_stored_and_what_still_waits_make_one_list(stored):
    database, (ann, bob) = stored
    records = CallRecords(database)

    def ids(user, before=None):
        page, more = records.listed(user, before, 3)
        return [found['id'] for found in page], more

    for number in range(1, 5):
        records.add(record(number, ann, bob))
    records.store()
    for number in (5, 6):
        records.add(record(number, bob, ann))
    records.add(record(7, ann, bob, 'failed'))
    for _ in range(2):
        assert ids(ann) == ([7, 6, 5], True) and ids(ann, 5) == ([4, 3, 2], True) and ids(ann, 2) == ([1], False)
        assert ids(bob) == ([6, 5, 4], True) and ids(bob, 5) == ([4, 3, 2], True)
        records.store()


def test_a_record_that_was_stored_already_or_can_not_be_stored_holds_nobody_up(stored):
    database, (ann, bob) = stored
    first, second = CallRecords(database), CallRecords(database)
    first.add(record(1, ann, bob))
    first.store()
    for number, callee in ((1, bob), (2, 999), (3, bob)):
        second.add(record(number, ann, callee))
    second.store()
    assert [found['id'] for found in first.listed(bob)[0]] == [3, 1]
    assert [found['id'] for found in second.listed(ann)[0]] == [3, 1]


def test_while_the_database_is_away_records_wait_and_their_number_is_bounded(monkeypatch):
    class Away:
        def transact(self, work):
            raise Unavailable()

        def rows(self, query):
            return []

    monkeypatch.setattr('chat.core.calls.records.MAX_WAITING', 3)
    records = CallRecords(Away())
    for number in range(5):
        records.add(record(number, 1, 2))
    with pytest.raises(Unavailable):
        records.store()
    assert [found['id'] for found in records.listed(1)[0]] == [2, 1, 0]


def test_ids_grow_even_if_the_clock_does_not(monkeypatch):
    monkeypatch.setattr('chat.core.calls.records.now_ms', lambda: 1_800_000_000_000)
    records = CallRecords(None)
    ids = [records.new_id() for _ in range(5000)]
    assert ids == sorted(set(ids)) and ids[-1] < 2**53


# ---------------------------------------------------------------------- STUN and TURN

def test_without_configuration_there_are_no_ice_servers(http, new_user):
    assert http.as_user(new_user()).get('/api/calls/ice-servers').json() == {'iceServers': []}


def test_turn_credentials_are_limited_in_time_and_good_for_coturn(start_server, open_http):
    http = open_http(start_server(env=TURN))
    ann = http.register()
    stun, turn = http.as_user(ann).get('/api/calls/ice-servers').json()['iceServers']
    assert stun == {'urls': ['stun:turn.example.com', 'stun:stun.example.com:3478']}
    assert turn['urls'] == ['turn:turn.example.com:3478?transport=udp', 'turns:turn.example.com:5349']
    expiry, user_id = turn['username'].split(':')
    assert int(user_id) == ann.id and 3600 < int(expiry) - time.time() <= 24 * 3600
    expected = hmac.new(b'north', turn['username'].encode(), hashlib.sha1).digest()
    assert turn == {'urls': turn['urls'], 'username': turn['username'], 'credential': base64.b64encode(expected).decode()}


@pytest.mark.parametrize('name, value', [
    ('STUN_URLS', 'turn.example.com'), ('STUN_URLS', 'http://example.com'), ('STUN_URLS', 'turn:example.com'),
    ('TURN_URLS', 'turn:a b'), ('TURN_URLS', 'turn:'), ('TURN_URLS', 'turn:ok.example.com,x'), ('TURN_URLS', 'turn://a'),
    ('CALL_TIMEOUT', '0'), ('CALL_TIMEOUT', '30s'),
])
def test_what_browsers_would_refuse_is_refused_at_the_start(name, value, tmp_path):
    with pytest.raises(ConfigError, match=name):
        Config({'TURN_SECRET': 'north', name: value, 'INSTANCE_PATH': str(tmp_path)})


def test_turn_needs_a_secret(tmp_path):
    with pytest.raises(ConfigError, match='TURN_SECRET'):
        Config({'TURN_URLS': TURN['TURN_URLS'], 'INSTANCE_PATH': str(tmp_path)})
