"""What was sent lately, within its bounds; offsets and private ids."""
import gevent
import pytest

from chat.transport import History, PrivateIds, recovery, takes_offsets, text_frame, unseen

KIND = 'kind'


class Recipient:
    def __init__(self, name, kind=KIND):
        self.name, self.kind = name, kind


class Recipients:
    def __init__(self, *names, shared=None):
        self.names, self.shared = names, shared

    def includes(self, recipient):
        return recipient.name in self.names


ANN, BOB = Recipient('ann'), Recipient('bob')


class House:
    """A History with a clock of the test's own."""

    def __init__(self, seconds=100, **bounds):
        self.now = 1000.0
        self.history = History(seconds=seconds, clock=lambda: self.now, **bounds)

    def send(self, text, *names, kinds=(KIND,), shared=None):
        offset = self.history.next_offset
        self.history.add(Recipients(*names, shared=shared), {kind: text_frame(f'4{text}') for kind in kinds})
        return offset

    def passes(self, seconds):
        """So much time, in which a History is looked after each second."""
        for _ in range(seconds):
            self.now += 1
            self.history.forget()

    def missed(self, recipient, offset=None, seen_until=0.0):
        """The texts of what was missed after an offset; None if that is not known."""
        since = 0 if offset is None else self.history.number_of(offset)
        missed = self.history.missed(recipient, since, seen_until)
        return missed and texts(missed)


def texts(missed):
    return [recovery.payload_of(frame)[1:].decode() for frame in missed.frames]


@pytest.fixture
def house():
    return House()


# ---------------------------------------------------------------------- what was missed

def test_each_gets_its_own_after_its_offset_in_order(house):
    house.send('a', 'ann')
    offset = house.send('b', 'ann', 'bob')
    house.send('c', 'bob')
    house.send('d', 'ann', 'bob')
    house.send('ü' * 70_000, 'ann')
    assert house.missed(ANN, offset) == ['d', 'ü' * 70_000]
    assert house.missed(BOB, offset) == ['c', 'd']
    assert house.missed(BOB) == ['b', 'c', 'd']


def test_each_gets_it_in_its_own_words_and_what_has_none_is_no_event_for_it(house):
    house.history.add(Recipients('ann'), {'one': text_frame('4x'), 'other': None})
    assert house.missed(Recipient('ann', 'one')) == ['x']
    assert house.missed(Recipient('ann', 'other')) == [] == house.missed(Recipient('ann', 'third'))


def test_an_offset_between_two_events_stands_for_all_before_it(house):
    assert house.missed(ANN, house.history.offset) == []
    house.send('a', 'ann')
    between = house.history.offset
    house.send('b', 'ann')
    assert house.missed(ANN, between) == ['b']


def test_what_is_sent_while_it_is_read_is_read_too(house, monkeypatch):
    monkeypatch.setattr(recovery, 'PIECE', 2)
    sent = iter('xyz')
    monkeypatch.setattr(recovery, 'give_way', lambda: (text := next(sent, None)) and house.send(text, 'ann'))
    for text in 'abcde':
        house.send(text, 'ann')
    assert house.missed(ANN) == list('abcdexyz')


def test_what_comes_afterwards_can_be_added(house):
    house.send('a', 'ann')
    missed = house.history.missed(ANN, 0, 0.0)
    house.send('b', 'ann')
    house.send('c', 'bob')
    assert house.history.read_on(missed) and texts(missed) == ['a', 'b']
    assert house.history.read_on(missed) and texts(missed) == ['a', 'b']


def test_long_reading_lets_others_have_their_turn(house):
    for _ in range(recovery.PIECE + 1):
        house.send('a', 'bob')
    turns = []
    gevent.spawn(turns.append, 'a turn')
    house.missed(ANN)
    assert turns == ['a turn']


