"""Group commit: what the writer does with drafts whose batch the database rolled back, lost or refused."""
import itertools
import threading
import time
from dataclasses import dataclass, field

import gevent
import pytest
from gevent.event import Event
from sqlalchemy import create_engine, insert, make_url, select, text

from chat.core import tables
from chat.core.machinery import engines
from chat.core.machinery.database import Database
from chat.core.machinery.failures import InDoubt, RolledBack
from chat.core.machinery.writer import MAX_BATCH, Writer
from chat.core.messages.store import Draft, MessageStore
from chat.core.rooms.rooms import PUBLIC, LiveRoom
from chat.errors import ChatError, Unavailable
from tests.support.waiting import wait_until


@dataclass
class Note:
    """A draft."""

    text: str
    outcome: object = None
    size: int = 1

    def answer(self, stored, error):
        self.outcome = stored or error


@dataclass
class Written:
    text: str
    duplicate: bool = False


@dataclass
class Shelf:
    """A store that does what `script` says, one entry to each attempt, and then stores."""

    script: list = field(default_factory=list)
    attempts: list = field(default_factory=list)

    def store(self, batch, again):
        self.attempts.append(([note.text for note in batch], again))
        error = self.script.pop(0) if self.script else None
        if callable(error):
            error = error(batch)
        if error:
            raise error
        return [Written(note.text) for note in batch]


def written(shelf, *texts):
    """The Notes after a writer on the shelf has done with them, and what was told to be new."""
    notes, told = [Note(each) for each in texts], []
    writer = Writer(store=shelf, on_stored=told.extend)
    for note in notes:
        writer.put(note)
    writer.start()
    writer.stop()
    return notes, told


def test_what_has_queued_up_is_stored_as_one_batch_and_answered_before_it_is_told():
    order = []
    notes = [Note(str(number)) for number in range(3)]
    for note in notes:
        note.answer = lambda stored, _: order.append(stored.text)
    writer = Writer(store=(shelf := Shelf()), on_stored=lambda new: order.append([note.text for note in new]))
    for note in notes:
        writer.put(note)
    writer.start()
    writer.stop()
    assert order == ['0', '1', '2', ['0', '1', '2']] and shelf.attempts == [(['0', '1', '2'], False)]


def test_a_batch_is_bounded():
    shelf = Shelf()
    written(shelf, *map(str, range(MAX_BATCH + 1)))
    assert [len(texts) for texts, _ in shelf.attempts] == [MAX_BATCH, 1]


def test_a_batch_that_was_rolled_back_is_stored_as_if_for_the_first_time():
    shelf = Shelf([RolledBack(), RolledBack()])
    notes, told = written(shelf, 'a', 'b')
    assert shelf.attempts == [(['a', 'b'], False)] * 3 and told == notes
    assert [note.outcome.text for note in notes] == ['a', 'b']


def test_a_batch_that_is_rolled_back_again_and_again_is_refused_in_words():
    shelf = Shelf([RolledBack()] * 100)
    notes, told = written(shelf, 'a')
    assert isinstance(notes[0].outcome, RolledBack) and not told
    assert len(shelf.attempts) == 5


def test_a_batch_in_doubt_is_looked_for_before_it_is_stored_again():
    shelf = Shelf([InDoubt(), RolledBack(), Unavailable()])
    written(shelf, 'a')
    assert shelf.attempts == [(['a'], False)] + [(['a'], True)] * 3


def test_a_row_that_the_database_refuses_fails_alone(caplog):
    def refuse(batch):
        return ValueError('a bad row') if any(note.text == 'bad' for note in batch) else None

    notes, told = written(Shelf([refuse] * 10), 'a', 'bad', 'b')
    assert [note.outcome.text for note in (notes[0], notes[2])] == ['a', 'b'] and told == [notes[0], notes[2]]
    assert type(notes[1].outcome) is ChatError and 'a bad row' in caplog.text


