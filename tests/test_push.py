"""Push: a browser is told of messages while its user is away, by a real push service that the tests run."""
import socket
import time

import pytest

from tests.support.http import expect_error
from tests.support.push_service import PushService, checked_claims
from tests.support.server import ChatServer
from tests.support.waiting import wait_until

ALLOWED = {'PUSH_ALLOW': '127.0.0.1', 'PUSH_AFTER': '0', 'PUSH_CONTACT': 'mailto:host@example.com'}


@pytest.fixture(scope='module')
def service(tmp_path_factory):
    """The push service."""
    running = PushService(tmp_path_factory.mktemp('push'))
    yield running
    running.stop()


@pytest.fixture(scope='module')
def server(database, service, tmp_path_factory):
    """A server for these tests, which may contact the push service, and takes users to be away at once."""
    chat = ChatServer(env={**ALLOWED, 'SSL_CERT_FILE': service.certificate}, database_url=database.new_url(),
                      folder=tmp_path_factory.mktemp('server'))
    try:
        yield chat.start()
    finally:
        chat.close()


@pytest.fixture
def http(server, open_http):
    yield open_http(server)
    server.check_log()


@pytest.fixture
def subscribe(http, service):
    """Have a new browser of the account told; returns the Browser."""
    def subscribed(account):
        browser = service.browser()
        response = http.as_user(account).put('/api/push/subscriptions', browser.subscription)
        assert response.status_code == 204, response.text
        return browser

    return subscribed


@pytest.fixture
def room(http):
    """(its admin, a member, the id of a room that both are in)."""
    admin, member = http.register(displayName='Ann'), http.register(displayName='Bob')
    made = http.as_user(admin).post('/api/rooms', {'name': 'Tea'}).json()['room']
    assert http.as_user(member).post('/api/rooms/join', {'roomId': made['id']}).status_code == 200
    return admin, member, made['id']


@pytest.fixture
def settle(http, subscribe):
    """Wait until it is settled who is told of the messages so far."""
    ann, bob = http.register(), http.register()
    browser = subscribe(bob)

    def settled():
        before = len(browser.got)
        write(http, ann, bob, 'behind all others')
        browser.expect(before + 1)

    return settled


def say(http, account, room_id, content, **more):
    response = http.as_user(account).post(f'/api/rooms/{room_id}/messages', {'content': content, **more})
    assert response.status_code == 201, response.text
    return response.json()['message']


def write(http, account, receiver, content):
    response = http.as_user(account).post(f'/api/messages/send/{receiver.id}', {'content': content})
    assert response.status_code == 201, response.text
    return response.json()


def notify(http, account, room_id, choice):
    assert http.as_user(account).patch(f'/api/rooms/{room_id}/settings', {'notify': choice}).status_code == 200


def bodies(browser):
    return [payload['body'] for payload in browser.got]


# ---------------------------------------------------------------------- what is told

def test_a_direct_message_is_told_encrypted_and_signed(http, service, subscribe):
    ann, bob = http.register(displayName='Ann Lee'), http.register()
    browser = subscribe(bob)
    message = write(http, ann, bob, 'Tea at five? 🍵')
    assert browser.expect() == [{'roomId': message['roomId'], 'messageId': message['id'], 'title': 'Ann Lee',
                                 'body': 'Tea at five? 🍵', 'unreadCount': 1}]
    headers = browser.headers[0]
    assert headers['Content-Encoding'] == 'aes128gcm' and int(headers['TTL']) > 3600
    claims, key = checked_claims(headers, service.url)
    assert claims['sub'] == 'mailto:host@example.com'
    assert key == http.as_user(bob).get('/api/push/key').json()['publicKey']
    write(http, ann, bob, 'or at six?')
    assert browser.expect(2)[1]['unreadCount'] == 2


