"""A lost password is replaced by a link that works once, within an hour."""
import subprocess
import sys
import threading

import pytest

from chat.core.accounts.password_resets import LIFETIME
from chat.errors import Forbidden
from tests.support.house import House
from tests.support.http import PASSWORD, expect_error
from tests.support.server import REPOSITORY

NEW = 'battery staple'


@pytest.fixture(scope='module')
def prints_link():
    """`flask user reset NAME` beside a server; returns what it printed, or what it complained of."""
    def run(server, name, fails=False, **settings):
        done = subprocess.run([sys.executable, '-m', 'flask', 'user', 'reset', name], cwd=REPOSITORY, capture_output=True,
                              env={**server.environment, **settings}, text=True, timeout=60)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return (done.stderr if fails else done.stdout).strip()

    return run


def token_of(link):
    return link.partition('/#/reset/')[2]


def reset(http, token, password=NEW):
    return http.post('/api/auth/reset', {'token': token, 'password': password})


def login(http, account, password):
    return http.post('/api/auth/login', {'username': account.username, 'password': password})


@pytest.mark.one_process('without PUBLIC_URL the link names the process beside which it was made')
def test_a_link_sets_a_new_password_once_and_ends_all_sign_ins(server, http, new_user, connect, prints_link):
    ann, bob = new_user(), new_user()
    client = connect(ann)
    link = prints_link(server, ann.email)
    assert link.startswith(f'{server.url}/#/reset/')
    assert prints_link(server, ann.username, PUBLIC_URL='https://chat.example.com/').startswith('https://chat.example.com/#/reset/')
    expect_error(reset(http, token_of(link), 'short'), 422, 'validation_error')
    answer = reset(http, token_of(link))
    assert answer.status_code == 200 and answer.json()['user']['id'] == ann.id
    assert answer.json().keys() == {'token', 'refreshToken', 'user'}
    client.expect('disconnect')
    assert http.as_user(ann).get('/api/users/me').status_code == 401
    assert http.post('/api/auth/refresh', {'refreshToken': ann.refresh_token}).status_code == 401
    assert http.as_user(answer.json()['token']).get('/api/users/me').status_code == 200
    expect_error(reset(http, token_of(link), 'yet another'), 403, 'forbidden')
    assert [login(http, ann, password).status_code for password in (PASSWORD, NEW)] == [401, 200]
    assert http.as_user(bob).get('/api/users/me').status_code == 200


def test_of_two_links_only_one_is_of_use_and_of_two_at_once_one_wins(server, http, new_user, prints_link):
    ann = new_user()
    tokens = [token_of(prints_link(server, ann.username)) for _ in range(2)]
    statuses = []
    threads = [threading.Thread(target=lambda token=token: statuses.append(reset(http, token).status_code)) for token in tokens * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 403, 403, 403]


def test_a_change_of_the_password_makes_the_link_useless(server, http, new_user, prints_link):
    ann = new_user()
    token = token_of(prints_link(server, ann.username))
    change = {'currentPassword': ann.password, 'newPassword': ann.password}
    assert http.as_user(ann).post('/api/auth/password', change).status_code == 200
    expect_error(reset(http, token), 403, 'forbidden')


def test_what_is_no_token_is_refused(server, http, new_user, prints_link):
    ann, bob = new_user(), new_user()
    token = token_of(prints_link(server, ann.username))
    text, _, seal = token.partition('~')
    forged = text.replace(f'{ann.id}.', f'{bob.id}.', 1)
    for bad in ('', '~', 'x', token[:-1], f'{forged}~{seal}', f'{text}9~{seal}', f'{text}~', f'{text}~ä', '1.9' * 60, f'{text}\n~{seal}'):
        expect_error(reset(http, bad), 403, 'forbidden')
    expect_error(reset(http, None), 422, 'validation_error')
    expect_error(reset(http, 'x' * 201), 422, 'validation_error')
    assert reset(http, token).status_code == 200


def test_a_closed_account_gets_no_link(start_server, open_http, prints_link, database):
    server = start_server(database=database)
    http = open_http(server)
    ann = http.register()
    token = token_of(prints_link(server, ann.username))
    subprocess.run([sys.executable, '-m', 'flask', 'user', 'deactivate', ann.username], cwd=REPOSITORY, env=server.environment, check=True)
    expect_error(reset(http, token), 403, 'forbidden')
    assert 'deactivated' in prints_link(server, ann.username, fails=True)
    assert 'no user' in prints_link(server, 'nobody', fails=True)


def test_whoever_asks_is_answered_the_same_and_the_host_is_told(start_server, open_http):
    server = start_server({'RATE_LIMIT_SIGN_IN': '2/900'})
    http = open_http(server)
    ann = http.register()
    answers = [http.post('/api/auth/forgot', {'email': email}) for email in (ann.email.upper(), f'nobody-{ann.email}')]
    assert [answer.status_code for answer in answers] == [202, 202] and answers[0].json() == answers[1].json()
    lines = [line for line in server.log().splitlines() if 'flask user reset' in line]
    assert len(lines) == 1 and f'flask user reset {ann.username}' in lines[0]
    expect_error(http.post('/api/auth/forgot', {'email': 'no address'}), 422, 'validation_error')
    assert http.post('/api/auth/forgot', {'email': ann.email}).status_code == 202
    expect_error(http.post('/api/auth/forgot', {'email': ann.email}), 429, 'rate_limited')


def test_guesses_are_limited_as_those_of_passwords_are(start_server, open_http):
    http = open_http(start_server({'RATE_LIMIT_SIGN_IN': '1/900'}))
    for _ in range(10):
        expect_error(reset(http, '1.9999999999999~AAAAAAAAAAAA'), 403, 'forbidden')
    expect_error(reset(http, '1.9999999999999~AAAAAAAAAAAA'), 429, 'rate_limited')


def test_a_link_works_for_an_hour(tmp_path):
    resets = House(tmp_path).core.password_resets
    now = resets._clock()
    token = token_of(resets.link('ann'))
    resets._clock = lambda: now + LIFETIME + 60_000
    with pytest.raises(Forbidden):
        resets.reset(token, NEW, 'here')
    resets._clock = lambda: now + LIFETIME - 60_000
    assert resets.reset(token, NEW, 'here').user_id == 1
