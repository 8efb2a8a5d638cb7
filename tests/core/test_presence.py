"""Presence by itself, with a clock of the test's own."""
from types import SimpleNamespace

import pytest

from chat.core.accounts import presence
from chat.core.accounts.presence import GRACE, LAST_SEEN, Presence
from chat.core.events import Everyone, OnlineListChanged, PresenceChanged, Users, UserWentOffline
from chat.core.shared.log import LocalLog
from chat.errors import Unavailable

ANN, BOB, EVE, STRANGER = 1, 2, 3, 4


class House:
    """Presence with everything around it: Ann, Bob and Eve share a room. `told` are (user, whether online, viewers)."""

    def __init__(self):
        self.now, self.events = 1000.0, []
        self.friends, self.blocked = {user: {ANN, BOB, EVE} - {user} for user in (ANN, BOB, EVE)}, {}
        self.waiting, self.stored, self.is_away, self.while_asked = {}, {}, False, lambda: None
        self.presence = Presence(
            database=SimpleNamespace(scalar=self._scalar),
            write_behind=SimpleNamespace(put=self._put, pending=lambda update, key: self.waiting.get(key)),
            rooms=SimpleNamespace(sharing=lambda user: self.friends.get(user, set())),
            blocks=SimpleNamespace(blocked_by=lambda user: frozenset(self.blocked.get(user, ()))),
            publisher=SimpleNamespace(publish=self.events.append), here=SimpleNamespace(publish=self.events.append),
            log=LocalLog(), clock=lambda: self.now)

    def _put(self, update, key, value):
        assert update is LAST_SEEN
        self.waiting[key] = value

    def _scalar(self, query):
        if self.is_away:
            raise Unavailable()
        self.while_asked()
        return self.stored.get(next(iter(query.compile().params.values())))

    @property
    def told(self):
        return [(event.user_id, event.is_online, set(event.audience.ids)) for event in self.events if type(event) is PresenceChanged]

    def come(self, user=ANN, connection='a1'):
        self.presence.connected(user, connection)

    def go(self, user=ANN, connection='a1'):
        self.presence.disconnected(user, connection)

    def wait(self, seconds=0):
        self.now += seconds
        self.presence.announce()


class Signal:
    """For which nobody waits."""

    def wait(self, timeout):
        pass

    set = clear = lambda self: None


@pytest.fixture
def house(monkeypatch):
    monkeypatch.setattr(presence, 'Signal', Signal)
    return House()


def test_those_who_share_a_room_are_told_at_once_who_came_and_after_the_grace_who_went(house):
    house.stored[ANN] = 5
    house.come()
    house.wait()
    assert house.events == [PresenceChanged(Users(frozenset({BOB, EVE})), ANN, True, 5)]
    house.go()
    house.wait(GRACE - 0.1)
    assert len(house.events) == 1
    house.wait(0.1)
    assert house.events[1:] == [PresenceChanged(Users(frozenset({BOB, EVE})), ANN, False, house.waiting[ANN]),
                                UserWentOffline(Everyone(without=frozenset()), ANN)]
    house.wait(GRACE)
    assert len(house.events) == 3


def test_who_comes_back_within_the_grace_was_never_gone(house):
    house.come()
    house.wait()
    for _ in range(3):
        house.go()
        house.wait(GRACE - 0.1)
        house.come()
    house.wait(GRACE)
    assert house.told == [(ANN, True, {BOB, EVE})]


def test_each_absence_has_its_whole_grace(house):
    house.come()
    house.wait()
    house.go()
    house.wait(GRACE - 0.1)
    house.come()
    house.go()
    house.wait(GRACE - 0.1)
    assert len(house.told) == 1
    house.wait(0.1)
    assert house.told[1:] == [(ANN, False, {BOB, EVE})]


def test_who_comes_back_after_the_grace_is_announced_again(house):
    house.come()
    house.wait()
    house.go()
    house.wait(GRACE)
    house.come()
    house.wait()
    assert [is_online for _, is_online, _ in house.told] == [True, False, True]


def test_further_connections_are_no_news_and_only_the_last_one_ends_it(house):
    house.come()
    house.come(connection='a2')
    house.wait()
    house.go()
    house.wait(GRACE)
    assert len(house.told) == 1 and house.presence.is_online(ANN) and not house.waiting
    house.go(connection='a2')
    assert not house.presence.is_online(ANN) and house.waiting.keys() == {ANN}
    house.wait(GRACE)
    assert house.told[1:] == [(ANN, False, {BOB, EVE})]


