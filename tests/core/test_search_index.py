"""The index of words: whatever it knows already, a search finds the same, each message once, and nothing that is gone."""
import random
import subprocess
import sys

import pytest
from sqlalchemy import delete, func, insert, select, update

from chat.core.messages import search, search_candidates, search_index, search_places
from chat.core.messages.search import Wanted
from chat.core.messages.search_places import bits_of, descending
from chat.core.messages.search_terms import Query, of_sender
from chat.core.tables import MEMBERS, MESSAGES, ROOMS, SEARCH_BLOCKS, SEARCH_INDEXED, SEARCH_OFFSETS, SEARCH_TERMS
from tests.support.house import Application
from tests.support.server import REPOSITORY

CASES = {  # what is looked for: contents that have it, contents that have not
    'hello': (['Hello', 'say hello!', 'hellofriend'], ['hell', 'helo', 'othello']),
    'hel': (['hello', 'Helsinki'], ['the l', 'shell']),
    'cafe': (['café', 'CAFÉ au lait', 'cafe\u0301', 'cafe'], ['caf', 'ca fe']),
    'Café': (['cafe', 'the Café'], ['coffee']),
    'ein straße': (['Eine Strasse', 'in einer STRASSE'], ['Strasse']),
    'I': (['I am', 'is it', 'İstanbul'], ['a']),
    'a': (['a', 'an apple'], ['the']),
    'the': (['the', 'The end', 'there'], ['he']),
    'to be or not to be': (['To be, or not to be: that is the question'], ['to be or to be', 'be not']),
    'hello world': (['hello world', 'World: hello', 'hello, my world'], ['hello', 'world']),
    '"hello" -world AND (x': (['hello world and x'], ['hello world']),
    'don\'t': (['I don’t know', "don't"], ['do not', 'dont']),
    'e-mail': (['an e-mail', 'E-Mails'], ['email', 'mail e']),
    '100%': (['100%', 'at 100 % now'], ['1000%', '100', '1000']),
    '%': (['50%', '%'], ['fifty', '']),
    '_': (['snake_case'], ['snake case']),
    '*': (['2*3'], ['2x3']),
    '"': (['say "x"'], ['say x']),
    '-': (['a - b'], ['a b']),
    '(': (['f(x)'], ['fx']),
    ':)': (['hi :)', ':)'], [': x )', ':']),
    'C++': (['C++ is', 'c++'], ['C+', 'C', 'cpp++']),
    '#general': (['see #general'], ['general']),
    '\\': (['a\\b'], ['a/b']),
    'a\0b': (['a b'], ['a', 'ab']),
    "'; DROP TABLE messages; --": (["'; DROP TABLE messages; --", 'drop table messages'], ['drop messages']),
    '😂': (['😂', 'so 😂😂 funny', 'x😂'], ['🤣', 'x']),
    '👍': (['👍🏽', '👍'], ['👎']),
    '👩': (['👨\u200d👩\u200d👧'], ['👨']),
    '❤️': (['❤', '❤️'], ['💔']),
    '🇩🇪': (['🇩🇪', '🇫🇷🇩🇪'], ['🇫🇷', '🇧🇩🇪🇸']),
    '京': (['京', '東京', '東京タワー', 'in京'], ['東']),
    '東京': (['東京', '私は東京へ行く'], ['京東', '東 京', '東']),
    '京タワ': (['東京タワー'], ['京タ', '京 タワ']),
    '東京 タワー': (['東京タワー', 'タワーと東京'], ['東京']),
    '国': (['한국어 중국 中国'], ['한국어']),
    '국': (['한국어'], ['한']),
    'สวัส': (['สวัสดี'], ['ดี']),
    'привет': (['Привет!', 'приветы'], ['ответ']),
    'ёлка': (['елка', 'Ёлка'], ['палка']),
    'x' * 60: (['x' * 60, 'x' * 70], ['x' * 59]),
}


