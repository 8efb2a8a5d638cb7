"""Answers of one column of text, as they come from a real MariaDB, and as they break off."""
import threading

import pytest
from sqlalchemy import create_engine, exc, make_url, text

from chat.core.machinery.database import Database
from chat.core.machinery.engines import engine_options
from chat.errors import Unavailable


@pytest.fixture
def on_mariadb(mariadb):
    url = make_url(mariadb.create_database())
    database = Database(create_engine(url, **engine_options(url, 1)))
    yield database
    database.close()


@pytest.mark.parametrize('length', [0, 1, 0xFA, 0xFB, 0xFFFF, 0x10000, 0x1FFFF, 1_000_000])
def test_texts_of_any_length_come_whole(on_mariadb, length):
    query = f"SELECT REPEAT('ä', {length // 2}) FROM seq_1_to_3"
    assert on_mariadb.fetch_texts(query, ()) == [b'\xc3\xa4' * (length // 2)] * 3


def test_many_rows_come_in_their_order_and_without_nulls(on_mariadb):
    query = "SELECT IF(MOD(seq, 3), CONCAT('row ', seq), NULL) FROM seq_1_to_20000"
    assert on_mariadb.fetch_texts(query, ()) == [b'row %d' % number for number in range(1, 20001) if number % 3]


def test_no_rows_are_none(on_mariadb):
    assert on_mariadb.fetch_texts("SELECT 'a' FROM seq_1_to_3 WHERE seq > %s", (3,)) == []


@pytest.mark.parametrize('value, shown', [("it's %s", b"it's %s"), ('back\\slash', b'back\\slash'), ('"', b'"'), (True, b'1'),
                                          (None, None), (-7, b'-7')])
def test_parameters_are_what_they_were(on_mariadb, value, shown):
    assert on_mariadb.fetch_texts("SELECT CONVERT(%s, CHAR)", (value,)) == ([] if shown is None else [shown])


def test_an_error_is_raised_before_and_amid_the_rows_and_the_connection_goes_on(on_mariadb):
    amid = "SELECT IF(seq < 20000, 'a', (SELECT seq FROM seq_1_to_2)) FROM seq_1_to_20000"
    for query in ('SELECT missing FROM seq_1_to_3', amid):
        with pytest.raises(exc.DBAPIError):
            on_mariadb.fetch_texts(query, ())
        assert on_mariadb.fetch_texts("SELECT 'still here'", ()) == [b'still here']


def test_a_connection_that_ends_amid_the_rows_is_an_outage_and_replaced(on_mariadb):
    own, = on_mariadb.fetch_texts('SELECT CONVERT(CONNECTION_ID(), CHAR)', ())
    kill = threading.Timer(0.3, lambda: on_mariadb.transact(lambda connection: connection.execute(text(f'KILL {int(own)}'))))
    kill.start()
    with pytest.raises(Unavailable, match='does not answer'):
        on_mariadb.fetch_texts("SELECT CONCAT(REPEAT('a', 100000), SLEEP(0.01)) FROM seq_1_to_500", ())
    kill.join()
    assert on_mariadb.fetch_texts("SELECT 'another one'", ()) == [b'another one']
