"""The state machine of calls by itself, with a clock of the test's own: however a call ends, nothing of it is left."""
from types import SimpleNamespace

import pytest

from chat.core.calls.call import Signal
from chat.core.calls.calls import Calls
from chat.core.calls.records import CallRecords
from chat.core.events import CallAnswered, CallEnded, CallStarted
from chat.core.shared.log import Entry, LocalLog
from chat.errors import Busy, Forbidden, NotFound, Offline

ANN, BOB, EVE = 1, 2, 3


class SlowLog(LocalLog):
    """In which things happen while something is on its way: `meanwhile` is called once."""

    meanwhile = None

    def perform(self, topic, data):
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        return super().perform(topic, data)


class House:
    """Calls with everything around them: who is connected, what was told, what was recorded."""

    def __init__(self):
        self.now = 1000.0
        self.told = []  # (connection, kind, data)
        self.connections = {ANN: {'a1', 'a2'}, BOB: {'b1', 'b2', 'b3'}, EVE: {'e1'}}
        self.recorded = []
        records = CallRecords(None)
        records.add = records.add_for_now = self.recorded.append
        self.blocks = SimpleNamespace(hides=lambda *_: False)
        users = SimpleNamespace(require_active=lambda _: None)
        self.log = SlowLog()
        open_connections = SimpleNamespace(
            callable_here=lambda user_id: set(self.connections[user_id]),
            callable_in=lambda user_id: {LocalLog.process} if self.connections[user_id] else set())
        self.calls = Calls(users=users, blocks=self.blocks, presence=open_connections, records=records, publisher=self,
                           log=self.log, timeout=30, clock=lambda: self.now)

    def publish(self, event):
        self.told += [(connection, type(event), event.data) for connection in event.audience.ids]

    def start(self, sender='a1', to=BOB):
        return self.calls.start(signal(sender, to))

    def close(self, connection):
        user_id = user_of(connection)
        self.connections[user_id].discard(connection)
        self.calls.closed(user_id, connection)

    def wait(self, seconds):
        self.now += seconds
        self.calls.expire()

    @property
    def outcomes(self):
        return [record.outcome for record in self.recorded]

    def reasons(self):
        return {connection: data.get('reason') for connection, kind, data in self.told if kind == CallEnded}


def user_of(connection):
    return {'a': ANN, 'b': BOB, 'e': EVE}[connection[0]]


def signal(sender, to, call_id=None, **data):
    return Signal(user_of(sender), sender, to, call_id, data)


@pytest.fixture
def house():
    return House()


def nothing(house):
    """Nothing."""


def answered(house):
    house.calls.answer(signal('b2', ANN))


def answered_after_both_called(house):
    assert house.start('b1', ANN)[1] is True
    answered(house)


def all_phones_gone(house):
    for phone in ('b1', 'b2', 'b3'):
        house.close(phone)


ENDS = {
    'hung up by the caller': lambda house: house.calls.end(signal('a1', BOB)),
    'hung up by the callee': lambda house: house.calls.end(signal('b2', ANN)),
    'the caller gone': lambda house: house.close('a1'),
    'the callee gone': all_phones_gone,
    'the server stopped': lambda house: house.calls.stop(),
}
EXPECTED = {  # ringing, answered
    'hung up by the caller': ('missed', 'completed'), 'hung up by the callee': ('declined', 'completed'),
    'the caller gone': ('missed', 'failed'), 'the callee gone': ('missed', 'failed'),
    'the server stopped': ('missed', 'failed'),
}


@pytest.mark.parametrize('end', ENDS)
@pytest.mark.parametrize('before', [nothing, answered, answered_after_both_called])
def test_however_a_call_ends_nothing_is_left_of_it(house, before, end):
    house.start()
    before(house)
    assert len(house.calls) == 1
    ENDS[end](house)
    assert_nothing_left(house)
    assert house.outcomes == [EXPECTED[end][before is not nothing]]
    told = len(house.told)
    house.wait(31)
    for late in (house.calls.answer, house.calls.candidate, house.calls.end):
        for sender, to in (('a1', BOB), ('b2', ANN)):
            with pytest.raises(NotFound):
                late(signal(sender, to))
    assert len(house.told) == told and len(house.outcomes) == 1


def assert_nothing_left(house):
    assert len(house.calls) == 0
    maps = [value for name, value in vars(house.calls).items() if isinstance(value, dict) and name != '_changes']
    assert maps == [{}, {}]


