"""The index of words: kept up in the background, behind the messages, so that sending pays nothing for it.

A room's messages are parted into blocks of 2,048, in their order. For each term of a block there is one row with the
places of the messages that have it: two bytes each for a rare one, a bit for each message of the block for one that stands
in many. So the index is small, and a search reads the rows of newer blocks before those of older ones. A message of ten
words costs 80 to 100 bytes on SQLite (itself it takes 125 there) and 270 to 330 on MariaDB (210 to 225).

Messages are indexed in the order of their ids, which is that of commits; SEARCH_INDEXED says how far. That row is locked
by whoever changes the index: several processes take turns, and a content that is edited or deleted is gone from the
index with the same commit, whether it was indexed before, is just being indexed, or would have been next.
"""
import sys
import time
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from struct import pack

import gevent
from sqlalchemy import Connection, delete, func, select, update

from ..machinery.database import Database
from ..sql import replace_rows
from ..sql.words import terms_of_blocks
from ..tables import MESSAGES, ROOMS, SEARCH_BLOCKS, SEARCH_INDEXED, SEARCH_OFFSETS, SEARCH_TERMS, AnyRow
from .search_places import BLOCK, with_places, without_place
from .search_terms import indexed_terms, of_sender

INDEX_SECONDS = 2            # between two looks for what is new
AT_ONCE = 300                # messages in one transaction of a server
AT_ONCE_SQLITE = 100         # where it holds the whole process
AT_ONCE_ALONE = 4000         # and in one of a process that does nothing else
CHARACTERS_EACH = 100        # that a message may have for so many of them to be taken at once
PAUSE = 0.005                # seconds, at least, after each; as long as it took, if that is more
BUSY_PAUSE = 1               # the same in busy times: while messages are being sent, or the thread has other work
BUSY_TIMES = 50              # what it took, as a pause in busy times: 2 % of the time
BUSY_SHARE = 0.25            # of a pause that is spent on other work
LONGEST_PAUSE = 3            # whatever it took: on a busy machine that says little
TERMS_AT_ONCE = 400          # in one list of SQL; MariaDB makes a table of longer ones than 1,000
PARTS_AT_ONCE = 50           # such lists in one query
REMOVED_AT_ONCE = 500        # terms of a removed room
FARTHEST = 2**32             # of an id above that of its block
Entry = tuple[int, bytes]    # block id, term


class Block:
    """A room's block that messages are being added to, and what is new in it."""

    def __init__(self, room_id: int, block_id: int, offsets: bytes = b'') -> None:
        self.room_id, self.id, self.last_id, self.last_seq = room_id, block_id, block_id, 0
        self.offsets = bytearray(offsets)
        self.is_new = not offsets
        self.new_places: defaultdict[bytes, list[int]] = defaultdict(list)  # by term

    @property
    def size(self) -> int:
        """How many messages are in it."""
        return len(self.offsets) // 4

    def takes(self, message_id: int) -> bool:
        """Whether it can have this message as well."""
        return self.size < BLOCK and message_id - self.id < FARTHEST

    def add(self, row: AnyRow) -> None:
        """Put a message at the end."""
        place = self.size
        self.offsets += pack('<I', row.id - self.id)
        self.last_id, self.last_seq = row.id, row.seq
        for term in (*indexed_terms(row.content), of_sender(row.sender_id)):
            self.new_places[term].append(place)