@pytest.mark.parametrize('text', ['x' * 1000, '\N{WAVING HAND SIGN}' * 250])
def test_too_much_for_one_client_is_not_known(house, text):
    size = recovery.EVENT_OVERHEAD + 1000
    for _ in range(recovery.MAX_MISSED // size + 1):
        house.send(text, 'ann')
    assert house.missed(ANN) is None
    assert house.missed(BOB) == []


# ---------------------------------------------------------------------- bounds

def test_what_is_too_old_is_forgotten_and_whoever_may_have_missed_it_is_told_so(house):
    offset = house.history.offset
    house.send('a', 'ann')
    house.passes(100)
    house.send('b', 'ann')
    assert house.missed(ANN, offset) == ['a', 'b']
    house.passes(10)
    assert house.missed(ANN, offset, seen_until=1000.0) is None
    assert house.missed(ANN, offset, seen_until=1010.0) == ['b'], 'it has seen all that was sent until then'


def test_the_old_goes_without_anything_new(house):
    for _ in range(10):
        house.send('a', 'ann')
        house.passes(1)
    house.passes(100)
    assert 0 < len(house.missed(ANN, seen_until=2000.0)) < 10
    house.passes(10)
    assert house.missed(ANN, seen_until=2000.0) == [] and house.history.size == 0


def test_the_oldest_makes_place_for_the_newest():
    house = House(max_bytes=10_000)
    for number in range(1000):
        house.send(str(number) * 100, 'ann')
        assert house.history.size <= 10_000
    kept = house.missed(ANN, seen_until=2000.0)
    assert kept and kept == [str(number) * 100 for number in range(1000 - len(kept), 1000)]
    assert house.missed(ANN, seen_until=0.0) is None


def test_all_kinds_of_an_event_count_and_what_is_shared_counts_once():
    house = House()
    members = frozenset(range(10_000))
    house.send('x' * 1000, 'ann', shared=members)
    first = house.history.size
    assert first > 1000 + members.__sizeof__()
    house.send('x' * 1000, 'ann', shared=members)
    assert house.history.size - first < 2000
    house.send('x' * 1000, 'ann', kinds=('one', 'other', 'third'), shared=members)
    assert house.history.size - first > 4000
    house.passes(110)
    assert house.history.size == 0


def test_lists_of_members_that_are_no_longer_true_fill_no_memory():
    house = House(max_bytes=1 << 20)
    for _ in range(50):
        house.send('x', 'ann', shared=frozenset(range(10_000)))
    assert len(house.missed(ANN, seen_until=2000.0)) == 1
    assert house.history.size <= 1 << 20


def test_a_gap_that_opens_while_it_is_read_is_noticed(monkeypatch):
    house = House(max_bytes=5000)
    monkeypatch.setattr(recovery, 'PIECE', 2)
    monkeypatch.setattr(recovery, 'give_way', lambda: [house.send('x' * 400, 'ann') for _ in range(10)])
    for _ in range(5):
        house.send('x', 'ann')
    assert house.missed(ANN) is None


# ---------------------------------------------------------------------- offsets

def test_an_offset_is_known_to_the_process_that_gave_it_only(house):
    offset = house.send('a', 'ann')
    assert house.history.number_of(offset) == 1
    assert House().history.number_of(offset) is None


@pytest.mark.parametrize('wrong', [None, 1, '', '1', [], {}, '{prefix}', '{prefix}2', '{prefix}-1', '{prefix}1.0', '{prefix} 1',
                                   '{prefix}\N{SUPERSCRIPT ONE}', '{prefix}' + '1' * 5000])
def test_what_is_no_offset_is_none(house, wrong):
    offset = house.send('a', 'ann')
    if isinstance(wrong, str):
        wrong = wrong.replace('{prefix}', offset[:-1])
    assert house.history.number_of(wrong) is None


def test_offsets_only_grow(house):
    offsets = [house.history.offset, house.send('a', 'ann'), house.history.offset, house.send('b', 'bob')]
    assert [house.history.number_of(offset) for offset in offsets] == [0, 1, 1, 2]


def test_a_loss_is_noticed_two_timeouts_and_an_interval_after_the_last_word():
    assert unseen(25, 20) == 70


# ---------------------------------------------------------------------- private ids

def test_a_pid_says_whose_it_is_in_its_namespace():
    pids = PrivateIds()
    pid = pids.issue('/chat', 'sid-1', 42)
    assert pids.read('/chat', pid) == ('sid-1', 42)
    assert pids.read('/', pid) is None
    assert PrivateIds().read('/chat', pid) is None


@pytest.mark.parametrize('change', [
    lambda pid: None, lambda pid: 5, lambda pid: '', lambda pid: '..', lambda pid: pid[:-1], lambda pid: pid + 'x',
    lambda pid: pid.replace('sid-1', 'sid-2'), lambda pid: pid.replace('.42.', '.41.'), lambda pid: f'{pid[:-1]}\xe4',
    lambda pid: pid.encode()])
def test_what_was_changed_in_a_pid_makes_it_worthless(change):
    pids = PrivateIds()
    assert pids.read('/', change(pids.issue('/', 'sid-1', 42))) is None


# ---------------------------------------------------------------------- whom offsets would hurt

PYTHON = {'HTTP_USER_AGENT': 'python-requests/2.32'}


@pytest.mark.parametrize('environ, auth, expected', [
    ({}, {}, True),  # Node's WebSocket says nothing of itself
    ({'HTTP_USER_AGENT': 'node-XMLHttpRequest'}, {}, True),
    ({'HTTP_USER_AGENT': 'Mozilla/5.0', 'HTTP_ORIGIN': 'https://a.example'}, {}, True),
    ({'HTTP_ORIGIN': 'https://a.example'}, {}, False),  # Python's websocket-client
    (PYTHON, {}, False),
    ({'HTTP_USER_AGENT': 'Python/3.12 aiohttp/3.9'}, {}, False),
    ({'HTTP_USER_AGENT': 'Dart/3.4 (dart:io)'}, {}, False),
    (PYTHON, {'recovery': True}, True),
    ({}, {'recovery': False}, False),
    (PYTHON, {'recovery': 'yes'}, False),
])
def test_clients_that_could_not_live_with_offsets_are_known_by_what_they_say(environ, auth, expected):
    assert takes_offsets(environ, auth) is expected
