"""What reads the index of words, and what is not in it yet."""
from collections.abc import Iterable, Sequence

from . import BY_ROOM_AND_ID, mark, numbers


def terms_of_blocks(terms: Sequence[tuple[int, Sequence[bytes]]], is_sqlite: bool) -> tuple[str, list[bytes]]:
    """(the query of these terms of blocks, its parameters): (block id, terms) for each of up to 500 parts.

    What is stored of all blocks in one round trip, each part by the key; pairs in an IN are read by scanning on MariaDB.
    """
    parameter = mark(is_sqlite)
    parts = [f'SELECT block_id, term, places FROM search_terms WHERE block_id = {block_id:d} AND term IN '
             f'({",".join([parameter] * len(some))})' for block_id, some in terms]
    return ' UNION ALL '.join(parts), [term for _, some in terms for term in some]


def places_in_blocks(block_ids: Iterable[int], most: int, is_sqlite: bool) -> str:
    """The query of the places of terms between two, its parameters, in blocks; `most` rows, of the newest blocks first.

    The ids and the range of terms are as many ranges of the key. By hand, as the driver executes it: 40 for 500 blocks.
    """
    parameter = mark(is_sqlite)
    return (f'SELECT block_id, places FROM search_terms WHERE block_id IN ({numbers(block_ids)}) '
            f'AND term >= {parameter} AND term <= {parameter} ORDER BY block_id DESC LIMIT {most:d}')


def offsets_of_blocks(block_ids: Iterable[int]) -> str:
    """The query of (id, offsets) of blocks."""
    return f'SELECT block_id, offsets FROM search_offsets WHERE block_id IN ({numbers(block_ids)})'


def newest_behind(places: Iterable[tuple[int, int]], below: int, most: int, is_sqlite: bool) -> str:
    """The query of the ids, below one and the newest first, of messages of rooms behind these (room id, message id).

    Each room by its index: as a join, MySQL would read all messages of the rooms.
    """
    index = '' if is_sqlite else BY_ROOM_AND_ID
    parts = [f'SELECT id FROM (SELECT id FROM messages {index} WHERE room_id = {room_id:d} AND id > {last_id:d} '
             f'AND id < {below:d} ORDER BY id DESC LIMIT {most:d}) AS room_{room_id:d}' for room_id, last_id in places]
    return f'{" UNION ALL ".join(parts)} ORDER BY id DESC LIMIT {most:d}'