class House(Application):
    """One in which messages are put into the database by hand, and indexed when a test says so."""

    def __init__(self, url, folder):
        super().__init__(folder, url)
        self.ann, self.bob = self.sign_up('ann', 'bob')
        self.index = self.core.search_index

    def room(self, user=None):
        return self.core.membership.create(user or self.ann, 'a room', False)

    def put(self, room_id, *contents, sender=None, at=1_700_000_000_000):
        """Store messages; returns their ids."""
        def work(connection):
            first = connection.execute(select(ROOMS.c.last_seq).where(ROOMS.c.id == room_id)).scalar_one() + 1
            connection.execute(insert(MESSAGES), [
                {'room_id': room_id, 'sender_id': sender or self.ann, 'seq': seq, 'type': 'text', 'content': content,
                 'nonce': seq, 'created_at': at + seq} for seq, content in enumerate(contents, first)])
            connection.execute(update(ROOMS).where(ROOMS.c.id == room_id).values(last_seq=first + len(contents) - 1))
            return connection.execute(select(MESSAGES.c.id).where(
                MESSAGES.c.room_id == room_id, MESSAGES.c.seq >= first).order_by(MESSAGES.c.id)).scalars().all()

        return self.core.database.transact(work)

    def edit(self, room_id, message_id, old, new):
        """As an edit does: the content and the index in one transaction."""
        def work(connection):
            self.index.edited(connection, room_id, message_id, old, new)
            connection.execute(update(MESSAGES).where(MESSAGES.c.id == message_id).values(content=new))

        self.core.database.transact(work)

    def delete(self, room_id, message_id, old):
        def work(connection):
            self.index.forget(connection, room_id, message_id, old)
            connection.execute(update(MESSAGES).where(MESSAGES.c.id == message_id).values(content='', deleted_at=1))

        self.core.database.transact(work)

    def index_some(self, count):
        return self.core.database.transact(lambda connection: self.index._index_some(connection, count))

    def find(self, text, user=None, **wanted):
        """The ids of a whole search, over all its pages."""
        found, wanted = [], {'limit': 100, 'cursor': None, **wanted}
        for _ in range(200):
            page, wanted['cursor'] = self.core.search.find(user or self.ann, Wanted(text=text, **wanted))
            found += [message['id'] for message in page]
            if wanted['cursor'] is None:
                return found
        raise AssertionError('the pages never end')

    def terms(self):
        """{(block id, term): ids of messages} of all that is in the index."""
        offsets = {row.block_id: search_index.unpacked(row.offsets)
                   for row in self.core.database.rows(select(SEARCH_OFFSETS))}
        return {(row.block_id, row.term): {row.block_id + offsets[row.block_id][place] for place in descending(bits_of([row.places]))}
                for row in self.core.database.rows(select(SEARCH_TERMS))}

    def empty(self):
        """Remove all messages and all that is known of them; the rooms are left."""
        def work(connection):
            for table in (SEARCH_TERMS, SEARCH_OFFSETS, SEARCH_BLOCKS, MESSAGES):
                connection.execute(delete(table))
            connection.execute(update(ROOMS).values(last_seq=0))
            connection.execute(update(SEARCH_INDEXED).values(message_id=0))

        self.core.database.transact(work)

    def count(self, table):
        return self.core.database.scalar(select(func.count()).select_from(table))


@pytest.fixture(scope='module')
def shared_house(database, tmp_path_factory):
    made = House(database.new_url(), tmp_path_factory.mktemp('house'))
    yield made
    made.core.stop()


@pytest.fixture
def house(shared_house):
    """The House, with no messages in it."""
    yield shared_house
    shared_house.empty()


@pytest.fixture
def mariadb_house(mariadb, tmp_path):
    """A House on MariaDB, for what several processes do."""
    made = House(mariadb.create_database(), tmp_path)
    yield made
    made.core.stop()


@pytest.fixture
def small(monkeypatch):
    """Everything that is done in pieces comes in small ones."""
    monkeypatch.setattr(search_index, 'BLOCK', 7)
    for module, name, value in ((search, 'RANKED', 10), (search, 'WINDOWS', 3), (search_candidates, 'FIRST_GROUP', 1),
                                (search_candidates, 'MOST_PLACES', 30), (search_candidates, 'ROOMS_AT_ONCE', 2),
                                (search_index, 'TERMS_AT_ONCE', 3), (search_index, 'PARTS_AT_ONCE', 2)):
        monkeypatch.setattr(module, name, value)


def test_what_is_found_is_the_same_before_and_after_it_is_indexed(house):
    room = house.room()
    contents = sorted({content for having, lacking in CASES.values() for content in having + lacking})
    content_of = dict(zip(house.put(room, *contents), contents, strict=True))

    def found():
        return {text: {content_of[message_id] for message_id in house.find(text)} for text in CASES}

    before = found()
    for text, (having, lacking) in CASES.items():
        assert set(having) <= before[text] and not set(lacking) & before[text], text
    assert house.index.index_all() == len(contents)
    assert found() == before


