"""Connections that were lost: for how long, how many, and who may come back to which."""
import pytest

from chat.sockets import away
from chat.sockets.away import Away
from chat.sockets.connections import Connection, Registry
from chat.tokens import Identity
from chat.transport import History

ANN, BOB = 1, 2
FOREVER = 1e12


class Everyone:
    """The Recipients of an event that is for all."""

    shared = None

    def includes(self, recipient):
        return True


class House:
    """An Away with everything around it, and clocks of the test's own."""

    def __init__(self):
        self.now = 1000.0
        self.registry = Registry()
        self.history = History(seconds=190, clock=lambda: self.now)
        self.away = Away(registry=self.registry, history=self.history, seconds=120, unseen=70,
                         clock=lambda: self.now, now=lambda: self.now)

    def connect(self, sid, user_id=ANN, expires_at=FOREVER, has_offsets=True):
        connection = Connection(sid, f'session of {sid}', '/', '127.0.0.1', has_offsets)
        connection.identify(Identity(user_id, 'sign-in', 'standard', expires_at), 'standard')
        self.registry.add(connection)
        self.registry.sign_in(connection)
        return connection

    def lose(self, connection):
        self.registry.remove(connection.sid)
        self.away.add(connection)

    def send(self, frame=b'\x81\x02' b'4x'):
        kinds = {connection.kind: frame for connection in self.registry.of_everyone()}
        self.history.add(Everyone(), kinds)


@pytest.fixture
def house():
    return House()


@pytest.fixture
def lost(house):
    """(a connection of ann's that is lost, its pid)."""
    connection = house.connect('a')
    pid = house.away.new_pid(connection)
    house.lose(connection)
    return connection, pid


def test_an_heir_gets_what_was_missed_until_it_is_there_and_nothing_is_left_of_the_lost_one(house, lost):
    connection, pid = lost
    house.send()
    heir = house.connect('b')
    assert house.away.claim(heir, pid, None) is connection
    heir.continues(connection)
    assert house.away.is_heir(heir)
    house.send()
    assert len(house.away.catch_up(heir)) == 2
    assert not house.away.is_heir(heir) and len(house.away) == 0
    assert house.registry.of_users([ANN]) == [heir]


def test_while_it_is_away_events_are_made_for_it_and_it_is_found_by_nothing_else(house, lost):
    connection, _ = lost
    assert house.registry.of_users([ANN]) == [connection] == house.registry.of_everyone()
    assert house.away.get('a') is connection
    assert house.registry.get('a') is None and house.registry.all() == []
    assert not house.registry.of_dialect('standard') and not house.registry.of_session(connection.eio_sid)


@pytest.mark.parametrize('seconds, comes_back', [(119, True), (121, False)])
def test_after_a_while_nobody_comes_back(house, lost, seconds, comes_back):
    connection, pid = lost
    house.now += seconds
    assert (house.away.claim(house.connect('b'), pid, None) is connection) is comes_back
    house.away.expire()
    assert len(house.away) == comes_back


def test_who_has_been_silent_for_long_before_the_loss_has_missed_nothing_by_that(house):
    connection = house.connect('a')
    pid, offset = house.away.new_pid(connection), house.history.offset
    house.send()
    house.now += 400
    house.send()
    house.lose(connection)
    assert house.away.claim(house.connect('b'), pid, offset) is connection


def test_what_has_been_forgotten_since_the_loss_makes_it_a_new_one(house):
    connection = house.connect('a')
    pid, offset = house.away.new_pid(connection), house.history.offset
    house.lose(connection)
    house.send()
    house.history._max_bytes = 1
    house.send()
    assert house.away.claim(house.connect('b'), pid, offset) is None


def test_an_offset_from_before_the_connection_began_does_not_reach_behind_it(house):
    offset = house.history.offset
    house.connect('z')
    house.send()
    connection = house.connect('a')
    pid = house.away.new_pid(connection)
    house.lose(connection)
    house.send()
    heir = house.connect('b')
    heir.continues(house.away.claim(heir, pid, offset))
    assert len(house.away.catch_up(heir)) == 1


def test_only_its_own_user_comes_back_and_one_at_a_time(house, lost):
    connection, pid = lost
    assert house.away.claim(house.connect('b', BOB), pid, None) is None
    heir = house.connect('c')
    assert house.away.claim(heir, pid, None) is connection
    assert house.away.claim(house.connect('d'), pid, None) is None
    heir.continues(connection)
    house.lose(heir)  # before it has caught up
    assert len(house.away) == 1
    assert house.away.claim(house.connect('e'), pid, None) is connection


def test_whose_token_has_expired_meanwhile_does_not_come_back(house):
    connection = house.connect('a', expires_at=1010.0)
    pid = house.away.new_pid(connection)
    house.lose(connection)
    house.now = 1011.0
    assert house.away.claim(house.connect('b'), pid, None) is None


def test_who_ends_while_what_it_missed_is_read_does_not_come_back(house, lost, monkeypatch):
    _, pid = lost
    read = house.history.missed

    def ends_meanwhile(*arguments):
        house.away.discard('a')
        return read(*arguments)

    monkeypatch.setattr(house.history, 'missed', ends_meanwhile)
    assert house.away.claim(house.connect('b'), pid, None) is None


def test_a_promise_that_can_not_be_kept_is_noticed(house, lost):
    connection, pid = lost
    heir = house.connect('b')
    heir.continues(house.away.claim(heir, pid, None))
    house.history._max_bytes = 1
    house.send()
    assert house.away.catch_up(heir) is None
    assert len(house.away) == 0


def test_one_user_can_not_drive_the_others_out(house, lost, monkeypatch):
    monkeypatch.setattr(away, 'MAX_PER_USER', 3)
    for number in range(100):
        house.lose(house.connect(f'b{number}', BOB))
    assert len(house.away) == 4 and house.away.get('a')
    assert [bool(house.away.get(f'b{number}')) for number in (96, 97, 99)] == [False, True, True]
    assert len(house.registry.of_users([BOB])) == 3


def test_there_is_a_bound_over_all(house, monkeypatch):
    monkeypatch.setattr(away, 'MAX_LOST', 3)
    for number in range(10):
        house.lose(house.connect(f'c{number}', number))
    assert len(house.away) == 3 == len(house.registry.of_everyone())
    for number in range(10):
        house.away.discard(f'c{number}')
    assert house.registry.of_everyone() == [] and house.away._of_user == {}


def test_who_has_no_offsets_is_given_no_pid_and_not_kept(house):
    connection = house.connect('a', has_offsets=False)
    assert house.away.new_pid(connection) is None
    house.lose(connection)
    assert len(house.away) == 0 and house.registry.of_users([ANN]) == []


def test_without_a_history_nobody_comes_back():
    registry = Registry()
    nowhere = Away(registry=registry, history=None, seconds=120, unseen=70)
    connection = Connection('a', 'session', '/', '127.0.0.1', True)
    connection.identify(Identity(ANN, 'sign-in', 'standard', FOREVER), 'standard')
    assert not nowhere.is_possible and nowhere.new_pid(connection) is None
    nowhere.add(connection)
    nowhere.expire()
    assert len(nowhere) == 0 and nowhere.read('a.0.b', '/') is None


def test_connections_of_one_kind_share_it(house):
    assert house.connect('a').kind is house.connect('b', BOB).kind
