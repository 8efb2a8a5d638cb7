"""What each member sets for itself in a room: what it wants to be told of while away, and whether the room is pinned."""
from typing import Final

from sqlalchemy import update

from ...errors import Forbidden
from ..machinery.database import Database
from ..objects import Notify, RoomKind
from ..tables import MEMBERS
from .rooms import DIRECT, Rooms

ALL: Final = 'all'
ONLY_MENTIONS: Final = 'mentions'


class RoomSettings:

    def __init__(self, *, database: Database, rooms: Rooms) -> None:
        self._database, self._rooms = database, rooms

    def change(self, user_id: int, room_id: int, *, notify: Notify | None = None, is_pinned: bool | None = None) -> None:
        """Change what is given, for a member, until it leaves the room. Raises NotFound, Forbidden."""
        self._rooms.require_member(user_id, room_id)
        given = {'notify': notify, 'is_pinned': is_pinned}
        changed = self._database.execute(
            update(MEMBERS).where(MEMBERS.c.room_id == room_id, MEMBERS.c.user_id == user_id)
            .values({name: value for name, value in given.items() if value is not None}))
        if not changed:
            raise Forbidden('You are no longer in this room')


def notify_in(kind: RoomKind, chosen: Notify | None) -> Notify:
    """What a member of a room of that kind wants to be told of, given what it chose, if it did."""
    return chosen or (ALL if kind == DIRECT else ONLY_MENTIONS)