class SearchIndex:

    def __init__(self, database: Database) -> None:
        self._database = database
        self._at_once = AT_ONCE_SQLITE if database.is_sqlite else AT_ONCE
        self._put_block = replace_rows(SEARCH_BLOCKS, database.is_sqlite)
        self._put_offsets = replace_rows(SEARCH_OFFSETS, database.is_sqlite)
        self._put_term = replace_rows(SEARCH_TERMS, database.is_sqlite)

    # ------------------------------------------------------------------ what was sent

    def catch_up(self) -> None:
        """Index what is not yet, in small pieces, and slowly in busy times."""
        newest, is_busy = self._newest_id(), False
        while self._indexed_id() < newest:
            began = time.monotonic()
            self._database.transact(lambda connection: self._index_some(connection, self._at_once))
            took, before, newest = time.monotonic() - began, newest, self._newest_id()
            is_busy = is_busy or newest != before
            pause = min(max(BUSY_PAUSE, BUSY_TIMES * took) if is_busy else max(PAUSE, took), LONGEST_PAUSE)
            is_busy = _work_meanwhile(pause) > BUSY_SHARE

    def index_all(self) -> int:
        """Index what is not yet, as fast as it goes; returns how many messages it were."""
        total = 0
        while count := self._database.transact(lambda connection: self._index_some(connection, AT_ONCE_ALONE)):
            total += count
        return total

    def _newest_id(self) -> int:
        return self._database.scalar(select(func.max(MESSAGES.c.id))) or 0

    def _indexed_id(self) -> int:
        message_id: int = self._database.scalar(select(SEARCH_INDEXED.c.message_id))
        return message_id

    def _index_some(self, connection: Connection, limit: int) -> int:
        """Index up to so many messages, within a transaction; returns how many it were."""
        indexed_id = _lock(connection)
        rows = _some(connection, indexed_id, limit)
        if rows:
            self._store(connection, self._sorted_in(connection, rows))
            connection.execute(update(SEARCH_INDEXED).values(message_id=rows[-1].id))
        return len(rows)

    def _sorted_in(self, connection: Connection, rows: Sequence[AnyRow]) -> list[Block]:
        """The blocks to which these messages are added, new ones among them; those of removed rooms are left out."""
        rooms, blocks = _newest_blocks(connection, {row.room_id for row in rows}), []
        blocks = [block for block in rooms.values() if block is not None]
        for row in rows:
            if row.room_id not in rooms:
                continue
            block = rooms[row.room_id]
            if block is None or not block.takes(row.id):
                rooms[row.room_id] = block = Block(row.room_id, row.id)
                blocks.append(block)
            block.add(row)
        return [block for block in blocks if block.new_places]

    def _store(self, connection: Connection, blocks: Sequence[Block]) -> None:
        old = self._stored(connection, {block.id: block.new_places.keys() for block in blocks if not block.is_new})
        if not blocks:
            return
        connection.exec_driver_sql(self._put_block, [
            (block.room_id, block.id, block.last_id, block.last_seq, block.size) for block in blocks])
        connection.exec_driver_sql(self._put_offsets, [(block.id, bytes(block.offsets)) for block in blocks])
        self._put(connection, {
            (block.id, term): with_places(old.get((block.id, term), b''), places)
            for block in blocks for term, places in block.new_places.items()})

    # ------------------------------------------------------------------ what became of it

    def edited(self, connection: Connection, room_id: int, message_id: int, old: str, new: str) -> None:
        """A message's content is another one now: it is found under its new words, and no longer under the old ones.

        Within the transaction that changes it, with the contents as they are in the database before and after. Best
        called before any row is locked that everybody waits for, since it may wait for the piece that is being indexed.
        """
        if message_id > _lock(connection):
            return  # it will be indexed with what it has then
        found = _place_of(connection, room_id, message_id)
        if found is None:
            return
        block_id, place = found
        before, after = indexed_terms(old), indexed_terms(new)
        stored = self._stored(connection, {block_id: before ^ after})
        left = {entry: without_place(places, place) for entry, places in stored.items() if entry[1] in before}
        added = {(block_id, term): with_places(stored.get((block_id, term), b''), (place,)) for term in after - before}
        self._put(connection, {entry: places for entry, places in {**left, **added}.items() if places})
        emptied = [entry[1] for entry, places in left.items() if not places]
        for start in range(0, len(emptied), TERMS_AT_ONCE):
            connection.execute(delete(SEARCH_TERMS).where(
                SEARCH_TERMS.c.block_id == block_id, SEARCH_TERMS.c.term.in_(emptied[start:start + TERMS_AT_ONCE])))

    def forget(self, connection: Connection, room_id: int, message_id: int, content: str) -> None:
        """A message is deleted: nothing of its content is left in the index. As `edited`."""
        self.edited(connection, room_id, message_id, content, '')

    def purge(self, connection: Connection, room_id: int) -> int:
        """Delete some of what there is of a removed room; returns how many rows, 0 when there are none left."""
        _lock(connection)
        block_id = connection.execute(select(SEARCH_BLOCKS.c.id).where(SEARCH_BLOCKS.c.room_id == room_id).limit(1)).scalar()
        if block_id is None:
            return 0
        of_block = SEARCH_TERMS.c.block_id == block_id
        terms = connection.execute(select(SEARCH_TERMS.c.term).where(of_block).order_by(SEARCH_TERMS.c.term)
                                   .limit(REMOVED_AT_ONCE)).scalars().all()
        if terms:
            connection.execute(delete(SEARCH_TERMS).where(of_block, SEARCH_TERMS.c.term <= terms[-1]))
        else:
            connection.execute(delete(SEARCH_OFFSETS).where(SEARCH_OFFSETS.c.block_id == block_id))
            connection.execute(delete(SEARCH_BLOCKS).where(
                SEARCH_BLOCKS.c.room_id == room_id, SEARCH_BLOCKS.c.id == block_id))
        return len(terms) or 1

    # ------------------------------------------------------------------ rows

    def _stored(self, connection: Connection, terms: Mapping[int, Iterable[bytes]]) -> dict[Entry, bytes]:
        """The places of those of these terms, by the id of their block, that there are."""
        parts = [(block_id, some) for block_id, of_block in terms.items() for some in _in_pieces(list(of_block))]
        stored: dict[Entry, bytes] = {}
        for start in range(0, len(parts), PARTS_AT_ONCE):
            query, values = terms_of_blocks(parts[start:start + PARTS_AT_ONCE], self._database.is_sqlite)
            for block_id, term, places in connection.exec_driver_sql(query, tuple(values)):
                stored[block_id, term] = places
        return stored

    def _put(self, connection: Connection, entries: Mapping[Entry, bytes]) -> None:
        if entries:
            rows = [(*entry, entries[entry]) for entry in sorted(entries)]
            connection.exec_driver_sql(self._put_term, rows)


