"""One process after the other is restarted, behind a proxy, while everybody talks."""
import threading
from collections import Counter
from contextlib import contextmanager

import pytest

from tests.support.caddy import Caddy
from tests.support.crowd import Crowd, expect_nothing_lost, gather, standard_of
from tests.support.files import execute
from tests.support.http import Http
from tests.support.nginx import Nginx
from tests.support.waiting import wait_until

DIALECTS = ['standard'] * 18 + ['chat-app-api'] * 2 + ['chat-io'] * 2 + ['realtime-chat'] * 2
ADDRESSES = [f'127.0.1.{number}' for number in range(1, len(DIALECTS) + 1)]
MEANWHILE = 60  # messages between two restarts


def restart_one_after_the_other(processes, open_http, between):
    """As docs/deployment.md says; `between` is called after each."""
    for process in processes:
        process.stop()
        process.start()
        http = open_http(process)
        wait_until(lambda http=http: http.get('/ready').status_code == 200, 10, 'the process is ready')
        between()


@contextmanager
def posting(http, receiver):
    """Read, and post one message after the other, each until it is acknowledged; gives the list of their contents."""
    is_over, sent, errors = threading.Event(), [], []

    def post():
        while not is_over.is_set():
            content = f'post {len(sent)}'
            posted = http.post(f'/api/messages/send/{receiver.id}', {'content': content, 'clientId': content})
            if posted.ok:
                sent.append(content)
            elif posted.status_code not in (502, 503):  # of the proxy's own, too: it was not taken, or nobody knows: the next round repeats it
                errors.append(posted.text)
            if (read := http.get('/api/users/me')).status_code != 200:
                errors.append(read.text)

    thread = threading.Thread(target=post)
    thread.start()
    try:
        yield sent
    finally:
        is_over.set()
        thread.join()
    assert errors == []


def test_nobody_misses_anything_of_a_rolling_restart(own_three, start_proxy, open_http, bridge):
    proxy = start_proxy(Nginx, *own_three.processes)
    http = open_http(proxy)
    users = [http.register() for _ in DIALECTS]

    def talk_goes_on():
        before = count()
        wait_until(lambda: count() > before + MEANWHILE, 30, 'people go on talking', interval=0.1)

    def count():
        return execute(own_three[0], 'SELECT COUNT(*) FROM messages')[0][0]

    crowd = Crowd(proxy.url, gather(http, users), users, DIALECTS, addresses=ADDRESSES)
    try:
        talk_goes_on()
        restart_one_after_the_other(own_three.processes, open_http, talk_goes_on)
        result = crowd.finish()
    finally:
        crowd.close()

    expect_nothing_lost(result, http, users)
    for client in standard_of(result):
        assert client['synced'] + client['recovered'] > 1, 'a client whose process was never restarted'


@pytest.mark.parametrize('kind', [Nginx, Caddy])
def test_requests_find_a_process_all_the_while_and_what_is_posted_is_there_once(own_three, start_proxy, open_http, kind):
    proxy = start_proxy(kind, *own_three.processes)
    http = open_http(proxy)
    ann, bob = http.register(), http.register()
    with posting(Http(proxy.url, ann.token), bob) as sent:

        def posting_goes_on():
            before = len(sent)
            wait_until(lambda: len(sent) > before + 20, 10)

        restart_one_after_the_other(own_three.processes, open_http, posting_goes_on)
    stored = http.as_user(bob).get_all(f'/api/messages/{ann.id}', params={'limit': 100})
    assert Counter(message['content'] for message in stored) == Counter(sent)
