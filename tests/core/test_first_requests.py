"""What every client asks for first takes one query, however much there is to list."""
import gevent
import pytest

from chat import create_app, migrating
from chat.core.messages import mentions


class House:
    """An application on a database in memory, in which `me` is in rooms of every kind; it counts its queries."""

    def __init__(self, folder):
        self.app = create_app({'DATABASE_URL': 'sqlite://', 'INSTANCE_PATH': str(folder), 'BCRYPT_LOG_ROUNDS': '4'})
        self.core = self.app.extensions['chat']
        with self.app.app_context():
            migrating.upgrade()
        self.core.writer.start()
        self.me, *self.others = [self.core.accounts.create(email=f'{name}@example.com', password='secret-1')
                                 for name in ('ann', 'bob', 'cem', 'dan')]
        self.rooms = [self.core.membership.create(self.me, f'room {number}', number % 2 == 0) for number in range(4)]
        for other in self.others:
            self.send(self.core.sending.to_user(self.me, other))
            self.core.membership.join(other, self.rooms[1], None)
        for room_id in self.rooms:
            self.send(self.core.rooms.require_member(self.me, room_id))
        self.count = self._counted()

    def send(self, room):
        answers = []
        self.core.sending.send(self.me, room, content='hello', answer=answers.append)
        while not answers:
            gevent.sleep(0)

    def _counted(self):
        database, made = self.core.database, []
        for name in ('_fetch_once', 'reading'):
            function = getattr(database, name)
            setattr(database, name, lambda *arguments, function=function: made.append(1) or function(*arguments))

        def count(ask):
            made.clear()
            result = ask()
            return result, len(made)

        return count

    def mention(self, user_id, message):
        with self.core.database.writing() as connection:
            mentions.write(connection, [(user_id, message['id'], message['roomId'], 1)])


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
