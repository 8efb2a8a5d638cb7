"""The waiting room by itself, with a clock of the test's own."""
import gevent
import pytest

from chat.core.shared.places import MAX_PER_ADDRESS, MAX_PLACES, Places
from chat.sockets.waiting import DEADLINE, HANDSHAKE, WaitingRoom

HERE, THERE = '192.0.2.1', '192.0.2.2'


class House:
    """A waiting room; sessions are numbers."""

    def __init__(self):
        self.now = 1000.0
        self.places = Places()
        self.room = WaitingRoom(self.places, clock=lambda: self.now)

    def enter(self, *sessions, address=HERE):
        for session in sessions:
            self.room.enter(session, address)

    def wait(self, seconds):
        """The sessions that are to be closed by then; they are, as the gateway does it."""
        self.now += seconds
        overdue = self.room.overdue()
        for session in overdue:
            self.room.leave(session)
        return overdue


@pytest.fixture
def house():
    return House()


def test_who_does_not_sign_in_is_overdue_at_the_deadline_and_not_before(house):
    house.enter(1)
    house.room.count(1)
    house.wait(5)
    house.enter(2)
    assert house.wait(DEADLINE - 5.1) == []
    assert house.wait(0.1) == [1]
    assert house.wait(4.9) == []
    assert house.wait(0.1) == [2]
    assert house.wait(DEADLINE) == []


def test_who_has_signed_in_or_gone_is_never_overdue(house):
    house.enter(1, 2)
    house.room.count(2)
    for session in (1, 2, 3):
        house.room.leave(session)
    assert house.wait(DEADLINE) == []


def test_entering_again_puts_nothing_off(house):
    house.enter(1)
    house.wait(DEADLINE - 1)
    house.enter(1)
    assert house.wait(1) == [1]


def test_who_is_signed_out_waits_anew(house):
    house.enter(1)
    house.room.leave(1)
    house.wait(DEADLINE - 1)
    house.enter(1)
    assert house.wait(DEADLINE - 0.1) == []
    assert house.wait(0.1) == [1]


def test_only_so_many_of_one_address_may_wait_and_whoever_leaves_makes_place(house):
    house.enter(*range(MAX_PER_ADDRESS + 1))
    assert all(house.room.count(session) for session in range(MAX_PER_ADDRESS))
    assert not house.room.count(MAX_PER_ADDRESS)
    assert house.room.count(0)  # who has a place keeps it
    house.enter('other', address=THERE)
    assert house.room.count('other')
    house.room.leave(0)
    assert house.room.count(MAX_PER_ADDRESS)


def test_only_so_many_may_wait_in_all(house):
    for session in range(MAX_PLACES):
        house.enter(session, address=f'192.0.2.{session % 100}')
        assert house.room.count(session)
    house.enter('late', address='198.51.100.1')
    assert not house.room.count('late')
    house.room.leave(5)
    assert house.room.count('late')


def test_who_says_nothing_counts_after_a_moment_and_is_sent_away_where_there_is_no_place(house):
    house.enter(*range(MAX_PER_ADDRESS + 5))
    assert house.wait(HANDSHAKE - 0.1) == []
    house.enter('newer')
    assert house.wait(0.1) == list(range(MAX_PER_ADDRESS, MAX_PER_ADDRESS + 5))
    assert house.wait(HANDSHAKE - 0.1) == ['newer']


def test_any_number_may_show_their_tokens_at_once(house):
    house.enter(*range(MAX_PLACES * 2))
    house.now += HANDSHAKE - 0.1
    for session in range(MAX_PLACES * 2):
        house.room.leave(session)
    house.enter('late')
    assert house.room.count('late') and house.wait(0.1) == []


def test_nothing_is_left_of_those_who_have_gone(house):
    house.enter(*range(100))
    for session in range(0, 100, 2):
        house.room.count(session)
        house.room.leave(session)
    house.wait(DEADLINE)
    assert not any(value for name, value in vars(house.room).items() if name not in ('_clock', '_places'))
    assert not any(vars(house.places).values())


def test_who_is_counted_twice_at_once_takes_one_place(house):
    """Places that all processes share are asked for over the network; a client may ask for a namespace meanwhile."""
    class Distant(Places):
        def take(self, address):
            is_taken = super().take(address)
            gevent.sleep(0)
            return is_taken

    house.room = WaitingRoom(distant := Distant(), clock=lambda: house.now)
    house.room.enter('s', HERE)
    gevent.joinall([gevent.spawn(house.room.count, 's') for _ in range(2)], raise_error=True)
    house.room.leave('s')
    assert [distant.take(HERE) for _ in range(MAX_PER_ADDRESS + 1)] == [True] * MAX_PER_ADDRESS + [False]