def test_whatever_an_answer_raises_the_others_are_answered(caplog):
    notes = [Note('a'), Note('b')]
    notes[0].answer = lambda *_: 1 / 0
    writer = Writer(store=Shelf(), on_stored=lambda new: None)
    for note in notes:
        writer.put(note)
    writer.start()
    writer.stop()
    assert notes[1].outcome.text == 'b' and 'ZeroDivisionError' in caplog.text


def test_a_writer_that_stops_stores_what_it_has_accepted_and_takes_no_more():
    gate, shelf = Event(), Shelf()
    shelf.script = [lambda _: gate.wait() and None]
    note, late = Note('a'), Note('b')
    writer = Writer(store=shelf, on_stored=lambda new: None)
    writer.start()
    writer.put(note)
    stopping = gevent.spawn(writer.stop)
    gevent.sleep(0)
    with pytest.raises(Unavailable, match='stopping'):
        writer.put(late)
    gate.set()
    stopping.join()
    assert note.outcome.text == 'a' and not writer.accepts()


# ---------------------------------------------------------------------- messages, on the database

@pytest.fixture
def chat(database):
    """A database with a user, its id; and two rooms that it is in, LiveRooms."""
    yield from filled(database.new_url())


@pytest.fixture
def chat_on_mariadb(mariadb):
    """The same, on MariaDB."""
    yield from filled(mariadb.create_database())


def filled(url):
    url = make_url(url)
    made = Database(create_engine(url, **engines.engine_options(url, 2)))
    tables.METADATA.create_all(made.engine)

    def fill(connection):
        connection.execute(insert(tables.COMMIT_ORDER).values(id=1))
        user = connection.execute(insert(tables.USERS).values(
            username='ann', username_key='ann', email='a', email_key='a', display_name='ann', display_key='ann', password_hash='x',
            is_admin=False, created_at=1)).inserted_primary_key[0]
        rooms = [connection.execute(insert(tables.ROOMS).values(
            kind=PUBLIC, name=name, created_by=user, created_at=1, member_count=1)).inserted_primary_key[0] for name in 'ab']
        for room in rooms:
            connection.execute(insert(tables.MEMBERS).values(room_id=room, user_id=user, role='admin', joined_at=1))
        return user, rooms

    user, rooms = made.transact(fill)
    yield made, user, [LiveRoom(room, PUBLIC, 'x', frozenset({user})) for room in rooms]
    made.close()


def drafts(user, rooms, *contents):
    answers = itertools.count()
    return [Draft(room, user, 'text', content, None, None, None, lambda *_: next(answers))
            for content in contents for room in rooms]


def stored(database):
    return [row.content for row in database.rows(select(tables.MESSAGES.c.content).order_by(tables.MESSAGES.c.id))]


def test_messages_are_stored_carefully_at_first_and_then_at_once(chat):
    database, user, rooms = chat
    store = MessageStore(database)
    for content in 'x', 'y', 'z':
        outcomes = store.store(drafts(user, rooms, content), again=False)
        assert [outcome.duplicate for outcome in outcomes] == [False, False]
    assert stored(database) == list('xxyyzz')
    assert [room.last_seq for room in rooms] == [3, 3]


