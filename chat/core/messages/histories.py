"""Histories: a room's messages, or those of all rooms of a user, page by page."""
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Integer, Select, bindparam, func, select

from ..accounts.users import Users
from ..machinery.database import Database
from ..machinery.statements import ByIds, PreparedBy
from ..objects import Message
from ..rooms.rooms import Rooms
from ..sql import by_room
from ..tables import MESSAGES
from .merged import MergedRooms
from .page import Page, within
from .view import SHOWN, MessageView

ABOVE_ALL = 2**53  # an id beyond every message


class Histories:
    """Each history comes as (messages, oldest first; whether there are more in the direction of the page)."""

    def __init__(self, *, database: Database, rooms: Rooms, users: Users, view: MessageView) -> None:
        self._database, self._rooms, self._users, self._view = database, rooms, users, view
        self._merged = MergedRooms(database, MESSAGES)
        self._pages = PreparedBy(database, room_page)
        self._by_ids = ByIds(database, SHOWN, MESSAGES.c.id)

    def direct_history(self, user_id: int, other_id: int, page: Page) -> tuple[list[Message], bool]:
        """A Page of the direct messages between two users. Raises NotFound."""
        room_id = self._rooms.find_direct(user_id, other_id)
        if room_id is None:
            self._users.require_active(other_id)
            return [], False
        return self.room_history(user_id, room_id, page)

    def room_history(self, user_id: int, room_id: int, page: Page) -> tuple[list[Message], bool]:
        """A Page of a room's messages, for a member. Raises NotFound, Forbidden."""
        room = self._rooms.require_member(user_id, room_id)
        page = page.placed(lambda at: self.first_at(at, room.id))
        rows = self._pages[page.before is not None, page.is_forward].fetch(
            room=room.id, before=page.before, after=page.after, most=page.limit + 1)
        return page.cut(self._view.for_viewer(user_id, rows, self._view.counterparts(user_id, (room,) if rows else ())))

    def first_at(self, at: int, room_id: int | None = None) -> int:
        """The id of the first message (of a room) sent at that time (ms) or later; above all if there is none.

        A binary search by an index, since ids and times of a room grow together; over all rooms they do nearly.
        """
        of_room = () if room_id is None else (MESSAGES.c.room_id == room_id,)
        low, high = 0, self._database.scalar(select(func.max(MESSAGES.c.id)).where(*of_room)) or 0
        first = ABOVE_ALL
        while low < high:
            middle = (low + high) // 2
            row = self._database.row(by_room(select(MESSAGES.c.id, MESSAGES.c.created_at), room_id).where(
                MESSAGES.c.id > middle, *of_room).order_by(MESSAGES.c.id).limit(1))
            if row is None:  # the newest ones were deleted meanwhile
                high = middle
            elif row.created_at >= at:
                first, high = row.id, middle
            else:
                low = row.id
        return first

    def all_history(self, user_id: int, page: Page, kind: str | None = None) -> tuple[list[Message], bool]:
        """A Page of the messages of all the user's rooms, or of those of one kind."""
        page = page.placed(self.first_at)
        return page.cut(self.messages(user_id, self._merged.ids(user_id, page, kind=kind)))

    def messages(self, user_id: int, ids: Sequence[int]) -> list[Message]:
        """The messages of these ids, in this order, as a member of their rooms sees them; but for those that are gone."""
        found = {row.id: row for row in self._by_ids.fetch_all(ids)}
        live = {row.room_id: self._rooms.find(row.room_id) for row in found.values()}
        rows = [row for row in map(found.get, ids) if row is not None and live[row.room_id] is not None]
        return self._view.for_viewer(user_id, rows, self._view.counterparts(user_id, filter(None, live.values())))


def room_page(has_before: bool, is_forward: bool) -> Select[Any]:
    """The query of a Page of a room's messages; its parameters: room, most, and before or after where it has any."""
    of_room = by_room(select(*SHOWN)).where(MESSAGES.c.room_id == bindparam('room'))
    query = within(of_room, bindparam('before') if has_before else None, bindparam('after') if is_forward else None)
    order = MESSAGES.c.id if is_forward else MESSAGES.c.id.desc()
    return query.order_by(order).limit(bindparam('most', type_=Integer))
