"""The newest message of each room, which every list of rooms shows."""
from collections.abc import Iterable, Mapping

from cachetools import LRUCache
from sqlalchemy import select

from ..machinery.database import Database
from ..sql import newest_of_room
from ..tables import MESSAGES, ROOMS
from .histories import SHOWN, ShownMessage

MAX_CHARACTERS = 8_000_000  # kept in memory, with OVERHEAD for each message
OVERHEAD = 200


class NewestMessages:
    """Keeps those that were asked for last; one is the newest as long as the room's last_seq is its own.

    So nobody needs to tell of new messages, in this process or in another one, and the way of a message pays nothing.
    In the database each of them is a look into the index and one into the table: 8 µs of MariaDB's for each room.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: LRUCache[int, ShownMessage] = LRUCache(
            MAX_CHARACTERS, getsizeof=lambda message: OVERHEAD + len(message.content))

    def of_rooms(self, last_seqs: Mapping[int, int]) -> list[ShownMessage]:
        """The newest messages of rooms, in no order, given the last_seq of each; rooms without any have none."""
        found, missing = [], []
        for room_id, last_seq in last_seqs.items():
            message = self._kept.get(room_id)
            if message is not None and message.seq == last_seq:
                found.append(message)
            elif last_seq:
                missing.append(room_id)
        return found + self._load(missing) if missing else found

    def _load(self, room_ids: Iterable[int]) -> list[ShownMessage]:
        ids = select(newest_of_room(MESSAGES.c.id).label('id')).where(ROOMS.c.id.in_(room_ids)).subquery()
        rows = self._database.rows(select(*SHOWN).join(ids, ids.c.id == MESSAGES.c.id))
        loaded = [ShownMessage(*row) for row in rows]
        self._kept.update({message.room_id: message for message in loaded})
        return loaded
