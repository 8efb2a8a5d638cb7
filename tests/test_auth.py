"""Sign-up, sign-in and its end, over HTTP."""
import base64
import json
import threading
import time

import pytest

from tests.support.http import expect_error


def unique_email(account):
    return f'other-{account.username}@example.com'


def claims(token):
    payload = token.split('.')[1]
    return json.loads(base64.urlsafe_b64decode(payload + '=' * (-len(payload) % 4)))


def test_register_answers_tokens_and_the_user_with_its_email(http):
    response = http.post('/api/auth/register', {
        'email': 'Ann.Lee@Example.com', 'password': 'secret-1', 'confirmPassword': 'secret-1', 'displayName': ' Ann Lee '})
    assert response.status_code == 201
    body = response.json()
    assert body.keys() == {'token', 'refreshToken', 'user'}
    user = body['user']
    assert user.keys() == {'id', 'username', 'displayName', 'avatarUrl', 'online', 'lastSeen', 'createdAt', 'email'}
    assert (user['username'], user['displayName'], user['email']) == ('Ann.Lee', 'Ann Lee', 'Ann.Lee@Example.com')
    assert (user['online'], user['lastSeen'], user['avatarUrl']) == (False, None, None)
    assert response.headers['Cache-Control'] == 'no-store'


@pytest.mark.parametrize(('change', 'field'), [
    ({'email': 'nobody'}, 'email'), ({'email': 'a@b'}, 'email'), ({'email': None}, 'email'), ({'email': 5}, 'email'),
    ({'password': '12345'}, 'password'), ({'password': 'x' * 129}, 'password'), ({'password': 123456}, 'password'),
    ({'username': 'ab'}, 'username'), ({'username': 'x' * 51}, 'username'), ({'username': 'with space'}, 'username'),
    ({'username': 'müller'}, 'username'), ({'username': 'abc\n'}, 'username'), ({'username': ['abc']}, 'username'),
    ({'confirmPassword': 'different'}, 'confirmPassword'), ({'displayName': 'x' * 101}, 'displayName'),
    ({'displayName': 'a\0b'}, 'displayName'), ({'displayName': 'Ann \u2066'}, 'displayName'), ({'displayName': ''}, 'displayName'),
])
def test_register_refuses_a_bad_field_and_names_it(http, change, field):
    body = {'email': 'fine@example.com', 'password': 'secret-1'} | change
    error = expect_error(http.post('/api/auth/register', body), 422, 'validation_error')
    assert list(error['errors']) == [field]


def test_a_lone_surrogate_is_no_text(http):
    data = b'{"email": "s@example.com", "password": "secret-1", "displayName": "\\ud800"}'
    response = http.request('POST', '/api/auth/register', data=data, headers={'Content-Type': 'application/json'})
    assert 'displayName' in expect_error(response, 422, 'validation_error')['errors']


def test_usernames_and_emails_are_unique_whatever_the_case(http, new_user):
    account = new_user()
    taken = http.post('/api/auth/register', {
        'email': unique_email(account), 'username': account.username.upper(), 'password': 'secret-1'})
    assert 'username' in expect_error(taken, 409, 'conflict')['errors']
    taken = http.post('/api/auth/register', {'email': account.email.upper(), 'password': 'secret-1'})
    assert 'email' in expect_error(taken, 409, 'conflict')['errors']


def test_of_equal_registrations_at_once_one_wins(http, new_user):
    email, statuses = f'race-{new_user().username}@example.com', []

    def register():
        statuses.append(http.post('/api/auth/register', {'email': email, 'password': 'secret-1'}).status_code)

    threads = [threading.Thread(target=register) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201, 409, 409, 409, 409]


def test_a_username_is_made_from_the_email_and_made_unique(http, new_user):
    local = new_user().username
    first = http.post('/api/auth/register', {'email': f'{local}@a.example', 'password': 'secret-1'}).json()['user']
    assert first['username'].startswith(local[:41]) and first['username'] != local


@pytest.mark.parametrize('name', [
    lambda account: {'username': account.username}, lambda account: {'email': account.email},
    lambda account: {'username': account.username.upper()}, lambda account: {'email': account.email.upper()},
    lambda account: {'username': account.email},
])
def test_login_takes_the_username_or_the_email(http, new_user, name):
    account = new_user()
    response = http.post('/api/auth/login', name(account) | {'password': account.password})
    assert response.status_code == 200
    assert response.json()['user']['id'] == account.id
    assert http.as_user(response.json()['token']).get('/api/users/me').json()['email'] == account.email


def test_login_answers_the_same_for_a_wrong_password_and_for_no_account(http, new_user):
    account = new_user()
    wrong = http.post('/api/auth/login', {'username': account.username, 'password': 'wrong-one'})
    nobody = http.post('/api/auth/login', {'username': 'nobody-at-all', 'password': 'wrong-one'})
    expect_error(wrong, 401, 'unauthorized')
    assert wrong.json() == nobody.json()


def test_login_takes_as_long_for_no_account_as_for_a_wrong_password(start_server, open_http):
    http = open_http(start_server(env={'BCRYPT_LOG_ROUNDS': '10'}))
    account = http.register()

    def work(name):
        best = 9
        for _ in range(5):
            start = time.perf_counter()
            http.post('/api/auth/login', {'username': name, 'password': 'wrong-one'})
            best = min(best, time.perf_counter() - start)
        return best

    work('nobody-yet')
    assert 0.5 < work('nobody-at-all') / work(account.username) < 2  # one hash each; none would be a tenth


