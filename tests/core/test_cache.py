"""The cache: what was changed while it was being loaded is never kept, and everything is loaded once only."""
import gevent
import pytest
from gevent.event import Event

from chat.core.machinery.cache import Cache


class Shelf:
    """What stands behind the cache: `rows`, with a gate at which loads can be held up; `loads` are the keys, in order."""

    def __init__(self, size=10, weigh=None):
        self.rows, self.loads = {}, []
        self.gate = Event()
        self.gate.set()
        self.cache = Cache(size, self._load, weigh)

    def _load(self, key):
        self.loads.append(key)
        row = self.rows[key]
        self.gate.wait()
        return row

    def get_held_up(self, key, readers=1):
        """Greenlets that get the key, and have to wait for the gate."""
        self.gate.clear()
        greenlets = [gevent.spawn(self.cache.get, key) for _ in range(readers)]
        gevent.idle()
        return greenlets

    def let_in(self, greenlets):
        """What they got."""
        self.gate.set()
        return [greenlet.get() for greenlet in greenlets]


@pytest.fixture
def shelf():
    return Shelf()


def test_an_entry_is_loaded_on_first_use_and_again_after_it_was_evicted(shelf):
    shelf.rows['a'] = 1
    assert [shelf.cache.get('a') for _ in range(2)] == [1, 1] and shelf.loads == ['a']
    shelf.rows['a'] = 2
    assert shelf.cache.get('a') == 1
    shelf.cache.evict('a', 'unknown')
    assert [shelf.cache.get('a') for _ in range(2)] == [2, 2] and shelf.loads == ['a', 'a']


def test_nothing_is_an_entry_like_any_other(shelf):
    shelf.rows['a'] = None
    assert [shelf.cache.get('a') for _ in range(2)] == [None, None] and shelf.loads == ['a']


def test_those_who_want_an_entry_at_once_share_one_load_and_one_entry(shelf):
    shelf.rows['a'] = ['an object']
    readers = shelf.get_held_up('a', readers=5)
    entries = shelf.let_in(readers)
    assert shelf.loads == ['a'] and all(entry is shelf.rows['a'] for entry in entries)


def test_a_load_holds_up_nobody_who_wants_another_key(shelf):
    shelf.rows.update(a=1, b=2)
    assert shelf.cache.get('b') == 2
    readers = shelf.get_held_up('a')
    assert shelf.cache.get('b') == 2
    shelf.let_in(readers)


@pytest.mark.parametrize('change', [Cache.evict, Cache.changed])
def test_what_changed_while_it_was_being_loaded_is_loaded_again(shelf, change):
    shelf.rows['a'] = 'old'
    readers = shelf.get_held_up('a', readers=3)
    shelf.rows['a'] = 'new'
    change(shelf.cache, 'a')
    assert shelf.let_in(readers) == ['new'] * 3
    assert shelf.cache.get('a') == 'new' and shelf.loads == ['a', 'a']


def test_a_change_of_another_key_disturbs_no_load(shelf):
    shelf.rows['a'] = 1
    readers = shelf.get_held_up('a')
    shelf.cache.evict('b')
    shelf.let_in(readers)
    assert shelf.loads == ['a']


def test_what_the_loader_raises_goes_to_who_asked_and_is_not_kept(shelf):
    for _ in range(2):
        with pytest.raises(KeyError):
            shelf.cache.get('a')
    shelf.rows['a'] = 1
    assert shelf.cache.get('a') == 1 and shelf.loads == ['a'] * 3


def test_who_waited_for_a_load_that_failed_tries_by_itself(shelf):
    load, failed = shelf.cache._load, []

    def fail_once(key):
        row = load(key)
        if not failed:
            failed.append(key)
            raise ConnectionError
        return row

    shelf.cache._load = fail_once
    shelf.rows['a'] = 1
    first, second = shelf.get_held_up('a', readers=2)
    shelf.gate.set()
    gevent.joinall([first, second])
    assert isinstance(first.exception, ConnectionError) and second.value == 1


def test_the_least_recently_used_go_first(shelf):
    shelf.rows.update({number: number for number in range(11)})
    for number in range(10):
        shelf.cache.get(number)
    shelf.cache.get(0)
    shelf.cache.get(10)
    assert len(shelf.cache) == 10
    assert (shelf.cache.peek(0), shelf.cache.peek(1)) == (0, None)


def test_entries_are_weighed_and_one_that_is_too_heavy_is_loaded_each_time():
    shelf = Shelf(size=10, weigh=len)
    shelf.rows.update(a='x' * 6, b='x' * 5, heavy='x' * 11)
    assert [shelf.cache.get('heavy') for _ in range(2)] == ['x' * 11] * 2 and shelf.loads == ['heavy'] * 2
    shelf.cache.get('a')
    shelf.cache.get('b')
    assert (shelf.cache.peek('a'), shelf.cache.peek('b')) == (None, 'x' * 5)


def test_peeking_loads_nothing_and_a_change_gives_the_entry_to_bring_up_to_date(shelf):
    assert shelf.cache.peek('a') is shelf.cache.changed('a') is None and shelf.loads == []
    shelf.rows['a'] = [1]
    shelf.cache.get('a')
    shelf.cache.changed('a').append(2)
    assert shelf.cache.peek('a') == [1, 2]
