"""The log of several processes by itself, in the process that goes on alone."""
import gevent
import pytest

from chat.core.shared.redis_log import RedisLog
from tests.support.ports import HOST, free_port


@pytest.fixture
def alone():
    """The log of a process without Redis."""
    log = RedisLog(f'redis://{HOST}:{free_port()}/0')
    log.start()
    yield log
    log.stop()


def test_whoever_performs_something_goes_on_before_anything_comes_of_what_that_led_to(alone):
    happened = []

    def begin(entry):
        happened.append('begun')
        alone.append('end', None)
        return 'well'

    alone.subscribe('begin', begin)
    alone.subscribe('end', lambda entry: happened.append('ended'))
    happened.append(alone.perform('begin', None))
    gevent.sleep(0.01)
    assert happened == ['begun', 'well', 'ended']


def test_what_holds_alone_does_so_in_the_order_in_which_it_was_appended(alone):
    happened = []

    def begin(entry):
        happened.append(entry.data)
        alone.append('end', -entry.data)

    alone.subscribe('begin', begin)
    alone.subscribe('end', lambda entry: happened.append(entry.data))
    gevent.joinall([gevent.spawn(alone.perform, 'begin', number) for number in range(1, 6)])
    gevent.sleep(0.01)
    assert [number for number in happened if number > 0] == [1, 2, 3, 4, 5]
    assert [number for number in happened if number < 0] == [-1, -2, -3, -4, -5]