def test_a_room_tells_those_whom_notify_says(http, subscribe, room, settle):
    ann, bob, room_id = room
    browser = subscribe(bob)
    say(http, ann, room_id, 'nobody is meant')
    said = say(http, ann, room_id, f'@{bob.username} is meant')
    assert browser.expect()[0] == {'roomId': room_id, 'messageId': said['id'], 'title': 'Tea',
                                   'body': f'Ann: @{bob.username} is meant', 'unreadCount': 2}
    notify(http, bob, room_id, 'all')
    say(http, ann, room_id, 'anything')
    browser.expect(2)
    notify(http, bob, room_id, 'none')
    say(http, ann, room_id, f'@{bob.username} does not listen')
    settle()
    notify(http, bob, room_id, 'mentions')
    say(http, ann, room_id, 'not this')
    say(http, ann, room_id, f'but this, @{bob.username}')
    browser.expect(3)
    direct = write(http, ann, bob, 'first')['roomId']
    browser.expect(4)
    notify(http, bob, direct, 'none')
    write(http, ann, bob, 'not told')
    settle()
    notify(http, bob, direct, 'all')
    write(http, ann, bob, 'last')
    browser.expect(5)
    assert [body.removeprefix('Ann: ') for body in bodies(browser)] == [
        f'@{bob.username} is meant', 'anything', f'but this, @{bob.username}', 'first', 'last']


def test_a_choice_ends_with_the_stay_in_the_room(http, subscribe, room, settle):
    ann, bob, room_id = room
    browser = subscribe(bob)
    notify(http, bob, room_id, 'all')
    say(http, ann, room_id, 'told')
    browser.expect()
    assert http.as_user(bob).delete(f'/api/rooms/{room_id}/members/{bob.id}').status_code == 204
    say(http, ann, room_id, 'gone')
    settle()
    assert http.as_user(bob).post('/api/rooms/join', {'roomId': room_id}).status_code == 200
    say(http, ann, room_id, 'back, and as at first')
    say(http, ann, room_id, f'@{bob.username}!')
    browser.expect(2)
    assert bodies(browser) == ['Ann: told', f'Ann: @{bob.username}!']


def test_the_lobby_tells_whoever_is_mentioned(http, subscribe):
    ann, bob = http.register(displayName='Ann'), http.register()
    browser = subscribe(bob)
    for content in ('nobody', f'hello @{bob.username}'):
        assert http.as_user(ann).post('/api/messages/send', {'content': content}).status_code == 201
    browser.expect()
    assert (bodies(browser), browser.got[0]['title']) == ([f'Ann: hello @{bob.username}'], 'Lobby')


def test_neither_the_author_is_told_nor_who_blocks_it(http, subscribe, room, settle):
    ann, bob, room_id = room
    own, browser = subscribe(ann), subscribe(bob)
    for account in ann, bob:
        notify(http, account, room_id, 'all')
    assert http.as_user(bob).put(f'/api/users/{ann.id}/block').status_code == 204
    say(http, ann, room_id, f'@{bob.username} can you hear me?')
    say(http, bob, room_id, 'no')
    own.expect()
    settle()
    assert http.as_user(bob).delete(f'/api/users/{ann.id}/block').status_code == 204
    say(http, ann, room_id, 'and now?')
    browser.expect()
    assert (bodies(own), bodies(browser)) == (['Bob: no'], ['Ann: and now?'])


def test_files_are_told_in_words_and_long_messages_by_their_beginning(http, subscribe):
    ann, bob = http.register(displayName='😀' * 100), http.register()
    browser = subscribe(bob)
    response = http.as_user(ann).request('POST', f'/api/messages/send/{bob.id}', files={'file': ('a.txt', b'x')})
    assert response.status_code == 201
    write(http, ann, bob, '\x01' * 2000 + '😀' * 2000)
    browser.expect(2)
    first, second = sorted(browser.got, key=lambda payload: payload['messageId'])
    assert first['body'] == 'File' and len(second['body']) == 500 and second['body'].endswith('…')


def test_every_browser_of_a_user_is_told(http, subscribe):
    ann, bob = http.register(), http.register()
    browsers = [subscribe(bob) for _ in range(3)]
    write(http, ann, bob, 'hello')
    for browser in browsers:
        browser.expect()


# ---------------------------------------------------------------------- who is there

def test_who_is_there_is_told_nothing_and_who_leaves_is_told_what_it_has_not_read(http, server, subscribe, open_socket):
    ann, bob = http.register(), http.register()
    browser = subscribe(bob)
    client = open_socket(server, bob)
    read = write(http, ann, bob, 'seen')
    client.expect('newMessage')
    assert client.call('read_receipt', {'messageId': read['id']})['ok']
    write(http, ann, bob, 'not seen')
    client.expect('newMessage')
    assert browser.got == []
    client.close()
    browser.expect()
    assert bodies(browser) == ['not seen'] and browser.got[0]['unreadCount'] == 1


