"""Messages that may have what is looked for, of all rooms of a user, the newest first."""
import heapq
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Integer, Select, bindparam, func, select

from ...loop import give_way
from ..machinery.database import Database
from ..machinery.statements import PreparedBy
from ..sql.words import newest_behind, offsets_of_blocks, places_in_blocks
from ..tables import MEMBERS, ROOMS, SEARCH_BLOCKS
from .histories import ABOVE_ALL
from .search_index import unpacked
from .search_places import EVERYWHERE, bits_of, descending

MOST_BLOCKS = 20_000   # of one user's rooms; older messages are not looked at
FIRST_GROUP = 4        # blocks that are asked at once; four times as many each further time
LARGEST_GROUP = 500
MOST_PLACES = 1_000    # rows that one question may give, those of the newest blocks if there are more
FREQUENT = 4           # a term that more than one message in so many has is not worth asking for
ROOMS_AT_ONCE = 200
Term = tuple[bytes, bool]  # and whether it may go on


@dataclass(slots=True)
class IndexedBlock:
    """A block of the index, with the bits of those of its messages that have all terms, once they are known."""

    id: int
    last_id: int
    size: int
    bits: int = EVERYWHERE
    offsets: Sequence[int] = ()

    def newest(self, above: int, below: int) -> Iterator[int]:
        """The ids of these messages between the two, the newest first."""
        lowest, highest = (bisect_left(self.offsets, end - self.id) for end in (above + 1, below))
        for place in descending(self.bits & ((1 << highest) - 1)):
            if place < lowest:
                return
            yield self.id + self.offsets[place]


@dataclass(slots=True)
class Scope:
    """Where a user may look: `rooms` has, by the id of each room, the newest message of it that is indexed.

    `unindexed` are those of them that have newer ones. Made by one query, so that the two fit together.
    """

    rooms: dict[int, int] = field(default_factory=dict)
    blocks: list[IndexedBlock] = field(default_factory=list)
    unindexed: dict[int, int] = field(default_factory=dict)


class Scopes:
    """Where users may look."""

    def __init__(self, database: Database) -> None:
        self._queries = PreparedBy(database, scope_query)

    def of(self, user_id: int, room_id: int | None) -> Scope:
        """The Scope of a user, or as much of it as is in one room."""
        scope = Scope()
        newest: dict[int, int] = {}
        last_seqs: defaultdict[int, int] = defaultdict(int)
        for row in self._queries[(room_id is not None,)].fetch(user=user_id, room=room_id, most=MOST_BLOCKS):
            newest[row.room_id] = row.last_seq
            scope.rooms.setdefault(row.room_id, 0)
            if row.block_id is not None:
                scope.blocks.append(IndexedBlock(row.block_id, row.last_id, row.size))
                scope.rooms[row.room_id] = max(scope.rooms[row.room_id], row.last_id)
                last_seqs[row.room_id] = max(last_seqs[row.room_id], row.block_seq)
        scope.unindexed = {room: scope.rooms[room] for room, last_seq in newest.items() if last_seq > last_seqs[room]}
        return scope