def test_several_who_went_are_told_each_when_its_time_is_over(house):
    for user in (ANN, BOB):
        house.come(user, f'{user}')
    house.wait()
    house.go(BOB, f'{BOB}')
    house.wait(1)
    house.go(ANN, f'{ANN}')
    house.wait(GRACE - 1)
    assert [told[:2] for told in house.told[2:]] == [(BOB, False)]
    house.wait(1)
    assert [told[:2] for told in house.told[3:]] == [(ANN, False)]


def test_whom_the_user_blocks_is_told_nothing(house):
    house.blocked[ANN] = {EVE}
    house.come()
    house.wait()
    house.go()
    house.wait(GRACE)
    assert [viewers for *_, viewers in house.told] == [{BOB}] * 2
    assert house.events[-1] == UserWentOffline(Everyone(without=frozenset({EVE})), ANN)


def test_news_that_could_not_be_told_are_told_later(house):
    house.come()
    house.is_away = True
    with pytest.raises(Unavailable):
        house.wait()
    house.is_away = False
    house.wait()
    house.go()
    house.is_away = True
    with pytest.raises(Unavailable):
        house.wait(GRACE)
    house.is_away = False
    house.wait()
    assert house.told == [(ANN, True, {BOB, EVE}), (ANN, False, {BOB, EVE})]


def test_who_goes_while_the_database_is_asked_is_not_said_to_be_there(house):
    house.come()
    house.while_asked = house.go
    house.wait()
    assert house.told == []


def test_who_comes_back_while_the_database_is_asked_is_not_said_to_be_gone(house):
    house.come()
    house.wait()
    house.go()
    house.while_asked = house.come
    house.wait(GRACE)
    assert house.told == [(ANN, True, {BOB, EVE})] and house.presence.is_online(ANN)


def test_who_has_just_gone_is_still_on_the_list(house):
    for user in (EVE, ANN):
        house.come(user, f'{user}')
    house.wait()
    house.go(EVE, f'{EVE}')
    house.wait(GRACE - 0.1)
    assert house.presence.online_users() == [ANN, EVE]
    house.wait(0.1)
    assert house.presence.online_users() == [ANN]


def test_when_somebody_was_last_seen_is_known_before_it_is_stored(house):
    assert house.presence.last_seen(ANN, 5) == 5
    house.come()
    house.go()
    assert house.presence.last_seen(ANN, 5) == house.waiting[ANN] > 5


def test_a_block_makes_the_blocker_go_for_the_blocked_alone_and_its_end_makes_it_come_back(house):
    house.stored[ANN] = 5
    house.come()
    house.wait()
    bob = Users((BOB,))
    house.presence.block_changed(ANN, BOB, True)
    house.presence.block_changed(ANN, BOB, False)
    assert house.events[1:] == [
        OnlineListChanged(bob), UserWentOffline(bob, ANN), PresenceChanged(bob, ANN, False, None),
        OnlineListChanged(bob), PresenceChanged(bob, ANN, True, 5)]


def test_blocks_of_who_is_away_or_against_strangers_change_little(house):
    house.presence.block_changed(ANN, BOB, True)
    assert house.events == []
    house.come()
    house.wait()
    house.presence.block_changed(ANN, STRANGER, True)
    assert house.events[1:] == [OnlineListChanged(Users((STRANGER,))), UserWentOffline(Users((STRANGER,)), ANN)]


def test_those_who_come_to_know_somebody_are_told_that_it_is_online_but_not_that_it_is_not(house):
    house.presence.tell_of(ANN, frozenset({STRANGER}), 5)
    assert house.events == []
    house.come()
    house.presence.tell_of(ANN, frozenset({STRANGER}), 5)
    assert house.events == [PresenceChanged(Users(frozenset({STRANGER})), ANN, True, 5)]


def test_nothing_is_left_of_those_who_have_gone(house):
    for user in range(100):
        house.come(user, f'{user}')
        house.come(user, f'{user} again')
    house.wait()
    for user in range(100):
        house.go(user, f'{user}')
        house.go(user, f'{user} again')
        house.go(user, f'{user} again')
    house.wait(GRACE)
    assert not any(vars(house.presence)[name] for name in ('_connections', '_leaving', '_came'))
