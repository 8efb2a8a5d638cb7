"""Catching up while others write: whatever happens between the queries of a page, its reader is not left behind."""
import pytest

from tests.support.house import House

QUERIES = 6  # of a page, at most


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    yield house
    house.core.stop()


class Interrupted:
    """Has something happen before the query of that number, counted from one."""

    def __init__(self, house, monkeypatch, number, happens):
        self.left, self.happens = number, happens
        database = house.core.database
        for name in ('_fetch_once', 'reading'):
            monkeypatch.setattr(database, name, self.counting(getattr(database, name)))

    def counting(self, function):
        def counted(*arguments):
            self.left -= 1
            if self.left == 0:
                self.happens()
            return function(*arguments)
        return counted


def caught_up(house, user_id, after):
    """{id: message} as a client has them that goes on until an answer holds nothing new, and the place then."""
    held = {}
    while True:
        page = house.core.sync.page(user_id, after)
        held |= {message['id']: message for message in page['messages']}
        after = page['next']
        if not page['messages'] and not page['more']:
            return held, after


@pytest.mark.parametrize('number', range(1, QUERIES + 1))
def test_a_message_that_changes_again_meanwhile_is_given_as_it_was_left_before_at_least(house, monkeypatch, number):
    core, room_id, reader = house.core, house.rooms[1], house.others[1]
    message = house.send(core.rooms.require_member(house.me, room_id))
    _, place = caught_up(house, reader, 0)
    core.changing.react(house.me, message['id'], '👍')  # which the reader missed
    # of this one it is told by an event, so that catching up may end without it
    Interrupted(house, monkeypatch, number, lambda: core.changing.react(house.others[0], message['id'], '🎉'))
    held, _ = caught_up(house, reader, place)
    assert '👍' in [reaction['emoji'] for reaction in held[message['id']]['reactions']]


@pytest.mark.parametrize('number', range(1, QUERIES + 1))
def test_who_missed_that_it_left_a_room_learns_of_it_also_if_it_comes_back_meanwhile(house, monkeypatch, number):
    core, room_id, reader = house.core, house.rooms[1], house.others[1]
    _, place = caught_up(house, reader, 0)
    core.membership.leave(reader, room_id)
    Interrupted(house, monkeypatch, number, lambda: core.membership.join(reader, room_id, None))
    assert room_id in core.sync.page(reader, place)['left']