def test_it_rings_for_its_time_and_no_longer(house):
    house.start()
    house.wait(29.9)
    assert house.reasons() == {} and len(house.calls) == 1
    house.wait(0.1)
    assert house.reasons() == dict.fromkeys(['a1', 'b1', 'b2', 'b3'], 'timeout')
    assert house.outcomes == ['missed']
    assert_nothing_left(house)


def test_an_answered_call_lasts(house):
    house.start()
    house.wait(29.9)
    answered(house)
    house.wait(10_000)
    assert house.reasons() == {'b1': 'answered_elsewhere', 'b3': 'answered_elsewhere'} and len(house.calls) == 1


def test_each_call_rings_for_its_own_time(house):
    house.connections[4], house.connections[5] = {'d'}, {'f'}
    house.start()
    house.wait(20)
    house.calls.start(Signal(4, 'd', 5, None, {}))
    house.wait(10)
    assert (house.outcomes, len(house.calls)) == (['missed'], 1)
    house.wait(20)
    assert (house.outcomes, len(house.calls)) == (['missed', 'missed'], 0)


def test_what_is_refused_leaves_nothing(house):
    house.start()
    with pytest.raises(Busy):
        house.start('e1', BOB)
    house.calls.end(signal('a1', BOB))
    house.connections[BOB] = set()
    with pytest.raises(Offline):
        house.start()
    assert house.outcomes == ['busy', 'missed', 'failed']
    assert_nothing_left(house)


def test_a_caller_that_vanished_while_the_database_was_asked_calls_nobody(house):
    def hides(*_):
        house.close('a1')
        return False

    house.blocks.hides = hides
    with pytest.raises(Forbidden):
        house.start()
    assert house.told == []
    assert_nothing_left(house)


def test_the_state_has_changed_before_anybody_is_told(house):
    """Whoever is told may act on it at once."""
    seen = []
    house.publish = lambda event: seen.append((type(event), len(house.calls)))
    house.start()
    answered(house)
    house.calls.end(signal('b2', ANN))
    assert seen == [(CallStarted, 1), (CallAnswered, 1), (CallEnded, 1), (CallEnded, 0)]


def test_whoever_loses_its_line_is_told_that_it_is_out_of_the_call_in_case_it_comes_back(house):
    call_id, _ = house.start()
    house.close('b1')
    assert house.reasons() == {'b1': 'disconnected'}, 'the others go on ringing'
    house.calls.answer(signal('b2', ANN))
    house.close('a1')
    assert house.reasons() == {'b1': 'disconnected', 'b3': 'answered_elsewhere', 'b2': 'disconnected', 'a1': 'disconnected'}
    assert house.told[-2:] == [('a1', CallEnded, {'reason': 'disconnected', 'from': BOB, 'callId': call_id}),
                               ('b2', CallEnded, {'reason': 'disconnected', 'from': ANN, 'callId': call_id})]


@pytest.mark.parametrize('what', ['the answer', 'the call itself'])
def test_whoever_closes_while_its_word_is_on_its_way_leaves_no_call_behind(house, what):
    if what == 'the answer':
        house.start()
        house.log.meanwhile = lambda: house.close('b2')
        house.calls.answer(signal('b2', ANN))
        assert house.outcomes == ['failed']
    else:
        house.log.meanwhile = lambda: house.close('a1')
        house.start()
        assert house.outcomes == ['missed']
    assert_nothing_left(house)


def test_whoever_hangs_up_and_loses_its_line_before_the_answer_is_told_that_the_call_is_over_in_case_it_comes_back(house):
    house.start()
    answered(house)
    house.log.meanwhile = lambda: house.connections[ANN].discard('a1')  # what it said comes first in the log
    house.calls.end(signal('a1', BOB))
    house.close('a1')
    assert house.reasons()['a1'] == 'disconnected'
    assert house.outcomes == ['completed']
    assert_nothing_left(house)


def test_a_call_that_ended_while_its_process_was_coming_back_stays_ended(house):
    call_id, _ = house.start()
    answered(house)
    contribution = house.calls.contribution()
    house.calls.end(signal('b2', ANN))
    appended = []
    house.log.append = lambda topic, data: appended.append(data)
    house.calls.rejoined(Entry(LocalLog.process, True, contribution))
    assert_nothing_left(house)
    assert house.outcomes == ['completed']
    assert appended == [['over', call_id]], 'the others take it for one that goes on until they hear that'
    elsewhere = House()
    elsewhere.calls.rejoined(Entry('elsewhere', False, contribution))
    assert len(elsewhere.calls) == 1
    elsewhere.calls._changed(Entry('elsewhere', False, appended[0]))
    assert_nothing_left(elsewhere)
    assert elsewhere.outcomes == [], 'it was recorded when it ended'