def test_where_another_process_writes_to_the_same_rooms_the_database_numbers_and_nothing_is_tried_twice(chat_on_mariadb, monkeypatch):
    database, user, rooms = chat_on_mariadb
    stores = [(MessageStore(database), [LiveRoom(room.id, PUBLIC, 'x', room.members) for room in rooms]) for _ in range(2)]
    for store, own in stores:
        store.store(drafts(user, own, 'before'), again=False)
        for room in own:
            room.others_wrote_at = time.monotonic()
    monkeypatch.setattr(MessageStore, '_store_carefully', None)
    batches = []
    for _ in range(3):
        for store, own in stores:
            batches.append(drafts(user, own, 'x', 'y'))
            batches[-1][0].mentions = [user]
            store.store(batches[-1], again=False)
    for room in rooms:
        columns = tables.MESSAGES.c.seq, tables.MESSAGES.c.id, tables.MESSAGES.c.created_at
        kept = [tuple(row) for row in database.rows(select(*columns).where(tables.MESSAGES.c.room_id == room.id).order_by('id'))]
        of_drafts = [(draft.seq, draft.id, draft.created_at) for batch in batches for draft in batch if draft.room.id == room.id]
        assert [seq for seq, _, _ in kept] == list(range(1, 15)) and kept[2:] == of_drafts
        times = [at for _, _, at in kept]
        assert times == sorted(set(times))
        assert database.scalar(select(tables.ROOMS.c.last_seq).where(tables.ROOMS.c.id == room.id)) == 14
    mentioned = database.rows(select(tables.MENTIONS.c.message_id, tables.MENTIONS.c.seq).order_by(tables.MENTIONS.c.message_id))
    assert [tuple(row) for row in mentioned] == [(batch[0].id, batch[0].seq) for batch in batches]


def test_a_draft_that_was_stored_already_is_found_again(chat):
    database, user, rooms = chat
    store, batch = MessageStore(database), drafts(user, rooms, 'x')
    store.store(drafts(user, rooms, 'before'), again=False)
    MessageStore(database).store(batch, again=False)  # a commit whose answer the first one never saw
    ids = [draft.id for draft in batch]
    assert [outcome.duplicate for outcome in store.store(batch, again=True)] == [False, False]
    assert [draft.id for draft in batch] == ids and stored(database) == ['before'] * 2 + ['x'] * 2


@pytest.mark.parametrize('batches_before', [0, 2], ids=['carefully', 'at once'])
def test_a_deadlock_with_another_program_costs_a_batch_nothing_but_another_attempt(chat_on_mariadb, mariadb, batches_before):
    database, user, rooms = chat_on_mariadb
    store = MessageStore(database)
    for _ in range(batches_before):
        store.store(drafts(user, rooms, 'before'), again=False)
    url = database.engine.url
    other = Database(create_engine(url, **engines.engine_options(url, 1)))
    holds, ended = threading.Event(), []

    def lock_in_the_other_order():
        with other.writing() as connection:
            for number in range(50):  # more to undo, so that the other one is the victim
                connection.execute(text('UPDATE users SET last_seen = :number'), {'number': number})
                connection.execute(insert(tables.ROOMS).values(kind=PUBLIC, name='x', created_at=1, member_count=0))
            connection.execute(text('UPDATE rooms SET name = :name WHERE id = :id'), {'name': 'y', 'id': rooms[1].id})
            holds.set()
            query = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
            wait_until(lambda: mariadb.query(query) != [(0,)])
            connection.execute(text('UPDATE rooms SET name = :name WHERE id = :id'), {'name': 'y', 'id': rooms[0].id})
        ended.append(True)

    thread = threading.Thread(target=lock_in_the_other_order)
    thread.start()
    holds.wait()
    answered = []
    batch = drafts(user, rooms, 'after')
    for draft in batch:
        draft.answer = lambda stored, error: answered.append(stored or error)
    attempts = []
    counting = Counting(store, attempts)
    writer = Writer(store=counting, on_stored=lambda new: None)
    for draft in batch:
        writer.put(draft)
    writer.start()
    writer.stop()
    thread.join()
    other.close()
    assert ended and [outcome.duplicate for outcome in answered] == [False, False]
    assert stored(database) == ['before'] * 2 * batches_before + ['after'] * 2
    assert attempts == [False, False]


class Counting:
    """A store that notes how it was asked."""

    def __init__(self, store, attempts):
        self._store, self._attempts = store, attempts

    def store(self, batch, again):
        self._attempts.append(again)
        return self._store.store(batch, again)
