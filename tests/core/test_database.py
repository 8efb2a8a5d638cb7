"""Units of work: what is tried again, what is an outage, and what is a fault that the host must see."""
import itertools
import sqlite3
import threading
import time

import pymysql
import pytest
from sqlalchemy import create_engine, exc, make_url, text

from chat.core.machinery import engines
from chat.core.machinery.database import ATTEMPTS, Database
from chat.core.machinery.failures import AccessDenied, RolledBack
from chat.errors import Unavailable


@pytest.fixture
def open_database():
    """Opens a URL as the core does; whatever was opened is closed at the end."""
    opened = []

    def open_url(url):
        url = make_url(url)
        opened.append(Database(create_engine(url, **engines.engine_options(url, 2))))
        return opened[-1]

    yield open_url
    for database in opened:
        database.close()


@pytest.fixture
def rows(database, open_database):
    """A database with a table of two rows, `id` and `value`."""
    made = open_database(database.new_url())
    made.transact(lambda connection: connection.execute(text('CREATE TABLE things (id INTEGER PRIMARY KEY, value INTEGER)')))
    made.transact(lambda connection: connection.execute(text('INSERT INTO things VALUES (1, 0), (2, 0)')))
    return made


def add(connection, row):
    connection.execute(text('UPDATE things SET value = value + 1 WHERE id = :id'), {'id': row})


def values(database):
    return [row.value for row in database.rows(text('SELECT value FROM things ORDER BY id'))]


class Other:
    """Another program on the same MariaDB database, in a transaction of its own."""

    def __init__(self, url):
        self.connection = pymysql.connect(host=url.host, port=url.port, user=url.username, password=url.password,
                                          database=url.database, autocommit=False)
        self.thread = None

    def execute(self, *statements):
        with self.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def execute_meanwhile(self, *statements):
        """Execute in a thread, then commit."""
        self.thread = threading.Thread(target=lambda: (self.execute(*statements), self.connection.commit()))
        self.thread.start()


@pytest.fixture
def on_mariadb(mariadb, open_database):
    """(a Database with a table of two rows, another program on it)."""
    url = make_url(mariadb.create_database())
    made = open_database(url)
    made.transact(lambda connection: connection.execute(text('CREATE TABLE things (id INTEGER PRIMARY KEY, value INTEGER)')))
    made.transact(lambda connection: connection.execute(text(
        'INSERT INTO things SELECT seq, 0 FROM seq_1_to_100')))
    other = Other(url)
    yield made, other
    other.connection.close()


def test_a_unit_commits_what_it_did_and_returns_what_it_says(rows):
    assert rows.transact(lambda connection: (add(connection, 1), 'done')[1]) == 'done'
    assert values(rows) == [1, 0]


def test_a_unit_that_raises_leaves_nothing_behind_and_is_not_repeated(rows):
    calls = itertools.count(1)

    def work(connection):
        add(connection, 1)
        raise ValueError(next(calls))

    with pytest.raises(ValueError):
        rows.transact(work)
    assert values(rows) == [0, 0] and next(calls) == 2


def test_the_victim_of_a_deadlock_is_called_again(on_mariadb):
    database, other = on_mariadb
    other.execute('UPDATE things SET value = value + 1 WHERE id BETWEEN 2 AND 100')  # more to undo: it is not the victim
    calls = itertools.count()

    def work(connection):
        add(connection, 1)
        if next(calls) == 0:
            other.execute_meanwhile('UPDATE things SET value = value + 1 WHERE id = 1')
            time.sleep(0.2)
        add(connection, 2)

    database.transact(work)
    other.thread.join()
    assert values(database)[:3] == [2, 2, 1] and next(calls) == 2


def test_a_lock_that_another_program_holds_for_a_while_is_waited_for_and_the_unit_called_again(on_mariadb, monkeypatch):
    database, other = on_mariadb
    database.transact(lambda connection: connection.execute(text('SET SESSION innodb_lock_wait_timeout = 1')))
    other.execute('UPDATE things SET value = value + 1 WHERE id = 2')
    calls = itertools.count()

    def work(connection):
        add(connection, 1)
        if next(calls) == 1:
            other.connection.commit()
        add(connection, 2)

    database.transact(work)
    assert values(database)[:2] == [1, 2]  # what came before the lock was undone with it
    assert next(calls) == 2