class Candidates:
    """What of a Scope may have all of some terms."""

    def __init__(self, database: Database, scope: Scope, terms: Sequence[Term]) -> None:
        self._database, self._scope, self._terms = database, scope, list(terms)
        self._loaded: set[int] = set()
        self._shares = dict.fromkeys(terms, 0.0)  # of messages that have the term, among those asked for it last

    def newest(self, above: int, below: int, most: int) -> list[int]:
        """The ids of the newest ones between two ids, as many as there are or are wanted, the newest first."""
        waiting = sorted((block for block in self._scope.blocks if block.id < below and block.last_id > above),
                         key=lambda block: block.last_id)
        heap: list[tuple[int, int, Iterator[int]]] = []
        self._push(heap, iter(self._unindexed(above, below, most)))
        found: list[int] = []
        size = FIRST_GROUP
        while len(found) < most:
            while waiting and (not heap or waiting[-1].last_id > -heap[0][0]):
                group = self._load(waiting[-size:])
                pushed = {block.id for block in group}
                waiting = [block for block in waiting if block.id not in pushed]
                size = min(4 * len(group), LARGEST_GROUP)
                for block in group:
                    self._push(heap, block.newest(above, below))
            if not heap:
                break
            message_id, number, ids = heap[0]
            if not found or found[-1] != -message_id:  # else it has been indexed since
                found.append(-message_id)
            following = next(ids, None)
            if following is None:
                heapq.heappop(heap)
            else:
                heapq.heapreplace(heap, (-following, number, ids))
        return found

    def _push(self, heap: list[tuple[int, int, Iterator[int]]], ids: Iterator[int]) -> None:
        first = next(ids, None)
        if first is not None:
            heapq.heappush(heap, (-first, len(heap), ids))

    def _unindexed(self, above: int, below: int, most: int) -> list[int]:
        """The newest of those that the index does not know yet."""
        rooms = [(room_id, max(last_id, above)) for room_id, last_id in self._scope.unindexed.items()]
        ids: list[int] = []
        for start in range(0, len(rooms), ROOMS_AT_ONCE):
            query = newest_behind(rooms[start:start + ROOMS_AT_ONCE], below, most, self._database.is_sqlite)
            ids += [message_id for message_id, in self._database.fetch(query, ())]
        return sorted(ids, reverse=True)[:most]

    # ------------------------------------------------------------------ the index

    def _load(self, blocks: Sequence[IndexedBlock]) -> Sequence[IndexedBlock]:
        """Find out which messages of blocks may have all terms; returns the blocks, or some of them if it is too much.

        Those with the rarest term are asked for the others.
        """
        known = left = {block.id: block for block in blocks if block.id not in self._loaded}
        for term in sorted(self._terms, key=lambda term: self._shares[term]):
            if not left or self._shares[term] > 1 / FREQUENT:
                break
            bits, lowest = self._bits(term, list(left))
            known = {block_id: block for block_id, block in known.items() if block_id >= lowest}
            left = {block_id: block for block_id, block in left.items() if block_id >= lowest}
            looked_at = sum(block.size for block in left.values())
            self._shares[term] = sum(of_block.bit_count() for of_block in bits.values()) / looked_at
            for block_id, block in left.items():
                block.bits &= bits.get(block_id, 0)
            left = {block_id: block for block_id, block in left.items() if block.bits}
        if left:
            for block_id, offsets in self._database.fetch(offsets_of_blocks(left), ()):
                left[block_id].offsets = unpacked(offsets)
        self._loaded.update(known)
        give_way()
        return [block for block in blocks if block.id in self._loaded]

    def _bits(self, term: Term, block_ids: Sequence[int]) -> tuple[dict[int, int], int]:
        """({id: bits of the messages that have the term} of blocks, the lowest id of a block for which that is so)."""
        first, may_go_on = term
        query = places_in_blocks(block_ids, MOST_PLACES, self._database.is_sqlite)
        rows = self._database.fetch(query, (first, first + b'\xff' if may_go_on else first))
        places: defaultdict[int, list[bytes]] = defaultdict(list)
        for block_id, stored in rows:
            places[block_id].append(stored)
        if len(rows) < MOST_PLACES:
            lowest = 0
        elif len(places) == 1:  # with so many different words, most of its messages have one of them
            return {rows[0][0]: EVERYWHERE}, rows[0][0]
        else:
            del places[rows[-1][0]]
            lowest = rows[-1][0] + 1
        return {block_id: bits_of(stored) for block_id, stored in places.items()}, lowest


def scope_query(has_room: bool) -> Select[Any]:
    """The query of a user's rooms and their blocks; parameters: user, most, and room if it has one."""
    query = select(MEMBERS.c.room_id, ROOMS.c.last_seq, SEARCH_BLOCKS.c.id.label('block_id'), SEARCH_BLOCKS.c.last_id,
                   SEARCH_BLOCKS.c.last_seq.label('block_seq'), SEARCH_BLOCKS.c.size)
    query = query.select_from(MEMBERS.join(ROOMS, ROOMS.c.id == MEMBERS.c.room_id)
                              .outerjoin(SEARCH_BLOCKS, SEARCH_BLOCKS.c.room_id == MEMBERS.c.room_id))
    query = query.where(MEMBERS.c.user_id == bindparam('user'), ROOMS.c.deleted_at.is_(None), ROOMS.c.last_seq > 0)
    if has_room:
        query = query.where(MEMBERS.c.room_id == bindparam('room'))
    newest_first = func.coalesce(SEARCH_BLOCKS.c.last_id, ABOVE_ALL).desc()
    return query.order_by(newest_first).limit(bindparam('most', type_=Integer))
