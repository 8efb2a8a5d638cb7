"""Processes that end or are paused, and a Redis that is gone for a while: what the others and their clients know then."""
import os
import signal
import subprocess
import sys

import pytest
import redis

from chat.core.shared.attendance import PROCESSES
from tests.support.databases import MariaDatabase
from tests.support.server import REPOSITORY
from tests.support.several import several
from tests.support.sockets import expect_ok
from tests.support.waiting import wait_until


@pytest.fixture
def pair_of(mariadb, own_redis, tmp_path):
    """Two processes of the test's own."""
    with several(2, MariaDatabase(mariadb).new_url(), own_redis.url, tmp_path) as processes:
        yield processes


@pytest.fixture
def https(pair_of, open_http):
    return [open_http(process) for process in pair_of.processes]


@pytest.fixture
def people(https):
    """Two users who share a room."""
    ann, bob = https[0].register(), https[1].register()
    room = https[0].as_user(ann).post('/api/rooms', {'name': 'x'}).json()['room']
    assert https[1].as_user(bob).post('/api/rooms/join', {'roomId': room['id']}).status_code == 200
    return ann, bob


@pytest.fixture
def call(pair_of, people, open_socket):
    """(the caller, the callee's phone, the id of their call): between two processes, and answered."""
    ann, bob = people
    caller, phone = open_socket(pair_of[0], ann, '/call'), open_socket(pair_of[1], bob, '/call')
    call_id = expect_ok(caller.call('callUser', {'to': bob.id, 'offer': 'o'}))['callId']
    phone.expect('callUser')
    expect_ok(phone.call('makeAnswer', {'to': ann.id, 'answer': 'a'}))
    caller.expect('makeAnswer')
    return caller, phone, call_id


def answers(http):
    return http.get('/ready').json()['redis'] == 'ok'


def test_calls_and_who_is_online_survive_a_restart_of_redis(pair_of, own_redis, https, people, call, open_socket):
    ann, bob = people
    caller, phone, call_id = call
    watcher = open_socket(pair_of[0], ann)
    own_redis.pause()
    wait_until(lambda: not any(map(answers, https)), 10)
    os.kill(pair_of[1].pid, signal.SIGSTOP)  # one of them comes back later than the other
    try:
        own_redis.resume()
        wait_until(lambda: answers(https[0]), 10)
        caller.expect_nothing('endCall')
    finally:
        os.kill(pair_of[1].pid, signal.SIGCONT)
    wait_until(lambda: answers(https[1]), 10)
    for number in range(3):
        expect_ok(caller.call('iceCandidate', {'to': bob.id, 'candidate': number}))
        assert phone.expect('iceCandidate', timeout=10)['callId'] == call_id
    watcher.expect_nothing('user_status')
    caller.expect_nothing('endCall')


def test_those_who_do_not_come_back_from_a_process_that_stops_are_told_to_have_gone(pair_of, https, people, open_socket):
    ann, bob = people
    watcher, client = open_socket(pair_of[0], ann), open_socket(pair_of[1], bob)
    assert watcher.expect('user_status')['online'] is True
    pair_of[1].stop()
    client.close()
    told = watcher.expect('user_status', timeout=10)
    assert (told['userId'], told['online']) == (bob.id, False)


def test_a_process_that_begins_knows_who_is_online_although_another_one_has_just_died(pair_of, own_redis, https, people, open_socket):
    ann, bob = people
    open_socket(pair_of[0], ann)
    pair_of[1].stop()
    with redis.Redis.from_url(own_redis.url) as client:  # one that was killed: of all names the first, so that it is asked
        client.zadd(PROCESSES, {'0': client.time()[0]})
    pair_of[1].start()
    assert https[1].as_user(bob).get(f'/api/users/{ann.id}').json()['online'] is True


def test_a_caller_who_vanishes_while_redis_is_slow_calls_nobody(pair_of, own_redis, people, open_socket):
    ann, bob = people
    caller, phone = open_socket(pair_of[0], ann, '/call'), open_socket(pair_of[1], bob, '/call')
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        caller.call_async('callUser', {'to': bob.id, 'offer': 'o'})
        caller.close()
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)
    phone.expect('callUser')
    assert phone.expect('endCall')['reason'] == 'disconnected'


def test_a_call_that_ended_while_a_process_was_paused_is_over_in_that_process_too(pair_of, https, people, call, open_socket):
    ann, bob = people
    caller, phone, call_id = call
    os.kill(pair_of[1].pid, signal.SIGSTOP)
    try:
        assert caller.expect('endCall', timeout=40)['reason'] == 'disconnected'
    finally:
        os.kill(pair_of[1].pid, signal.SIGCONT)
    assert phone.expect('endCall', timeout=20)['callId'] == call_id
    expect_ok(caller.call('callUser', {'to': bob.id, 'offer': 'again'}))
    assert phone.expect('callUser')['callId'] != call_id


def test_who_died_is_gone_also_for_those_who_never_saw_it(own_redis):
    subprocess.run([sys.executable, '-m', 'tests.support.logs', own_redis.url], cwd=REPOSITORY, check=True, timeout=60)