def test_who_leaves_is_told_once_it_has_been_gone_for_as_long_as_the_host_says(start_server, open_http, open_socket, service):
    server = start_server({**ALLOWED, 'PUSH_AFTER': '1', 'SSL_CERT_FILE': service.certificate})
    http, browser = open_http(server), service.browser()
    ann, bob = http.register(), http.register()
    assert http.as_user(bob).put('/api/push/subscriptions', browser.subscription).status_code == 204
    client = open_socket(server, bob)
    write(http, ann, bob, 'hello')
    client.expect('newMessage')
    client.close()
    left = time.monotonic()
    browser.expect()
    assert 0.9 < time.monotonic() - left


# ---------------------------------------------------------------------- subscriptions

def test_the_key_stays_the_same_and_only_the_owner_can_read_it(server, http):
    ann = http.register()
    before = http.as_user(ann).get('/api/push/key').json()
    kept = server.folder / 'instance' / 'push_key'
    assert kept.stat().st_mode & 0o777 == 0o600
    server.restart()
    assert http.as_user(ann).get('/api/push/key').json() == before


def test_subscriptions_outlive_a_restart(server, http, subscribe):
    ann, bob = http.register(), http.register()
    browser = subscribe(bob)
    server.restart()
    write(http, ann, bob, 'still there?')
    browser.expect()


@pytest.mark.parametrize('endpoint', [
    'http://127.0.0.1/x', 'https://10.0.0.1/x', 'https://[::1]/x', 'https://[::ffff:127.0.0.1]/x', 'https://169.254.169.254/',
    'https://user@127.0.0.1/x', 'https://127.0.0.2/', 'https://0/', 'https://2130706434/', 'ftp://127.0.0.1', '', 'x' * 3000,
    'https://127.0.0.1:99999/', 'https://127.0.0.1:0/', 'https://127.0.0.1/a b', 'https://127.0.0.1/\r\nX: y', 'https://ä.de/',
    'https://nobody-knows.invalid/', 'https://127.0.0.1/#x', 'https://' + 'a' * 70 + '.example/'])
def test_an_endpoint_that_may_not_be_contacted_is_refused(http, service, endpoint):
    ann = http.register()
    subscription = service.browser().subscription | {'endpoint': endpoint}
    refused = http.as_user(ann).put('/api/push/subscriptions', subscription)
    assert list(expect_error(refused, 422, 'validation_error')['errors']) == ['endpoint']


@pytest.mark.parametrize('change, field', [
    ({'keys': None}, 'keys'), ({'keys': {}}, 'keys.p256dh'), ({'expirationTime': 'soon'}, 'expirationTime'),
    ({'auth': 'AAAA'}, 'keys.auth'), ({'auth': '*'}, 'keys.auth'), ({'p256dh': 'BAAA'}, 'keys.p256dh'),
    ({'p256dh': 'B' + 'A' * 86}, 'keys.p256dh'), ({'auth': 'ä' * 22}, 'keys.auth')])
def test_a_subscription_that_is_none_is_refused(http, service, change, field):
    ann, subscription = http.register(), service.browser().subscription
    for name, value in change.items():
        if name in ('auth', 'p256dh'):
            subscription['keys'][name] = value
        else:
            subscription[name] = value
    refused = http.as_user(ann).put('/api/push/subscriptions', subscription)
    assert field in expect_error(refused, 422, 'validation_error')['errors']


def test_who_unsubscribes_is_told_no_more_and_nobody_does_it_for_others(http, subscribe):
    ann, bob = http.register(), http.register()
    gone, stays = subscribe(bob), subscribe(bob)
    for account in ann, bob:
        body = {'endpoint': (stays if account is ann else gone).endpoint}
        for _ in range(2):
            assert http.as_user(account).delete('/api/push/subscriptions', json=body).status_code == 204
    write(http, ann, bob, 'hello')
    stays.expect()
    assert gone.attempts == 0
    expect_error(http.as_user(bob).delete('/api/push/subscriptions', json={}), 422, 'validation_error')