def test_every_search_finds_each_message_once_whatever_is_indexed_edited_and_deleted(house, small):
    chance = random.Random(11)
    words = ['the', 'then', 'to', 'two', 'café', 'cab', 'x1', 'x2', '東京', '京都', '😂', '%', 'ok-go']
    rooms = [house.room(), house.room(), house.room(house.bob)]
    alive = {}
    for _ in range(25):
        room = chance.choice(rooms)
        contents = [' '.join(chance.choices(words, k=chance.randint(1, 5))) for _ in range(chance.randint(1, 9))]
        sender = chance.choice((house.ann, house.bob))
        alive |= {message_id: (room, sender, content) for message_id, content in
                  zip(house.put(room, *contents, sender=sender), contents, strict=True)}
        house.index_some(chance.choice((0, 1, 5, 20)))
        message_id = chance.choice(list(alive))
        room, sender, old = alive[message_id]
        if chance.random() < 0.5:
            alive[message_id] = room, sender, chance.choice(words)
            house.edit(room, message_id, old, alive[message_id][2])
        else:
            house.delete(room, message_id, old)
            del alive[message_id]
        for text in chance.choices([*words, 't', 'x', 'the to', '京', 'ok'], k=3):
            query, sender_id = Query(text), chance.choice((None, house.ann))
            expected = {message_id: query.score(content) for message_id, (room, sender, content) in alive.items()
                        if room != rooms[2] and query.score(content) is not None and sender_id in (None, sender)}
            found = house.find(text, sender_id=sender_id, limit=chance.choice((1, 3, 10, 100)))
            assert sorted(found) == sorted(expected), text
            newest = house.find(text, sender_id=sender_id, newest_first=True, limit=chance.choice((1, 3, 100)))
            assert newest == sorted(expected, reverse=True), text
    house.index.index_all()
    expected = {term for _, _, content in alive.values() for term in search_index.indexed_terms(content)}
    assert {term for _, term in house.terms()} - {of_sender(house.ann), of_sender(house.bob)} == expected


def test_the_best_matches_come_first_and_the_newest_of_those_that_are_alike(house):
    room = house.room()
    ids = house.put(room, 'hello', 'hello my dear old friend of many years', 'hellos', 'hello')
    assert house.find('hello') == [ids[3], ids[0], ids[1], ids[2]]
    house.index.index_all()
    assert house.find('hello') == [ids[3], ids[0], ids[1], ids[2]]
    assert house.find('hello', limit=1) == [ids[3], ids[0], ids[1], ids[2]]
    assert house.find('hello', newest_first=True) == ids[::-1]


def test_pages_go_on_where_they_were_while_messages_come_are_indexed_and_go(house, small):
    room = house.room()
    ids = house.put(room, *[f'word {number}' for number in range(40)])
    house.index_some(25)
    page, cursor = house.core.search.find(house.ann, Wanted(text='word', limit=5))
    house.put(room, 'word', 'word')
    house.index.index_all()
    house.delete(room, ids[0], 'word 0')
    house.delete(room, ids[38], 'word 38')
    found = [message['id'] for message in page] + house.find('word', limit=5, cursor=cursor)
    assert len(found) == len(set(found))
    assert set(ids[1:]) - {ids[38]} <= set(found)


def test_a_deleted_message_leaves_no_word_behind_and_an_edited_one_its_new_words(house):
    room = house.room()
    first, second = house.put(room, 'secret common', 'common')
    house.index.index_all()
    house.delete(room, first, 'secret common')
    assert {term: ids for (_, term), ids in house.terms().items()} == {
        b'common': {second}, of_sender(house.ann): {first, second}}
    house.edit(room, second, 'common', 'uncommon')
    assert {term: ids for (_, term), ids in house.terms().items()} == {
        b'uncommon': {second}, of_sender(house.ann): {first, second}}
    assert house.find('common') == [] and house.find('uncommon') == [second]
    house.delete(room, second, 'never said')  # whatever it is told
    assert house.find('uncommon') == []


def test_what_is_deleted_or_edited_before_it_was_indexed_never_gets_there(house):
    room = house.room()
    first, second = house.put(room, 'secret', 'wrong')
    house.delete(room, first, 'secret')
    house.edit(room, second, 'wrong', 'right')
    assert house.find('wrong') == [] and house.find('right') == [second]
    house.index.index_all()
    assert {term for _, term in house.terms()} == {b'right', of_sender(house.ann)}


def test_an_edit_waits_for_the_piece_that_is_being_indexed(mariadb_house):
    house = mariadb_house
    room = house.room()
    message_id, = house.put(room, 'secret')
    with house.core.database.engine.connect() as indexing, indexing.begin():
        house.index._index_some(indexing, 10)
        with house.core.database.engine.connect() as editing, editing.begin():
            editing.exec_driver_sql('SET innodb_lock_wait_timeout = 1')
            with pytest.raises(Exception, match='Lock wait timeout'):
                house.index.forget(editing, room, message_id, 'secret')
    house.delete(room, message_id, 'secret')
    assert {term for _, term in house.terms()} == {of_sender(house.ann)}


