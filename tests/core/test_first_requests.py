"""What every client asks for first takes one query, however much there is to list."""
import pytest

from tests.support.house import House


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    yield house
    house.core.stop()


ASKED = {
    'own rooms': lambda core, me, room: core.inbox.own_rooms(me)[0],
    'the inbox': lambda core, me, room: core.inbox.conversations(me)[0],
    'public rooms': lambda core, me, room: core.inbox.public_rooms(me)[0],
    'a room': lambda core, me, room: [core.inbox.room(me, room)],
    'its members': lambda core, me, room: core.inbox.members(me, room)[0],
    'users': lambda core, me, room: core.users.others(me)[0],
    'oneself': lambda core, me, room: [core.users.me(me)],
}


@pytest.mark.parametrize('what', ASKED)
def test_it_is_one_query_once_what_is_kept_in_memory_is_there(house, what):
    def ask():
        return ASKED[what](house.core, house.me, house.rooms[1])

    first = ask()
    again, queries = house.count(ask)
    assert first == again != [] and queries == 1


@pytest.mark.parametrize('what', ASKED)
def test_the_first_time_it_is_three_at_most(house, what):
    result, queries = house.count(lambda: ASKED[what](house.core, house.others[0], house.rooms[1]))
    assert result and queries <= 3


def test_the_newest_message_is_looked_up_again_only_in_rooms_that_have_a_newer_one(house):
    def ask():
        return {room['id']: room['lastMessage'] for room in house.core.inbox.own_rooms(house.me)[0]}

    before = ask()
    house.send(house.core.rooms.require_member(house.me, house.rooms[2]))
    after, queries = house.count(ask)
    assert queries == 2 and {room_id for room_id in after if after[room_id] != before[room_id]} == {house.rooms[2]}
    assert house.count(ask) == (after, 1)


def test_mentions_are_counted_by_the_same_query_and_again_where_the_database_does_not_know_what_was_read(house):
    bob, room_id = house.others[0], house.rooms[1]

    def count():
        return house.count(lambda: {room['id']: room['mentionCount'] for room in house.core.inbox.own_rooms(bob)[0]})

    message = house.core.inbox.room(bob, room_id)['lastMessage']
    house.mention(bob, message)
    house.send(house.core.rooms.require_member(house.me, room_id))
    count()
    assert count() == ({room_id: 1}, 1)
    house.core.receipts.read(bob, message['id'])
    assert count() == ({room_id: 0}, 2)
    house.core.write_behind.flush()
    assert count() == ({room_id: 0}, 1)
