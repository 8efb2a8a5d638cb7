"""What all connections share: deadlines, pings, workers, quiet logs."""
import gc
import logging
import weakref

import gevent
import pytest

from chat.transport.greenlets import Deadlines, Pinger, Workers
from chat.transport.quiet import QuietLog


class Client:
    """Something to ping."""

    def __init__(self):
        self.pings, self.timed_out = 0, False

    def ping(self):
        self.pings += 1

    def ping_timed_out(self):
        self.timed_out = True


def until(condition):
    with gevent.Timeout(10):
        while not condition():
            gevent.sleep(0.005)


def test_deadlines_come_in_order_and_only_once():
    done = []
    deadlines = Deadlines(0.02, done.append)
    for item in 'abca':
        deadlines.add(item)
    until(lambda: len(deadlines) == 0)
    gevent.sleep(0)
    assert done == ['a', 'b', 'c']
    deadlines.add('a')
    until(lambda: len(done) == 4)


def test_a_discarded_deadline_does_not_come():
    done = []
    deadlines = Deadlines(0.02, done.append)
    deadlines.add('a')
    deadlines.add('b')
    deadlines.discard('a')
    deadlines.discard('never added')
    until(lambda: len(deadlines) == 0)
    gevent.sleep(0)
    assert done == ['b']


def test_an_action_that_fails_is_logged_and_the_next_ones_come(caplog):
    done = []

    def act(item):
        done.append(item)
        if item == 'bad':
            raise RuntimeError(item)

    deadlines = Deadlines(0, act)
    deadlines.add('bad')
    deadlines.add('good')
    until(lambda: done == ['bad', 'good'])
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_what_is_discarded_is_not_kept_alive_by_the_wait():
    deadlines = Deadlines(60, lambda item: None)
    client = Client()
    deadlines.add(client)
    gevent.sleep(0)
    deadlines.discard(client)
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None and len(deadlines) == 0


def test_a_client_that_answers_is_pinged_again_and_again():
    client, pinger = Client(), Pinger(0.01, 60)
    pinger.schedule(client)
    while client.pings < 3:
        pings = client.pings
        until(lambda pings=pings: client.pings > pings)
        pinger.schedule(client)
    assert not client.timed_out and len(pinger) == 1


def test_a_client_that_stops_answering_is_found():
    client, pinger = Client(), Pinger(0.01, 0.03)
    pinger.schedule(client)
    until(lambda: client.timed_out)
    assert client.pings == 1 and len(pinger) == 0


def test_a_client_that_answers_unasked_gets_no_more_pings_for_it():
    client, pinger = Client(), Pinger(0.05, 60)
    for _ in range(100):
        pinger.schedule(client)
    assert len(pinger) == 1
    until(lambda: client.pings)
    gevent.sleep(0.1)
    assert client.pings == 1


def test_clients_that_leave_are_forgotten_at_once():
    pinger = Pinger(60, 60)
    for _ in range(1000):
        client = Client()
        pinger.schedule(client)
        pinger.discard(client)
    assert len(pinger) == 0


def test_workers_run_what_waits_side_by_side_and_are_used_again():
    workers, hub, names = Workers(max_idle=2), gevent.get_hub(), []
    gate = gevent.event.Event()

    def wait_at_gate():
        gate.wait()
        names.append(gevent.getcurrent())

    for _ in range(3):
        hub.loop.run_callback(workers.run, wait_at_gate)
    gevent.sleep(0.01)
    gate.set()
    until(lambda: len(names) == 3)
    hub.loop.run_callback(workers.run, wait_at_gate)
    until(lambda: len(names) == 4)
    assert len(set(names[:3])) == 3 and names[3] in names[:3]


def test_a_worker_survives_what_it_runs(caplog):
    workers, hub, done = Workers(), gevent.get_hub(), []
    hub.loop.run_callback(workers.run, lambda: 1 / 0)
    gevent.sleep(0.01)
    hub.loop.run_callback(workers.run, lambda: done.append(1))
    until(lambda: done)
    assert 'ZeroDivisionError' in caplog.text


def test_a_quiet_log_writes_one_line_a_second_and_counts_the_rest(caplog):
    now = 100.0
    log = QuietLog('quiet', logging.WARNING, clock=lambda: now)
    for _ in range(1000):
        log.write('again\n')
    now += 1
    log.write('later')
    log.write('left out')
    assert [record.message for record in caplog.records] == ['again\\n', 'later (999 more left out)']


@pytest.mark.parametrize('text', ['x' * 100_000, '\x1b[2J' * 1000])
def test_a_quiet_line_is_short_and_printable(caplog, text):
    QuietLog('quiet').write(text)
    assert len(caplog.records[0].message) <= 1200 and caplog.records[0].message.isprintable()
