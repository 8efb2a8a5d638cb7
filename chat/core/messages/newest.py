"""The newest message of each room, which every list of rooms shows."""
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cachetools import LRUCache
from sqlalchemy import select

from ..machinery.database import Database
from ..sql import newest_of_room
from ..tables import MESSAGES, ROOMS
from .view import SHOWN, ShownMessage

MAX_CHARACTERS = 8_000_000  # kept in memory, with OVERHEAD for each message
OVERHEAD = 200


class Version(NamedTuple):
    """Of what is in a room: the number of its newest message, the id of its newest change."""

    last_seq: int
    last_change: int


class NewestMessages:
    """Keeps those that were asked for last; one is the newest, as it is now, while the room's Version is its own.

    So nobody needs to tell of new messages and changes, in this process or in another one, and the way of a message pays
    nothing. In the database each of them is a look into the index and one into the table: 8 µs of MariaDB's for each room.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: LRUCache[int, tuple[Version, ShownMessage]] = LRUCache(
            MAX_CHARACTERS, getsizeof=lambda entry: OVERHEAD + len(entry[1].content))

    def of_rooms(self, versions: Mapping[int, Version]) -> list[ShownMessage]:
        """The newest messages of rooms, in no order, given the Version of each; rooms without any have none."""
        found, missing = [], []
        for room_id, version in versions.items():
            kept = self._kept.get(room_id)
            if kept is not None and kept[0] == version:
                found.append(kept[1])
            elif version.last_seq:
                missing.append(room_id)
        return found + self._load(missing, versions) if missing else found

    def _load(self, room_ids: Iterable[int], versions: Mapping[int, Version]) -> list[ShownMessage]:
        ids = select(newest_of_room(MESSAGES.c.id).label('id')).where(ROOMS.c.id.in_(room_ids)).subquery()
        rows = self._database.rows(select(*SHOWN).join(ids, ids.c.id == MESSAGES.c.id))
        loaded = [ShownMessage(*row) for row in rows]
        for message in loaded:  # perhaps newer than the version that was asked for: then it is looked up again next time
            self._kept[message.room_id] = versions[message.room_id], message
        return loaded
