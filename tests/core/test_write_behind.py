"""Write-behind: small changes that wait for a flush, on the database, without waiting for the time of one."""
import pytest
from sqlalchemy import create_engine, insert, make_url, select, update

from chat.core.machinery import engines, write_behind
from chat.core.machinery.database import Database
from chat.core.machinery.write_behind import CHUNK, RowUpdate, WriteBehind
from chat.core.tables import METADATA, ROOMS, USERS
from chat.errors import Unavailable

SEEN = RowUpdate(('user_id', 'seen_at'), lambda user_id, at: (user_id, at),
                 lambda new: update(USERS).where(USERS.c.id == new.c.user_id).values(last_seen=new.c.seen_at))
COUNT = RowUpdate(('room_id', 'count'), lambda room_id, count: (room_id, count),
                  lambda new: update(ROOMS).where(ROOMS.c.id == new.c.room_id).values(members_version=new.c.count))
MANY = CHUNK * 2 + 1


class House:
    """A WriteBehind on a database where no user was ever seen."""

    def __init__(self, database):
        self.database, self.write_behind = database, WriteBehind(self)
        self.transactions, self.is_away, self.while_written = 0, False, lambda: None
        database.transact(lambda connection: connection.execute(update(USERS).values(last_seen=None)))

    @property
    def engine(self):
        return self.database.engine

    def transact(self, work):
        """In place of the database's own, which can't be told to be away."""
        if self.is_away:
            raise Unavailable()
        self.transactions += 1
        self.while_written()
        return self.database.transact(work)

    def put(self, key, value, row_update=SEEN):
        self.write_behind.put(row_update, key, value)

    def pending(self, key, row_update=SEEN):
        return self.write_behind.pending(row_update, key)

    @property
    def seen(self):
        """{user: last seen}, as it is stored."""
        rows = self.database.rows(select(USERS.c.id, USERS.c.last_seen).where(USERS.c.last_seen.is_not(None)))
        return {row.id: row.last_seen for row in rows}


@pytest.fixture(scope='module')
def filled(database):
    """A database with MANY users and some rooms."""
    url = make_url(database.new_url())
    made = Database(create_engine(url, **engines.engine_options(url, 2)))
    METADATA.create_all(made.engine, tables=(USERS, ROOMS))
    users = [{'username': key, 'username_key': key, 'email': key, 'email_key': key, 'display_name': key, 'display_key': key,
              'password_hash': 'x', 'created_at': 1} for key in map(str, range(MANY))]
    rooms = [{'kind': 'public', 'name': 'x', 'created_at': 1} for _ in range(3)]
    made.transact(lambda connection: (connection.execute(insert(USERS), users), connection.execute(insert(ROOMS), rooms)))
    yield made
    made.close()


@pytest.fixture
def house(filled):
    return House(filled)


def test_what_was_put_is_seen_at_once_and_stored_by_the_next_flush(house):
    house.put(1, 100)
    assert (house.pending(1), house.pending(2), house.seen) == (100, None, {})
    house.write_behind.flush()
    assert house.seen == {1: 100}
    house.write_behind.flush()
    assert house.pending(1) is None


def test_whoever_has_read_a_row_before_it_was_written_is_given_the_value_after_that(house):
    house.put(1, 100)
    house.put(2, 100)
    read_before = house.seen
    house.write_behind.flush()
    assert (read_before, house.pending(1)) == ({}, 100)
    house.write_behind.drop(SEEN, 2)
    assert house.pending(2) is None, 'the row is no more'
    house.put(1, 200)
    assert house.pending(1) == 200


def test_of_several_values_for_one_row_the_last_one_is_written(house):
    for value in (100, 300, 200):
        house.put(1, value)
    house.write_behind.flush()
    assert (house.seen, house.transactions) == ({1: 200}, 1)


def test_a_flush_with_nothing_to_write_asks_nothing_of_the_database(house):
    house.write_behind.flush()
    house.put(1, 100)
    house.write_behind.flush()
    house.write_behind.flush()
    assert house.transactions == 1


def test_many_rows_become_few_statements_each_of_one_table(house):
    for number in range(MANY):
        house.put(number + 1, number)
    house.put(2, 7, COUNT)
    house.write_behind.flush()
    assert house.seen == {number + 1: number for number in range(MANY)}
    assert [row.members_version for row in house.database.rows(select(ROOMS.c.members_version).order_by(ROOMS.c.id))] == [0, 7, 0]
    assert house.transactions == 4


def test_what_could_not_be_written_waits_on_and_gives_way_to_what_is_newer(house):
    house.put(1, 100)
    house.put(2, 100)
    house.is_away = True
    with pytest.raises(Unavailable):
        house.write_behind.flush()
    house.put(2, 200)
    assert (house.pending(1), house.pending(2)) == (100, 200)
    house.is_away = False
    house.write_behind.flush()
    assert house.seen == {1: 100, 2: 200}


def test_what_is_put_while_an_older_value_is_being_written_is_written_after_it(house):
    def meanwhile():
        house.while_written = lambda: None
        assert house.pending(1) == 100
        house.put(1, 200)
        assert house.pending(1) == 200

    house.put(1, 100)
    house.while_written = meanwhile
    house.write_behind.flush()
    assert (house.seen, house.pending(1), house.transactions) == ({1: 200}, 200, 2)


def test_a_write_that_fails_undoes_nothing_that_was_put_meanwhile(house):
    def meanwhile():
        house.put(1, 200)
        raise Unavailable()

    house.put(1, 100)
    house.while_written = meanwhile
    with pytest.raises(Unavailable):
        house.write_behind.flush()
    assert house.pending(1) == 200
    house.while_written = lambda: None
    house.write_behind.flush()
    assert house.seen == {1: 200}


def test_what_was_dropped_is_not_written(house):
    house.put(1, 100)
    house.write_behind.drop(SEEN, 1)
    house.write_behind.drop(SEEN, 2)
    house.write_behind.flush()
    assert house.seen == {} and house.pending(1) is None


def test_rows_that_are_no_more_are_passed_over(house):
    house.put(999_999, 100)
    house.put(1, 100)
    house.write_behind.flush()
    assert house.seen == {1: 100}


def test_while_the_database_is_away_a_bounded_number_of_rows_waits(house, monkeypatch):
    monkeypatch.setattr(write_behind, 'MAX_ROWS', 3)
    for number in range(1, 6):
        house.put(number, 100)
    house.put(1, 200)
    house.write_behind.flush()
    assert house.seen == {1: 200, 2: 100, 3: 100}
