"""Typing indicators by themselves, with a clock of the test's own."""
from types import SimpleNamespace

import pytest

from chat.core.events import RoomMembers, TypingChanged, Users
from chat.core.rooms.rooms import DIRECT, LOBBY, PUBLIC, LiveRoom
from chat.core.rooms.typing_indicators import MAX_ROOMS, TIMEOUT, TypingIndicators
from chat.core.shared.log import Entry, LocalLog
from chat.errors import Forbidden, RateLimited, Unavailable

ANN, BOB, EVE = 1, 2, 3
ROOM = LiveRoom(7, PUBLIC, 'tea', frozenset((ANN, BOB, EVE)))


class House:
    """Typing indicators with everything around them; `told` are (room, user, whether it types), in order."""

    def __init__(self, log=None):
        self.now, self.told, self.events = 1000.0, [], []
        self.blocked, self.is_away = {}, False
        self.rooms = {ROOM.id: ROOM}
        blocks = SimpleNamespace(blocked_by=self._blocked_by, require_welcome=self._require_welcome)
        self.typing = TypingIndicators(rooms=SimpleNamespace(find=self.rooms.get), blocks=blocks, publisher=self, here=self,
                                       log=log or LocalLog(), clock=lambda: self.now)

    def _blocked_by(self, user_id):
        if self.is_away:
            raise Unavailable()
        return frozenset(self.blocked.get(user_id, ()))

    def _require_welcome(self, sender_id, receiver_id):
        if sender_id in self.blocked.get(receiver_id, ()):
            raise Forbidden()

    def publish(self, event):
        assert type(event) is TypingChanged
        self.events.append(event)
        self.told.append((event.room_id, event.user_id, event.is_typing))

    def type(self, user=ANN, connection='a1', room=ROOM, is_typing=True):
        self.typing.set(room, user, connection, is_typing)

    def wait(self, seconds):
        self.now += seconds
        self.typing.expire()


@pytest.fixture
def house():
    return House()


def test_the_others_are_told_but_neither_the_typist_nor_whom_it_blocked(house):
    house.blocked[ANN] = {EVE}
    house.type()
    assert house.events == [TypingChanged(RoomMembers(ROOM.id, without=frozenset((ANN, EVE))), ROOM.id, ANN, True)]


def test_whoever_says_nothing_stops_after_the_timeout_and_a_word_puts_it_off(house):
    house.type()
    house.wait(TIMEOUT - 1)
    house.type()
    house.wait(TIMEOUT - 1)
    assert house.told == [(7, ANN, True)] * 2
    house.wait(1)
    assert house.told[2:] == [(7, ANN, False)]
    house.wait(TIMEOUT)
    assert len(house.told) == 3


def test_several_stop_in_the_order_in_which_they_last_said_something(house):
    house.type()
    house.wait(1)
    house.type(BOB, 'b1')
    house.wait(1)
    house.type()
    house.wait(TIMEOUT - 1)
    assert house.told[3:] == [(7, BOB, False)]
    house.wait(1)
    assert house.told[4:] == [(7, ANN, False)]


def test_a_user_types_until_the_last_of_its_connections_stops(house):
    house.type()
    house.type(connection='a2')
    house.type(is_typing=False)
    assert house.told[-1] == (7, ANN, True)
    house.typing.closed('a2')
    assert house.told[-1] == (7, ANN, False)


def test_a_member_who_leaves_stops_typing_on_all_its_connections(house):
    house.type()
    house.type(connection='a2')
    house.type(BOB, 'b1')
    house.typing.left(ROOM.id, ANN)
    assert house.told[3:] == [(7, ANN, False)]
    house.wait(TIMEOUT)
    assert house.told[4:] == [(7, BOB, False)]


def test_who_left_by_another_way_stops_all_the_same_when_its_time_is_over(house):
    house.type()
    house.rooms.clear()
    house.wait(TIMEOUT)
    assert house.told[-1] == (7, ANN, False)


def test_a_stop_that_nobody_could_be_told_of_is_told_later(house):
    house.type()
    house.is_away = True
    with pytest.raises(Unavailable):
        house.typing.closed('a1')
    house.is_away = False
    house.wait(TIMEOUT)
    assert house.told[1:] == [(7, ANN, False)]


def test_whom_the_typist_blocks_sees_it_stop(house):
    house.type()
    house.typing.hide(ANN, EVE)
    assert house.events[-1] == TypingChanged(Users((EVE,)), ROOM.id, ANN, False)


def test_stopping_without_having_begun_tells_nobody(house):
    house.type(is_typing=False)
    house.typing.closed('a1')
    house.typing.left(ROOM.id, ANN)
    assert house.told == []


def test_there_is_no_typing_in_the_lobby_nor_to_somebody_who_does_not_want_it(house):
    house.type(room=LiveRoom(1, LOBBY, '', frozenset()))
    house.blocked[BOB] = {ANN}
    with pytest.raises(Forbidden):
        house.type(room=LiveRoom(8, DIRECT, '', frozenset((ANN, BOB))))
    assert house.told == []


def test_one_connection_types_in_a_bounded_number_of_rooms(house):
    for number in range(MAX_ROOMS):
        house.type(room=LiveRoom(100 + number, PUBLIC, '', frozenset((ANN, BOB))))
    with pytest.raises(RateLimited):
        house.type()
    house.type(room=LiveRoom(100, PUBLIC, '', frozenset((ANN, BOB))))
    house.type(connection='a2')
    house.typing.closed('a1')
    house.type()
    assert house.told[-1] == (7, ANN, True)


def test_nothing_is_left_of_those_who_have_stopped(house):
    for number in range(100):
        house.type(user=number, connection=f'c{number}')
        house.type(user=number, connection=f'd{number}')
    for number in range(100):
        house.typing.closed(f'c{number}')
    house.wait(TIMEOUT)
    assert not any(vars(house.typing)[name] for name in ('_until', '_by_connection', '_by_user'))


class SlowLog:
    """The log of several processes, in which nothing comes out before `flow`."""

    def __init__(self):
        self.entries, self.applies = [], {}

    def of(self, process):
        return SimpleNamespace(
            process=process, is_shared=True,
            subscribe=lambda topic, apply: self.applies.update({process: apply}),
            append=lambda topic, data: self.entries.append((process, data, True)),
            tell_others=lambda topic, data: self.entries.append((process, data, False)))

    def flow(self):
        while self.entries:
            origin, data, is_for_all = self.entries.pop(0)
            for process, apply in self.applies.items():
                if is_for_all or process != origin:
                    apply(Entry(origin, process == origin, data))


def test_who_stops_in_two_processes_at_once_is_told_to_have_stopped_once():
    log = SlowLog()
    houses = [House(log.of(process)) for process in 'ab']
    for house in houses:
        house.type()
    log.flow()
    for house in houses:
        house.type(is_typing=False)
    log.flow()
    assert [told for house in houses for told in house.told if told[2] is False] == [(ROOM.id, ANN, False)]


def test_a_stop_in_one_process_is_none_while_the_user_types_in_another():
    log = SlowLog()
    first, second = houses = [House(log.of(process)) for process in 'ab']
    for house in houses:
        house.type()
    log.flow()
    first.type(is_typing=False)
    log.flow()
    assert [told for house in houses for told in house.told if told[2] is False] == []
    second.type(is_typing=False)
    log.flow()
    assert second.told[-1] == (ROOM.id, ANN, False)