def test_a_lock_that_is_never_given_free_is_told_to_the_client_after_some_attempts(on_mariadb, monkeypatch):
    database, other = on_mariadb
    monkeypatch.setattr('chat.core.machinery.database.ATTEMPTS', 2)
    database.transact(lambda connection: connection.execute(text('SET SESSION innodb_lock_wait_timeout = 1')))
    other.execute('UPDATE things SET value = value + 1 WHERE id = 2')
    calls = itertools.count()
    with pytest.raises(Unavailable, match='change the same thing'):
        database.transact(lambda connection: (next(calls), add(connection, 1), add(connection, 2)))
    assert next(calls) == 2
    other.connection.rollback()
    assert values(database)[:2] == [0, 0]


def test_a_deadlock_of_what_is_sent_at_once_leaves_nothing_behind_and_is_in_no_doubt(on_mariadb):
    database, other = on_mariadb
    other.execute('UPDATE things SET value = value + 1 WHERE id BETWEEN 2 AND 100')
    statements = ('UPDATE things SET value = value + 1 WHERE id = 1', 'DO SLEEP(0.5)',
                  'UPDATE things SET value = value + 1 WHERE id = 2', 'COMMIT')
    timer = threading.Timer(0.2, other.execute_meanwhile, ['UPDATE things SET value = value + 1 WHERE id = 1'])
    timer.start()
    with pytest.raises(RolledBack):
        database.at_once(statements, [])
    timer.join()
    other.thread.join()
    assert values(database)[:3] == [1, 1, 1]
    database.at_once(statements, [])
    assert values(database)[:3] == [2, 2, 1]


def test_queries_wait_for_another_program_that_locks_sqlite_for_a_moment(open_database, tmp_path):
    database = open_database(f'sqlite:///{tmp_path}/chat.db')
    database.transact(lambda connection: connection.execute(text('CREATE TABLE things (id INTEGER PRIMARY KEY, value INTEGER)')))
    database.close()
    other = sqlite3.connect(tmp_path / 'chat.db', isolation_level=None, check_same_thread=False)
    other.execute('PRAGMA locking_mode = EXCLUSIVE')
    other.execute('INSERT INTO things VALUES (1, 5)')
    timer = threading.Timer(0.03, other.close)
    timer.start()
    assert values(database) == [5]
    timer.join()


@pytest.mark.parametrize('statement', ['SELECT * FROM missing', 'SELECT missing FROM things'])
def test_a_missing_table_or_column_is_no_outage_and_the_log_says_what_to_do(rows, statement, caplog):
    for query in (rows.row, lambda query: rows.transact(lambda connection: connection.execute(query))):
        caplog.clear()
        with pytest.raises(exc.DBAPIError, match='missing'):
            query(text(statement))
        assert 'run flask db upgrade' in caplog.text


def test_an_error_of_syntax_is_no_outage(rows):
    with pytest.raises(exc.DBAPIError):
        rows.row(text('SELEKT 1'))
    assert values(rows) == [0, 0]


def test_a_database_that_is_away_is_an_outage(own_mariadb, open_database):
    database = open_database(own_mariadb.create_database())
    database.wait(0)
    own_mariadb.shut_down()
    for _ in range(2):  # a connection that is lost, and one that can't be made
        with pytest.raises(Unavailable, match='does not answer'):
            database.row(text('SELECT 1'))
        with pytest.raises(Unavailable, match='does not answer'):
            database.transact(lambda connection: connection.execute(text('SELECT 1')))
        with pytest.raises(Unavailable, match='does not answer'):
            database.at_once(('COMMIT',), [])


@pytest.mark.parametrize('changes, is_name', [({'password': 'wrong'}, False), ({'username': 'nobody'}, False),
                                              ({'database': 'nothing'}, True)])
def test_settings_that_the_database_refuses_are_told_at_once(mariadb, open_database, changes, is_name):
    database = open_database(make_url(mariadb.create_database()).set(**changes))
    start = time.monotonic()
    with pytest.raises(AccessDenied) as denied:
        database.wait(30)
    assert denied.value.is_name is is_name and time.monotonic() - start < 1


def test_attempts_are_bounded(rows):
    calls = itertools.count()

    def work(connection):
        next(calls)
        raise RolledBack

    with pytest.raises(RolledBack):
        rows.transact(work)
    assert next(calls) == ATTEMPTS
