"""Processes that are killed one after the other, behind nginx, while people of all dialects talk and call each other.

SOAK=1 (`make soak`) has two hundred of them do so for a minute, with a kill every five seconds; in the suite it is a short one.
"""
import os
import time
from itertools import cycle, islice

import pytest

from tests.support.crowd import Crowd, expect_nothing_lost, gather, standard_of
from tests.support.nginx import Nginx
from tests.support.waiting import wait_until

IS_SOAK = bool(os.environ.get('SOAK'))
SECONDS, PEOPLE, PAUSE = (60, 200, 8) if IS_SOAK else (20, 40, 1)
BETWEEN_KILLS = 5
GONE_AFTER = 30  # seconds in which whoever was with a process that died is known to be gone
DIALECTS = list(islice(cycle(['standard'] * 7 + ['chat-app-api', 'chat-io', 'realtime-chat']), PEOPLE))
ADDRESSES = [f'127.0.1.{number}' for number in range(1, PEOPLE + 1)]


@pytest.fixture
def site(own_three, start_proxy):
    """nginx before three processes of the test's own."""
    return start_proxy(Nginx, *own_three.processes)


def kill_in_turn(processes):
    """A process dies every few seconds, and is started again at once."""
    end = time.monotonic() + SECONDS
    for process in cycle(processes):
        if time.monotonic() > end:
            return
        began = time.monotonic()
        process.kill()
        process.start()
        time.sleep(max(0, BETWEEN_KILLS - (time.monotonic() - began)))


def test_all_that_one_process_promises_holds_after_processes_were_killed(own_three, site, open_http, open_socket):
    http = open_http(site)
    users = [http.register() for _ in DIALECTS]
    watcher = http.register()
    crowd = Crowd(site.url, gather(http, users), users, DIALECTS, addresses=ADDRESSES, is_spread=True, pause=PAUSE)
    try:
        kill_in_turn(own_three.processes)
        result = crowd.finish(120)
    finally:
        crowd.close()
    own_three.check_log()

    stored = expect_nothing_lost(result, http, users)
    assert len(stored) > PEOPLE
    assert result['stuck'] == []
    assert sum(client['synced'] for client in standard_of(result)) > len(standard_of(result))
    expect_records(http, users)
    for process in own_three.processes:
        asker = open_http(process).as_user(watcher)
        wait_until(lambda asker=asker: online(asker, users) == [], GONE_AFTER, 'nobody is online any more', interval=0.5)


def expect_records(http, users):
    """Asserts that each call is on record once, with the same outcome for both parties."""
    outcomes = {}
    for user in users:
        calls = http.as_user(user).get_all('/api/calls', params={'limit': 100})
        assert len(calls) == len({call['id'] for call in calls})
        for call in calls:
            assert outcomes.setdefault(call['id'], call['outcome']) == call['outcome'], call
    assert outcomes


def online(http, users):
    """Those of the users who are said to be online."""
    return [user.id for user in users if http.get(f'/api/users/{user.id}').json()['online']]