@pytest.mark.parametrize('password', [
    'x' * 127 + 'y', 'пароль' * 20, 'nul\0inside', '  spaces  ', '🔑' * 64, 'e\u0301clair-decomposed'])
def test_every_character_of_a_password_counts(http, password):
    account = http.register(password=password)
    def login(given):
        return http.post('/api/auth/login', {'username': account.username, 'password': given}).status_code
    assert login(password) == 200
    for other in (password[:-1], password + 'z', password[:-1] + 'q', password.strip() + '.', password[:72][:-1]):
        assert login(other) == 401


def test_refresh_gives_new_tokens_once_and_reuse_ends_the_sign_in(http, new_user):
    account = new_user()
    renewed = http.post('/api/auth/refresh', {'refreshToken': account.refresh_token})
    assert renewed.status_code == 200 and renewed.json().keys() == {'token', 'refreshToken'}
    new = renewed.json()
    assert http.as_user(new['token']).get('/api/users/me').status_code == 200
    assert http.as_user(account).get('/api/users/me').status_code == 200  # the old access token lives out its time
    expect_error(http.post('/api/auth/refresh', {'refreshToken': account.refresh_token}), 401, 'unauthorized')
    expect_error(http.post('/api/auth/refresh', {'refreshToken': new['refreshToken']}), 401, 'unauthorized')
    expect_error(http.as_user(new['token']).get('/api/users/me'), 401, 'unauthorized')


def test_all_tokens_of_a_sign_in_carry_its_id(http, new_user):
    account = new_user()
    new = http.post('/api/auth/refresh', {'refreshToken': account.refresh_token}).json()
    sids = {claims(token)['sid'] for token in (account.token, account.refresh_token, *new.values())}
    assert len(sids) == 1


def test_access_and_refresh_tokens_do_not_pass_for_each_other(http, new_user):
    account = new_user()
    expect_error(http.as_user(account.refresh_token).get('/api/users/me'), 401, 'unauthorized')
    expect_error(http.post('/api/auth/refresh', {'refreshToken': account.token}), 401, 'unauthorized')


@pytest.mark.parametrize('token', ['', 'x', 'a.b.c', 'ü' * 10, 'x' * 5000, 'eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.'])
def test_a_token_that_is_none_is_refused(http, token):
    response = http.request('GET', '/api/users/me', headers={'Authorization': f'Bearer {token}'.encode()})
    expect_error(response, 401, 'unauthorized')


def test_a_forged_signature_is_refused(http, new_user):
    header, payload, _ = new_user().token.split('.')
    expect_error(http.as_user(f'{header}.{payload}.{"A" * 43}').get('/api/users/me'), 401, 'unauthorized')


def test_logout_ends_this_sign_in_and_no_other(http, new_user):
    account = new_user()
    other = http.post('/api/auth/login', {'username': account.username, 'password': account.password}).json()
    assert http.as_user(account).post('/api/auth/logout').json().keys() == {'message'}
    expect_error(http.as_user(account).get('/api/users/me'), 401, 'unauthorized')
    expect_error(http.post('/api/auth/refresh', {'refreshToken': account.refresh_token}), 401, 'unauthorized')
    assert http.as_user(other['token']).get('/api/users/me').status_code == 200


def test_a_new_password_ends_every_other_sign_in(http, new_user):
    account = new_user()
    other = http.post('/api/auth/login', {'username': account.username, 'password': account.password}).json()
    wrong = http.as_user(account).post('/api/auth/password', {'currentPassword': 'no', 'newPassword': 'secret-2'})
    expect_error(wrong, 403, 'forbidden')
    changed = http.as_user(account).post('/api/auth/password', {
        'currentPassword': account.password, 'newPassword': 'secret-2'})
    assert changed.status_code == 200
    assert http.as_user(account).get('/api/users/me').status_code == 200
    expect_error(http.as_user(other['token']).get('/api/users/me'), 401, 'unauthorized')
    expect_error(http.post('/api/auth/refresh', {'refreshToken': other['refreshToken']}), 401, 'unauthorized')
    for password, status in ((account.password, 401), ('secret-2', 200)):
        body = {'username': account.username, 'password': password}
        assert http.post('/api/auth/login', body).status_code == status


def test_an_expired_token_is_refused_and_the_refresh_token_still_works(start_server, open_http):
    http = open_http(start_server(env={'JWT_EXPIRES_IN': '1s'}))
    account = http.register()
    deadline = time.monotonic() + 5
    while http.as_user(account).get('/api/users/me').status_code == 200 and time.monotonic() < deadline:
        pass
    expect_error(http.as_user(account).get('/api/users/me'), 401, 'unauthorized')
    renewed = http.post('/api/auth/refresh', {'refreshToken': account.refresh_token}).json()
    assert http.as_user(renewed['token']).get('/api/users/me').status_code == 200


def test_registration_can_be_closed(start_server, open_http):
    http = open_http(start_server(env={'REGISTRATION': 'closed'}))
    response = http.post('/api/auth/register', {'email': 'a@example.com', 'password': 'secret-1'})
    assert 'host' in expect_error(response, 403, 'forbidden')['message']