def test_a_browser_is_of_whoever_signed_in_on_it_last(http, subscribe):
    ann, bob, eve = http.register(), http.register(), http.register()
    browser = subscribe(bob)
    assert http.as_user(eve).put('/api/push/subscriptions', browser.subscription).status_code == 204
    write(http, ann, bob, 'for bob')
    write(http, ann, eve, 'for eve')
    browser.expect()
    assert bodies(browser) == ['for eve']


def test_of_more_than_twenty_browsers_the_oldest_gives_way(http, subscribe):
    ann, bob = http.register(), http.register()
    first, second = subscribe(bob), subscribe(bob)
    assert http.as_user(bob).put('/api/push/subscriptions', first.subscription).status_code == 204  # the newest by now
    others = [subscribe(bob) for _ in range(19)]
    write(http, ann, bob, 'hello')
    for browser in (first, *others):
        browser.expect()
    assert second.attempts == 0
    for _ in range(8):
        assert http.as_user(bob).put('/api/push/subscriptions', first.subscription).status_code == 204
    limited = http.as_user(bob).put('/api/push/subscriptions', first.subscription)
    expect_error(limited, 429, 'rate_limited')


def login(http, account):
    return http.post('/api/auth/login', {'username': account.username, 'password': account.password}).json()['token']


@pytest.mark.parametrize('end', ['logout', 'password', 'reuse'])
def test_a_subscription_ends_with_its_sign_in(http, service, subscribe, end):
    ann, bob = http.register(), http.register()
    ended, token = subscribe(bob), login(http, bob)
    stays = service.browser()
    assert http.as_user(token).put('/api/push/subscriptions', stays.subscription).status_code == 204
    if end == 'logout':
        assert http.as_user(bob).post('/api/auth/logout').status_code == 200
    elif end == 'password':
        change = {'currentPassword': bob.password, 'newPassword': 'another horse'}
        assert http.as_user(token).post('/api/auth/password', change).status_code == 200
    else:
        for status in (200, 401):
            assert http.post('/api/auth/refresh', {'refreshToken': bob.refresh_token}).status_code == status
    write(http, ann, bob, 'hello')
    stays.expect()
    assert ended.attempts == 0


# ---------------------------------------------------------------------- what the push service says

@pytest.mark.parametrize('status', [404, 410])
def test_a_subscription_that_is_gone_is_removed(http, subscribe, status):
    ann, bob = http.register(), http.register()
    gone, stays = subscribe(bob), subscribe(bob)
    gone.answers.append((status, {}))
    for number in (1, 2):
        write(http, ann, bob, 'hello')
        stays.expect(number)
    assert gone.attempts == 1


def test_redirects_are_not_followed_and_other_refusals_not_repeated(http, service, subscribe):
    ann, bob = http.register(), http.register()
    browser, elsewhere = subscribe(bob), service.browser()
    browser.answers.append((307, {'Location': elsewhere.endpoint}))
    browser.answers.append((403, {}))
    for number in (1, 2):
        write(http, ann, bob, 'lost')
        wait_until(lambda number=number: browser.attempts == number)
    write(http, ann, bob, 'hello')
    browser.expect()
    assert (bodies(browser), browser.attempts, elsewhere.attempts) == (['hello'], 3, 0)


def test_the_server_stops_without_waiting_for_a_push_service_that_says_nothing(start_server, open_http, service):
    server = start_server(ALLOWED)
    http = open_http(server)
    ann, bob = http.register(), http.register()
    with socket.create_server(('127.0.0.1', 0)) as silent:
        subscription = service.browser().subscription | {'endpoint': f'https://127.0.0.1:{silent.getsockname()[1]}/'}
        assert http.as_user(bob).put('/api/push/subscriptions', subscription).status_code == 204
        write(http, ann, bob, 'hello?')
        silent.settimeout(5)
        with silent.accept()[0]:
            began = time.monotonic()
            server.stop()
    assert time.monotonic() - began < 5


def test_without_a_setting_no_loopback_address_is_contacted(start_server, open_http, service):
    http = open_http(start_server())
    refused = http.as_user(http.register()).put('/api/push/subscriptions', service.browser().subscription)
    assert 'public' in expect_error(refused, 422, 'validation_error')['errors']['endpoint'][0]
