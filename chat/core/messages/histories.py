"""Histories: a room's messages, or those of all rooms of a user, page by page."""
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import BindParameter, ColumnElement, Integer, Select, bindparam, func, select, union_all

from ..accounts.users import Users
from ..machinery.database import Database
from ..machinery.statements import PreparedBy
from ..objects import Message, MessageType
from ..rooms.rooms import DIRECT, LiveRoom, Rooms
from ..sql import by_room
from ..tables import MEMBERS, MESSAGES, ROOMS
from .receipts import Receipts
from .view import Counterpart, MessageView

ROOMS_AT_ONCE = 50  # that one query merges
ABOVE_ALL = 2**53  # an id beyond every message
Item = TypeVar('Item')
Query = TypeVar('Query', bound=Select[Any])
Bound = int | BindParameter[int] | None


class ShownMessage(NamedTuple):
    """What of a message's row its Message is made of."""

    id: int
    room_id: int
    sender_id: int
    seq: int
    type: MessageType
    content: str
    reply_to_id: int | None
    client_id: bytes | str | None
    created_at: int


SHOWN = [MESSAGES.c[name] for name in ShownMessage._fields]


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of a list of messages by id: the newest `limit` before `before`, or the oldest after `after`.

    `before_time` (ms) stands in for `before` until the page is `placed` in a list.
    """

    limit: int
    before: int | None = None
    after: int | None = None
    before_time: int | None = None

    def placed(self, first_at: Callable[[int], int]) -> 'Page':
        """The page with an id for its time, of which `first_at(time)` knows."""
        if self.before_time is None:
            return self
        return Page(self.limit, first_at(self.before_time), self.after)

    @property
    def is_forward(self) -> bool:
        """Whether it begins with the oldest."""
        return self.after is not None

    def comes_before(self, one_id: int, other_id: int) -> bool:
        """Whether one id stands before the other in the order of this page."""
        return one_id < other_id if self.is_forward else one_id > other_id

    def order(self, query: Query, column: ColumnElement[int]) -> Query:
        """The query in the order of this page."""
        return query.order_by(column if self.is_forward else column.desc())

    def narrow(self, query: Query) -> Query:
        """The query, for one more row than the page has, to see whether there are more."""
        return self.order(within(query, self.before, self.after), MESSAGES.c.id).limit(self.limit + 1)

    def cut(self, items: list[Item]) -> tuple[list[Item], bool]:
        """(the page's items, oldest first, whether there are more) of what `narrow` found."""
        page = items[:self.limit]
        return (page if self.is_forward else page[::-1]), len(items) > self.limit


def within(query: Query, before: Bound, after: Bound) -> Query:
    """The query, with only the messages between these ids."""
    if after is not None:
        query = query.where(MESSAGES.c.id > after)
    if before is not None:
        query = query.where(MESSAGES.c.id < before)
    return query


class Histories:
    """Each history comes as (messages, oldest first; whether there are more in the direction of the page)."""

    def __init__(self, *, database: Database, rooms: Rooms, users: Users, receipts: Receipts, view: MessageView) -> None:
        self._database, self._rooms, self._users = database, rooms, users
        self._receipts, self._view = receipts, view
        self._pages = PreparedBy(database, room_page)

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
        counterparts = self._counterparts(user_id, (room,)) if rows and room.kind == DIRECT else {}
        return page.cut(self._view.for_viewer(user_id, rows, counterparts))

    def _counterparts(self, user_id: int, rooms: Iterable[LiveRoom]) -> dict[int, Counterpart]:
        """The other one in each of the rooms that are direct ones, by the room's id."""
        return {room.id: Counterpart(room.other(user_id), self._receipts.of_direct(room, user_id))
                for room in rooms if room.kind == DIRECT}

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
        ids = self._newest_ids(user_id, page, kind)
        if not ids:
            return [], False
        order = MESSAGES.c.id if page.is_forward else MESSAGES.c.id.desc()
        rows = self._database.rows(select(MESSAGES).where(MESSAGES.c.id.in_(ids)).order_by(order))
        live = {row.room_id: self._rooms.find(row.room_id) for row in rows}
        rows = [row for row in rows if live[row.room_id]]
        return page.cut(self._view.for_viewer(user_id, rows, self._counterparts(user_id, filter(None, live.values()))))

    def _newest_ids(self, user_id: int, page: Page, kind: str | None) -> list[int]:
        """The ids of a page (and one more) of all the user's rooms, the first one first.

        Only the rooms whose own newest message (oldest, after a cursor) comes first can hold the first of all: they are
        looked through some at a time, each by its index, until what is left can't hold any more of the page.
        """
        end = func.min(MESSAGES.c.id) if page.is_forward else func.max(MESSAGES.c.id)
        top = within(select(end).where(MESSAGES.c.room_id == MEMBERS.c.room_id), page.before, page.after).scalar_subquery()
        own = select(MEMBERS.c.room_id, top.label('top')).where(MEMBERS.c.user_id == user_id)
        if kind is not None:
            own = own.join(ROOMS, ROOMS.c.id == MEMBERS.c.room_id).where(ROOMS.c.kind == kind)
        rooms = own.subquery()
        order = rooms.c.top if page.is_forward else rooms.c.top.desc()
        first = select(rooms).where(rooms.c.top.is_not(None)).order_by(order).limit(page.limit + 1)
        ids: list[int] = []
        found = self._database.rows(first)
        for start in range(0, len(found), ROOMS_AT_ONCE):
            some = found[start:start + ROOMS_AT_ONCE]
            if len(ids) > page.limit and not page.comes_before(some[0].top, ids[-1]):
                break
            parts = [page.narrow(by_room(select(MESSAGES.c.id)).where(MESSAGES.c.room_id == row.room_id)).subquery()
                     for row in some]
            merged = union_all(*[select(part) for part in parts]).subquery()
            best = page.order(select(merged.c.id), merged.c.id).limit(page.limit + 1)
            ids += [row.id for row in self._database.rows(best)]
            ids = sorted(ids, reverse=not page.is_forward)[:page.limit + 1]
        return ids


def room_page(has_before: bool, is_forward: bool) -> Select[Any]:
    """The query of a Page of a room's messages; its parameters: room, most, and before or after where it has any."""
    of_room = by_room(select(*SHOWN)).where(MESSAGES.c.room_id == bindparam('room'))
    query = within(of_room, bindparam('before') if has_before else None, bindparam('after') if is_forward else None)
    order = MESSAGES.c.id if is_forward else MESSAGES.c.id.desc()
    return query.order_by(order).limit(bindparam('most', type_=Integer))
