"""What stands in all the rooms of a user, merged in the order of ids: of their messages, or of their changes."""
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, Select, Table, func, select, union_all

from ..machinery.database import Database
from ..sql import by_room
from ..tables import MEMBERS, MESSAGES, ROOMS, AnyRow
from .page import Page, within

ROOMS_AT_ONCE = 50  # that one query merges
NO_ROOMS: Mapping[int, int] = {}


class MergedRooms:
    """Of a table with an index by room and id; only what meets the condition, if there is one."""

    def __init__(self, database: Database, table: Table, condition: ColumnElement[bool] | None = None) -> None:
        self._database, self._table = database, table
        self._ids: ColumnElement[int] = table.c.id
        self._conditions = () if condition is None else (condition,)

    def ids(self, user_id: int, page: Page, *, kind: str | None = None, since: Mapping[int, int] = NO_ROOMS) -> list[int]:
        """The ids of a page (and one more) of all the user's rooms, or of those of one kind; the page's first one first.

        Of a room in `since` only what comes after that id counts, in a page that goes forward.
        """
        ids: list[int] = []
        found = self._database.rows(self._rooms(user_id, page, kind, since))
        for start in range(0, len(found), ROOMS_AT_ONCE):
            some = found[start:start + ROOMS_AT_ONCE]
            if len(ids) > page.limit and not page.comes_before(some[0].top, ids[-1]):
                break
            ids = self._merge(page, ids, [self._part(page, row.room_id) for row in some])
        later = list(since.items())
        for start in range(0, len(later), ROOMS_AT_ONCE):
            ids = self._merge(page, ids, [
                self._part(replace(page, after=max(page.after or 0, after)), room_id)
                for room_id, after in later[start:start + ROOMS_AT_ONCE]])
        return ids

    def _rooms(self, user_id: int, page: Page, kind: str | None, since: Mapping[int, int]) -> Select[int, int]:
        """The query of the rooms that can hold the first ids of all: those whose own first one (`top`) comes first.

        They are looked through some at a time, each by its index, until what is left can't hold any more of the page.
        """
        end = func.min(self._ids) if page.is_forward else func.max(self._ids)
        of_room = select(end).where(self._table.c.room_id == MEMBERS.c.room_id, *self._conditions)
        top = within(of_room, page.before, page.after, self._ids).scalar_subquery()
        own = select(MEMBERS.c.room_id, top.label('top')).where(MEMBERS.c.user_id == user_id)
        if since:
            own = own.where(MEMBERS.c.room_id.not_in(since))
        if kind is not None:
            own = own.join(ROOMS, ROOMS.c.id == MEMBERS.c.room_id).where(ROOMS.c.kind == kind)
        rooms = own.subquery()
        order = rooms.c.top if page.is_forward else rooms.c.top.desc()
        return select(rooms.c.room_id, rooms.c.top).where(rooms.c.top.is_not(None)).order_by(order).limit(page.limit + 1)

    def _part(self, page: Page, room_id: int) -> Select[int]:
        """The query of one room's share of a page."""
        of_table = select(self._ids)
        of_room = (by_room(of_table) if self._table is MESSAGES else of_table).where(
            self._table.c.room_id == room_id, *self._conditions)
        return page.narrow(of_room, self._ids)

    def _merge(self, page: Page, ids: Sequence[int], parts: Sequence[Select[int]]) -> list[int]:
        """The first ids of those there are and those of the parts."""
        merged = union_all(*[select(part.subquery()) for part in parts]).subquery()
        best = page.order(select(merged.c.id), merged.c.id).limit(page.limit + 1)
        rows: Sequence[AnyRow] = self._database.rows(best)
        return sorted([*ids, *[row.id for row in rows]], reverse=not page.is_forward)[:page.limit + 1]