def _work_meanwhile(seconds: float) -> float:
    """Sleep so long; returns the share of that which this thread, the event loop's, worked for others."""
    began, before = time.monotonic(), time.thread_time()
    gevent.sleep(seconds)
    return (time.thread_time() - before) / max(time.monotonic() - began, seconds)


def _lock(connection: Connection) -> int:
    """The id of the newest message that is indexed; nobody else changes the index before this transaction ends."""
    message_id: int = connection.execute(select(SEARCH_INDEXED.c.message_id).with_for_update()).scalar_one()
    return message_id


def _some(connection: Connection, after_id: int, limit: int) -> Sequence[AnyRow]:
    """The messages behind one, as many as can be indexed at once."""
    rows = connection.execute(
        select(MESSAGES.c.id, MESSAGES.c.room_id, MESSAGES.c.seq, MESSAGES.c.sender_id, MESSAGES.c.content)
        .where(MESSAGES.c.id > after_id).order_by(MESSAGES.c.id).limit(limit)).all()
    characters = 0
    for count, row in enumerate(rows, 1):
        characters += len(row.content)
        if characters >= limit * CHARACTERS_EACH:
            return rows[:count]
    return rows


def _newest_blocks(connection: Connection, room_ids: Iterable[int]) -> dict[int, Block | None]:
    """{room id: its newest Block, or None} of those of these rooms that are not removed."""
    newest = (select(SEARCH_BLOCKS.c.id).where(SEARCH_BLOCKS.c.room_id == ROOMS.c.id)
              .order_by(SEARCH_BLOCKS.c.id.desc()).limit(1).scalar_subquery())
    found: dict[int, Block | None] = {}
    ids = list(room_ids)
    for start in range(0, len(ids), TERMS_AT_ONCE):
        of_rooms = connection.execute(select(ROOMS.c.id, newest.label('block_id')).where(
            ROOMS.c.id.in_(ids[start:start + TERMS_AT_ONCE]), ROOMS.c.deleted_at.is_(None))).all()
        found |= {row.id: None for row in of_rooms}
        rooms = {row.block_id: row.id for row in of_rooms if row.block_id is not None}
        for block_id, offsets in connection.execute(select(SEARCH_OFFSETS).where(SEARCH_OFFSETS.c.block_id.in_(rooms))):
            found[rooms[block_id]] = Block(rooms[block_id], block_id, offsets)
    return found


def _place_of(connection: Connection, room_id: int, message_id: int) -> tuple[int, int] | None:
    """(block id, place in it) of a message; None for one that is not in the index."""
    block_id = connection.execute(select(SEARCH_BLOCKS.c.id).where(
        SEARCH_BLOCKS.c.room_id == room_id, SEARCH_BLOCKS.c.id <= message_id)
        .order_by(SEARCH_BLOCKS.c.id.desc()).limit(1)).scalar()
    if block_id is None:
        return None
    offsets = unpacked(connection.execute(select(SEARCH_OFFSETS.c.offsets).where(
        SEARCH_OFFSETS.c.block_id == block_id)).scalar_one())
    place = bisect_left(offsets, message_id - block_id)
    return (block_id, place) if place < len(offsets) and offsets[place] == message_id - block_id else None


def unpacked(offsets: bytes) -> 'array[int]':
    """The offsets of a block as numbers."""
    numbers = array('I', offsets)
    if sys.byteorder == 'big':
        numbers.byteswap()
    return numbers


def _in_pieces(terms: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(terms), TERMS_AT_ONCE):
        yield terms[start:start + TERMS_AT_ONCE]
