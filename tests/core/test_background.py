"""Work beside the requests: it goes on whatever happens, and gives everybody else their turn."""
import itertools
import logging

import gevent
import pytest
from sqlalchemy import create_engine, make_url, text

from chat.core.machinery import background, engines
from chat.core.machinery.background import in_pieces, repeat
from chat.core.machinery.database import Database
from chat.errors import Unavailable


@pytest.fixture
def pauses(monkeypatch):
    """The pauses that are made, none of which takes any time."""
    made = []

    def sleep(seconds):
        made.append(seconds)
        gevent.idle()

    monkeypatch.setattr(background.gevent, 'sleep', sleep)
    return made


def test_a_backlog_is_worked_off_to_its_end_and_its_sum_told(pauses):
    left = [3, 3, 1]
    assert in_pieces(iter(lambda: left.pop(0) if left else 0, 0)) == 7
    assert len(pauses) == 3


def test_after_each_piece_everybody_else_gets_as_much_time_as_it_took(pauses, monkeypatch):
    ends = itertools.accumulate([0, 0.5, 0, 0.001, 0])  # of two pieces: half a second, and next to nothing
    monkeypatch.setattr(background.time, 'monotonic', lambda: next(ends))
    in_pieces(iter([1, 1]))
    assert pauses == [0.5, background.PIECE_PAUSE]


def test_others_write_between_two_pieces_of_a_backlog_on_sqlite(tmp_path):
    url = make_url(f'sqlite:///{tmp_path / "chat.db"}')
    database = Database(create_engine(url, **engines.engine_options(url, 2)))
    for statement in ('CREATE TABLE things (id INTEGER PRIMARY KEY)', 'CREATE TABLE seen (left_then INTEGER)',
                      'INSERT INTO things VALUES (1), (2), (3), (4), (5)'):
        database.execute(text(statement))

    def note():
        while True:
            database.execute(text('INSERT INTO seen SELECT count(*) FROM things'))
            gevent.sleep(0)

    def remove_one():
        return database.execute(text('DELETE FROM things WHERE id = (SELECT min(id) FROM things)'))

    someone = gevent.spawn(note)
    assert in_pieces(iter(remove_one, 0)) == 5
    someone.kill()
    seen = {row.left_then for row in database.rows(text('SELECT DISTINCT left_then FROM seen'))}
    database.close()
    assert {1, 2, 3, 4} <= seen, 'the others had to wait until the backlog was gone'


def test_what_is_repeated_goes_on_after_an_outage_and_after_a_bug_and_only_the_bug_has_a_traceback(pauses, caplog):
    calls = []

    def work():
        calls.append(len(calls))
        if len(calls) == 1:
            raise Unavailable()
        if len(calls) == 2:
            raise KeyError('a bug')

    with caplog.at_level(logging.INFO):
        greenlet = repeat(work, 5)
        while len(calls) < 4:
            gevent.idle()
    greenlet.kill()
    assert [record.levelname for record in caplog.records] == ['ERROR'] and 'KeyError' in caplog.text
    assert pauses[:6] == [5, background.PAUSE_AFTER_ERROR, 5, background.PAUSE_AFTER_ERROR, 5, 5]
