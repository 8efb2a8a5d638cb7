"""Rate limits, as a client meets them."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.http import expect_error
from tests.support.sockets import expect_failure, expect_ok
from tests.support.waiting import wait_until


def expect_limited(response):
    body = expect_error(response, 429, 'rate_limited')
    assert int(response.headers['Retry-After']) == body['retryAfter'] >= 1
    return body['retryAfter']


def test_requests_of_a_user_are_limited_by_user_and_say_when_to_try_again(start_server, open_http):
    http = open_http(start_server(env={'RATE_LIMIT_REQUESTS': '5/2'}))
    ann, bob = http.register(), http.register()
    statuses = [http.as_user(ann).get('/api/users/me').status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    assert expect_limited(http.as_user(ann).get('/api/users/me')) <= 2
    assert http.as_user(bob).get('/api/users/me').status_code == 200
    wait_until(lambda: http.as_user(ann).get('/api/users/me').status_code == 200, timeout=5, interval=0.2)


def test_monitors_are_never_limited(start_server, open_http):
    http = open_http(start_server(env={'RATE_LIMIT_REQUESTS': '2/60'}))
    assert {http.get(path).status_code for path in ('/health', '/ready') for _ in range(5)} == {200}


def test_sign_ups_are_limited_by_address(start_server, open_http):
    http = open_http(start_server(env={'RATE_LIMIT_SIGN_UP': '2/60'}))
    for _ in range(2):
        http.register()
    malformed = http.post('/api/auth/register', {'email': 'x'})
    expect_error(malformed, 422, 'validation_error')
    expect_limited(http.post('/api/auth/register', {'email': 'a@example.com', 'password': 'secret-1'}))


@pytest.mark.parametrize('way', ['login', 'currentPassword'])
def test_failures_lock_one_account_for_one_address(start_server, open_http, way):
    server = start_server(env={'RATE_LIMIT_SIGN_IN': '3/60', 'TRUSTED_PROXIES': '127.0.0.0/8'})
    http = open_http(server)
    ann, bob = http.register(), http.register()

    def fail():
        if way == 'login':
            return http.post('/api/auth/login', {'username': ann.username, 'password': 'wrong'}).status_code
        body = {'currentPassword': 'wrong', 'newPassword': 'secret-2'}
        return http.as_user(ann).post('/api/auth/password', body).status_code

    def login(account, **options):
        return http.post('/api/auth/login', {'username': account.username, 'password': account.password}, **options)

    assert login(ann).status_code == 200  # successes and malformed requests do not count
    assert http.post('/api/auth/login', {'username': ann.username}).status_code == 422
    assert [fail() for _ in range(3)] == [401 if way == 'login' else 403] * 3
    expect_limited(login(ann))
    assert login(bob).status_code == 200
    assert login(ann, headers={'X-Forwarded-For': '192.0.2.7'}).status_code == 200


def test_accounts_that_do_not_exist_are_locked_alike(start_server, open_http):
    http = open_http(start_server(env={'RATE_LIMIT_SIGN_IN': '3/60'}))
    body = {'username': 'nobody', 'password': 'wrong'}
    assert [http.post('/api/auth/login', body).status_code for _ in range(4)] == [401, 401, 401, 429]


def test_guesses_made_at_once_count_one_by_one(start_server, open_http):
    http = open_http(start_server(env={'RATE_LIMIT_SIGN_IN': '3/60', 'BCRYPT_LOG_ROUNDS': '8'}))
    body = {'username': http.register().username, 'password': 'wrong'}
    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(lambda _: http.post('/api/auth/login', body).status_code, range(10)))
    assert statuses.count(401) == 3


def test_an_address_is_locked_after_ten_times_as_many_failures(start_server, open_http):
    http = open_http(start_server(env={'RATE_LIMIT_SIGN_IN': '1/60'}))
    statuses = [http.post('/api/auth/login', {'username': f'user-{number}', 'password': 'wrong'}).status_code
                for number in range(11)]
    assert statuses == [401] * 10 + [429]


def test_an_address_is_the_rightmost_untrusted_hop(start_server, open_http):
    http = open_http(start_server(env={'RATE_LIMIT_REQUESTS': '1/60', 'TRUSTED_PROXIES': '127.0.0.0/8'}))
    statuses = [http.get('/api/users', headers={'X-Forwarded-For': hops}).status_code for hops in (
        '192.0.2.1', '192.0.2.2', 'forged, 192.0.2.1', '192.0.2.1, 127.0.0.9', '2001:db8::1', '2001:db8::ffff')]
    assert statuses == [401, 401, 429, 429, 401, 429]


def test_without_trusted_proxies_a_forwarded_address_is_ignored(start_server, open_http):
    http = open_http(start_server(env={'RATE_LIMIT_REQUESTS': '1/60'}))
    statuses = [http.get('/api/users', headers={'X-Forwarded-For': f'192.0.2.{number}'}).status_code
                for number in range(2)]
    assert statuses == [401, 429]


def test_events_of_a_connection_are_limited(start_server, open_http, open_socket):
    server = start_server(env={'RATE_LIMIT_EVENTS': '3/60'})
    http = open_http(server)
    ann, bob = http.register(), http.register()
    client, other = open_socket(server, ann), open_socket(server, ann)
    payload = {'toUserId': bob.id, 'content': 'x'}
    assert [client.call('send_message', payload)['ok'] for _ in range(4)] == [True] * 3 + [False]
    ack = expect_failure(client.call('send_message', payload), 'rate_limited')
    assert ack['retryAfter'] >= 1
    assert client.expect('error')['retryAfter'] >= 1
    expect_ok(other.call('send_message', payload))


def test_direct_messages_are_limited_over_http_and_sockets_together(start_server, open_http, open_socket):
    server = start_server(env={'RATE_LIMIT_DIRECT': '4/60'})
    http = open_http(server)
    ann, bob, eve = http.register(), http.register(), http.register()
    client, me = open_socket(server, ann), http.as_user(ann)
    path, payload = f'/api/messages/send/{bob.id}', {'toUserId': bob.id, 'content': 'x'}
    first = me.post(path, {'content': 'x', 'clientId': 'c'})
    expect_ok(client.call('send_message', payload))
    for _ in range(5):  # a repetition counts against no limit
        assert me.post(path, {'content': 'x', 'clientId': 'c'}).status_code == 200
    expect_failure(client.call('send_message', payload | {'content': ''}), 'validation_error')
    assert me.post(path, {'content': 'x'}).status_code == 201
    expect_ok(client.call('send_message', payload))
    expect_limited(me.post(path, {'content': 'x'}))
    expect_failure(client.call('send_message', payload), 'rate_limited')
    again = me.post(path, {'content': 'x', 'clientId': 'c'})
    assert (again.status_code, again.json()) == (200, first.json())
    assert me.post(f'/api/messages/send/{eve.id}', {'content': 'x'}).status_code == 201


def test_right_sign_ins_made_at_once_are_no_failures(start_server, open_http):
    http = open_http(start_server(env={'RATE_LIMIT_SIGN_IN': '2/60', 'BCRYPT_LOG_ROUNDS': '8'}))
    accounts = [http.register() for _ in range(25)]
    with ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(lambda account: http.post('/api/auth/login', {
            'username': account.username, 'password': account.password}), accounts + accounts[:1] * 10))
    assert {answer.status_code for answer in answers} == {200}


def test_spaces_around_a_name_make_no_other_name(start_server, open_http, database):
    http = open_http(start_server(env={'RATE_LIMIT_SIGN_IN': '3/60'}, database=database))
    account = http.register()
    names = [account.username + ' ' * number for number in range(4)]
    statuses = [http.post('/api/auth/login', {'username': name, 'password': 'wrong'}).status_code for name in names]
    assert statuses == [401, 401, 401, 429]
