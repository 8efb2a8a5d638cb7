"""What each member sets for itself in a room: what it wants to be told of while away, and whether the room is pinned."""
from collections.abc import Mapping
from typing import Final

from sqlalchemy import select, update

from ...errors import Forbidden
from ..machinery.cache import Cache
from ..machinery.database import Database
from ..objects import Notify, RoomKind
from ..shared.bus import Bus
from ..shared.facts import SettingsChanged
from ..tables import MEMBERS
from .rooms import DIRECT, Rooms

ALL: Final = 'all'
ONLY_MENTIONS: Final = 'mentions'
NOTHING: Final = 'none'
MAX_CACHED = 200_000  # choices in memory, over all rooms

Choices = Mapping[int, Notify]  # by user id


class RoomSettings:

    def __init__(self, *, database: Database, rooms: Rooms, bus: Bus) -> None:
        self._database, self._rooms, self._bus = database, rooms, bus
        self._choices: Cache[int, Choices] = Cache(MAX_CACHED, self._load, weigh=lambda choices: 1 + len(choices))
        bus.learn(SettingsChanged, lambda fact: self._choices.evict(*fact))
        bus.on_doubt(self._choices.clear)

    def change(self, user_id: int, room_id: int, *, notify: Notify | None = None, is_pinned: bool | None = None) -> None:
        """Change what is given, for a member, until it leaves the room. Raises NotFound, Forbidden."""
        self._rooms.require_member(user_id, room_id)
        given = {'notify': notify, 'is_pinned': is_pinned}
        changed = self._database.execute(
            update(MEMBERS).where(MEMBERS.c.room_id == room_id, MEMBERS.c.user_id == user_id)
            .values({name: value for name, value in given.items() if value is not None}))
        self._choices.evict(room_id)
        self._bus.inform(SettingsChanged(room_id))
        if not changed:
            raise Forbidden('You are no longer in this room')

    def choices(self, room_id: int) -> Choices:
        """{user id: what it chose to be told of}, of those members who did choose."""
        return self._choices.get(room_id)

    def _load(self, room_id: int) -> Choices:
        rows = self._database.rows(select(MEMBERS.c.user_id, MEMBERS.c.notify).where(
            MEMBERS.c.room_id == room_id, MEMBERS.c.notify.in_((ALL, ONLY_MENTIONS, NOTHING))))
        return {row.user_id: row.notify for row in rows}

    def forget(self, room_id: int, user_id: int) -> None:
        """The user left the room, or begins another stay: what it chose before no longer holds."""
        self._choices.evict(room_id)


def notify_in(kind: RoomKind, chosen: Notify | None) -> Notify:
    """What a member of a room of that kind wants to be told of, given what it chose, if it did."""
    return chosen or (ALL if kind == DIRECT else ONLY_MENTIONS)
