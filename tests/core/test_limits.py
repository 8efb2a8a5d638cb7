"""Rate limits by themselves, with a clock of the test's own."""
import pytest

from chat.core.machinery import limits
from chat.core.machinery.limits import Limits
from chat.errors import RateLimited


class House:
    """Limits of 3 uses in 10 seconds, of 1 in 60, and of none."""

    def __init__(self):
        self.now = 1000.0
        self.limits = Limits({'messages': (3, 10), 'seldom': (1, 60), 'free': None}, clock=lambda: self.now)

    def charge(self, *key, name='messages', times=1):
        for _ in range(times):
            self.limits.charge(name, *key)

    def seconds_to_wait(self, *key, name='messages'):
        with pytest.raises(RateLimited) as refused:
            self.limits.charge(name, *key)
        return refused.value.seconds

    @property
    def windows(self):
        """How many are kept."""
        return len(self.limits._windows)


@pytest.fixture
def house():
    return House()


def test_the_window_moves_each_use_makes_place_when_its_time_is_over(house):
    for _ in range(3):
        house.charge('ann')
        house.now += 3
    assert house.seconds_to_wait('ann') == 1
    house.now += 1
    house.charge('ann')
    assert house.seconds_to_wait('ann') == 3
    house.now += 3
    house.charge('ann')


def test_the_time_to_wait_is_told_in_whole_seconds_after_which_there_is_place(house):
    house.charge('ann', times=3)
    house.now += 2.5
    assert house.seconds_to_wait('ann') == 8
    house.now += 8
    house.charge('ann', times=3)
    house.now += 9.9
    assert house.seconds_to_wait('ann') == 1


def test_what_was_refused_does_not_count(house):
    house.charge('ann', times=3)
    house.now += 9
    for _ in range(10):
        house.seconds_to_wait('ann')
    house.now += 1
    house.charge('ann', times=3)


def test_what_is_given_back_can_be_used_again(house):
    house.charge('ann', times=3)
    house.limits.give_back('messages', 'ann')
    house.charge('ann')
    house.seconds_to_wait('ann')


def test_giving_back_more_than_was_charged_gains_nothing(house):
    house.limits.give_back('messages', 'ann')
    house.charge('ann')
    for _ in range(3):
        house.limits.give_back('messages', 'ann')
    house.charge('ann', times=3)
    house.seconds_to_wait('ann')


def test_keys_and_names_are_counted_each_for_itself(house):
    house.charge('ann', 7, times=3)
    house.charge('ann', 8, times=3)
    house.charge('bob', 7, times=3)
    house.charge('ann', 7, name='seldom')
    assert (house.seconds_to_wait('ann', 7), house.seconds_to_wait('ann', 7, name='seldom')) == (10, 60)


def test_where_there_is_no_limit_nothing_is_refused_nor_kept(house):
    house.charge('ann', name='free', times=1000)
    house.limits.give_back('free', 'ann')
    assert house.windows == 0


def test_windows_that_have_passed_are_soon_forgotten(house):
    for number in range(100):
        house.charge(number)
    house.now += 10
    for number in range(51):
        house.charge('new', number)
    assert house.windows == 51


def test_no_more_windows_are_kept_than_are_allowed_and_the_longest_unused_go_first(house, monkeypatch):
    monkeypatch.setattr(limits, 'MAX_KEYS', 10)
    house.charge('ann', times=3)
    for number in range(9):
        house.charge(number)
    house.seconds_to_wait('ann')  # which is a use of the window all the same
    house.charge('new')
    house.seconds_to_wait('ann')
    house.charge(0, times=3)  # of which nothing was known any more
    for number in range(100):
        house.charge('further', number)
        assert house.windows == 10
