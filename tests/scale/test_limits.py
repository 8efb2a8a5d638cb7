"""Limits that three processes count together, who may wait without a sign-in, and what they say of Redis."""
from contextlib import ExitStack

import pytest

from chat.core.shared.places import MAX_PER_ADDRESS
from tests.support.databases import MariaDatabase
from tests.support.several import several
from tests.support.sockets import ConnectError, expect_failure, expect_ok
from tests.support.waiting import wait_until


@pytest.fixture
def start_several(mariadb, tmp_path):
    """Starts processes of the test's own: `start_several(redis, count, **environment)`."""
    with ExitStack() as stack:
        yield lambda redis, count=2, **env: stack.enter_context(
            several(count, MariaDatabase(mariadb).new_url(), redis.new_url(), tmp_path, env))


def test_a_limit_counts_what_was_sent_to_all_processes(start_several, redis_server, open_http, open_socket):
    processes = start_several(redis_server, RATE_LIMIT_MESSAGES='5/60')
    https = [open_http(process) for process in processes.processes]
    ann = https[0].register()
    room = https[0].as_user(ann).post('/api/rooms', {'name': 'x'}).json()['room']
    clients = [open_socket(process, ann) for process in processes.processes]
    for number in range(5):
        expect_ok(clients[number % 2].call('send_message', {'roomId': room['id'], 'content': 'x'}))
    for client in clients:
        failure = expect_failure(client.call('send_message', {'roomId': room['id'], 'content': 'x'}), 'rate_limited')
        assert 50 < failure['retryAfter'] <= 60


def test_wrong_passwords_count_wherever_they_are_tried(start_several, redis_server, open_http):
    processes = start_several(redis_server, RATE_LIMIT_SIGN_IN='4/900')
    https = [open_http(process) for process in processes.processes]
    ann = https[0].register()
    for number in range(4):
        wrong = {'username': ann.username, 'password': 'wrong one'}
        assert https[number % 2].post('/api/auth/login', wrong).status_code == 401
    for http in https:
        assert http.post('/api/auth/login', {'username': ann.username, 'password': ann.password}).status_code == 429


def test_from_one_address_only_so_many_wait_in_all_processes_together(start_several, redis_server, open_socket):
    processes = start_several(redis_server)
    waiting = [open_socket(processes[number % 2]) for number in range(MAX_PER_ADDRESS)]
    for process in processes.processes:
        with pytest.raises(ConnectError, match='unavailable|Too many'):
            open_socket(process)
    for client in waiting[:4]:
        client.close()
    wait_until(lambda: _can_connect(open_socket, processes[1]), 5)


def _can_connect(open_socket, process):
    try:
        return open_socket(process).connected
    except ConnectError:
        return False


def test_a_process_says_that_redis_is_gone_and_goes_on_alone(start_several, own_redis, open_http, open_socket):
    processes = start_several(own_redis, RATE_LIMIT_MESSAGES='3/60')
    https = [open_http(process) for process in processes.processes]
    assert https[0].get('/ready').json()['redis'] == 'ok'
    ann, bob = https[0].register(), https[1].register()
    room = https[0].as_user(ann).post('/api/rooms', {'name': 'x'}).json()['room']
    assert https[1].as_user(bob).post('/api/rooms/join', {'roomId': room['id']}).status_code == 200
    sender, listener, near = open_socket(processes[0], ann), open_socket(processes[1], bob), open_socket(processes[0], bob)
    own_redis.pause()
    for number in range(3):
        expect_ok(sender.call('send_message', {'roomId': room['id'], 'content': f'{number}'}, timeout=15))
        assert near.expect('receive_message')['content'] == f'{number}'
    expect_failure(sender.call('send_message', {'roomId': room['id'], 'content': 'x'}), 'rate_limited')
    answer = https[0].get('/ready')
    assert (answer.status_code, answer.json()['redis']) == (200, 'does not answer')
    own_redis.resume()
    for number in range(3):
        assert listener.expect('receive_message', timeout=15)['content'] == f'{number}'
    wait_until(lambda: https[0].get('/ready').json()['redis'] == 'ok', 10)
    listener.expect_nothing('receive_message')
    near.expect_nothing('receive_message')