def test_a_removed_room_leaves_nothing_in_the_index(house, small):
    gone, stays = house.room(), house.room()
    house.put(gone, *[f'word{number} gone' for number in range(20)])
    kept, = house.put(stays, 'word')
    house.index_some(15)
    house.core.membership.remove(house.ann, gone)
    assert house.find('word') == [kept]
    house.index.index_all()
    house.core.removed_rooms.purge()
    assert house.core.database.rows(select(MESSAGES.c.id).where(MESSAGES.c.room_id == gone)) == []
    assert {term for _, term in house.terms()} == {b'word', of_sender(house.ann)}
    assert [house.count(table) for table in (SEARCH_BLOCKS, SEARCH_OFFSETS)] == [1, 1]
    house.index.index_all()
    assert house.find('word') == [kept]


def test_only_rooms_that_one_is_in_are_searched(house):
    room = house.room()
    message_id, = house.put(room, 'hello')
    for _ in range(2):
        assert house.find('hello') == [message_id] and house.find('hello', house.bob) == []
        house.index.index_all()
    house.core.membership.join(house.bob, room, None)
    assert house.find('hello', house.bob) == [message_id]
    house.core.database.transact(lambda connection: connection.execute(
        delete(MEMBERS).where(MEMBERS.c.room_id == room, MEMBERS.c.user_id == house.bob)))
    assert house.find('hello', house.bob) == []


def test_the_index_goes_on_where_it_was_in_pieces(house):
    room = house.room()
    ids = house.put(room, *[f'w{number}' for number in range(12)])
    assert house.index_some(5) == 5
    assert house.core.database.scalar(select(SEARCH_INDEXED.c.message_id)) == ids[4]
    house.index.catch_up()
    assert house.core.database.scalar(select(SEARCH_INDEXED.c.message_id)) == ids[-1]
    assert house.index.index_all() == 0
    assert house.terms() == {(ids[0], b'w%d' % number): {message_id} for number, message_id in enumerate(ids)} | {
        (ids[0], of_sender(house.ann)): set(ids)}


def test_long_messages_are_indexed_few_at_a_time(house):
    room = house.room()
    house.put(room, *['x' * 4000] * 10)
    assert house.index_some(100) == 3


def test_blocks_are_full_at_2048_messages(house):
    room = house.room()
    house.put(room, *['a'] * 2050)
    house.index.index_all()
    rows = house.core.database.rows(select(SEARCH_BLOCKS).order_by(SEARCH_BLOCKS.c.id))
    assert [(row.size, row.last_seq) for row in rows] == [(search_places.BLOCK, 2048), (2, 2050)]
    assert len(house.find('a')) == 2050


INDEXER = '''
import os, sys
from chat import create_app
from chat.core.messages import search_index
search_index.AT_ONCE_ALONE = 7
app = create_app({'DATABASE_URL': sys.argv[1], 'INSTANCE_PATH': sys.argv[2], 'LOG_LEVEL': 'ERROR'})
print(app.extensions['chat'].search_index.index_all())
'''


@pytest.mark.parametrize('work, is_slow', [(0, False), (0.9, True)], ids=['a process that rests', 'one that has other work'])
def test_what_was_sent_is_indexed_at_once_by_a_process_that_rests_and_slowly_by_one_that_has_other_work(
        house, monkeypatch, work, is_slow):
    pauses = []

    def work_meanwhile(seconds):
        pauses.append(seconds)
        return work

    monkeypatch.setattr(search_index, '_work_meanwhile', work_meanwhile)
    house.index._at_once = 3
    house.put(house.room(), *(f'message {number}' for number in range(12)))
    house.index.catch_up()
    first, *others = pauses
    assert first < search_index.BUSY_PAUSE
    assert [pause >= search_index.BUSY_PAUSE for pause in others] == [is_slow] * 3
    assert house.index_some(1) == 0


def test_several_processes_that_index_at_once_enter_each_message_once(mariadb_house, tmp_path):
    house = mariadb_house
    room, other = house.room(), house.room()
    ids = []
    for number in range(20):
        ids += [*house.put(room, *[f'all w{number}'] * 10), *house.put(other, *['all'] * 5)]
    url = house.core.database.engine.url.render_as_string(hide_password=False)
    processes = [subprocess.Popen([sys.executable, '-c', INDEXER, url, str(tmp_path)], cwd=REPOSITORY,
                                  stdout=subprocess.PIPE, text=True) for _ in range(2)]
    done = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(done) == 300 and all(process.returncode == 0 for process in processes)
    found = house.terms()
    assert sorted(message_id for (_, term), of_term in found.items() if term == b'all' for message_id in of_term) == ids
    assert house.core.database.scalar(select(func.sum(SEARCH_BLOCKS.c.size))) == 300
    assert len(house.find('all')) == 300
