"""Receipts: how far each member of a room has read, and how far messages were delivered to it.

Both are watermarks, sequence numbers of the room that only move forward: one row per member, not one per message. They
live in memory and reach the database gathered, so that a busy room does not become a write per event.
"""
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from cachetools import LRUCache, TTLCache
from sqlalchemy import ColumnElement, Subquery, Update, case, func, select, update

from ...errors import NotFound
from ..accounts.blocks import Blocks
from ..events import Audience, MessagesDelivered, MessagesRead, RoomMembers, Users
from ..lists import LONGEST, cut
from ..machinery.cache import Cache
from ..machinery.clock import iso, now_ms
from ..machinery.database import Database
from ..machinery.publisher import Publisher
from ..machinery.write_behind import RowUpdate, WriteBehind
from ..objects import Receipt
from ..rooms.rooms import DIRECT, LOBBY, LiveRoom, Rooms
from ..shared.bus import Bus
from ..shared.facts import MarkMoved, MessagesKept
from ..tables import MEMBERS, MESSAGES
from .store import Draft

MAX_CACHED = 200_000      # watermarks
MAX_RECENT = 20_000       # messages whose place is known without asking the database
BIG_ROOM = 50             # members; in bigger rooms only authors are told, and at most once per second and reader
TELL_AUTHORS_EVERY = 1000  # milliseconds
WRITTEN_SECONDS = 5       # after which another process has written what it said


@dataclass(slots=True)
class Watermark:
    """Of one member: sequence numbers, and when they were reached (milliseconds, or None)."""

    read_seq: int
    read_at: int | None
    delivered_seq: int
    delivered_at: int | None

    def advance(self, read_seq: int, read_at: int | None, delivered_seq: int, delivered_at: int | None) -> None:
        """Move forward to there, where that is not behind."""
        if read_seq >= self.read_seq:
            self.read_seq, self.read_at = read_seq, read_at
        if delivered_seq >= self.delivered_seq:
            self.delivered_seq, self.delivered_at = delivered_seq, delivered_at


class MemberRow(Protocol):
    """A row of room_members, or as much of it as says how far its user has read."""

    @property
    def room_id(self) -> int: ...

    @property
    def user_id(self) -> int: ...

    @property
    def read_seq(self) -> int: ...

    @property
    def read_at(self) -> int | None: ...

    @property
    def delivered_seq(self) -> int: ...

    @property
    def delivered_at(self) -> int | None: ...


class Place(NamedTuple):
    """Where a message stands."""

    room_id: int
    seq: int
    sender_id: int


def _later(column: ColumnElement[Any], new: ColumnElement[Any]) -> ColumnElement[Any]:
    """Of the two the larger one: what is in the database may be NULL, or newer."""
    return case((new > func.coalesce(column, -1), new), else_=column)


def _advance(new: Subquery) -> Update:
    return update(MEMBERS).where(MEMBERS.c.room_id == new.c.room, MEMBERS.c.user_id == new.c.member).values(
        read_seq=_later(MEMBERS.c.read_seq, new.c.read_to), read_at=_later(MEMBERS.c.read_at, new.c.read_time),
        delivered_seq=_later(MEMBERS.c.delivered_seq, new.c.delivered_to),
        delivered_at=_later(MEMBERS.c.delivered_at, new.c.delivered_time))


Key = tuple[int, int]  # room id, user id

ADVANCE: RowUpdate[Key, Watermark] = RowUpdate(
    ('room', 'member', 'read_to', 'read_time', 'delivered_to', 'delivered_time'),
    lambda key, mark: (*key, mark.read_seq, mark.read_at, mark.delivered_seq, mark.delivered_at), _advance)


class Receipts:

    def __init__(self, *, database: Database, write_behind: WriteBehind, rooms: Rooms, blocks: Blocks,
                 publisher: Publisher, bus: Bus) -> None:
        self._database, self._write_behind, self._rooms = database, write_behind, rooms
        self._blocks, self._publisher, self._bus = blocks, publisher, bus
        self._marks: Cache[Key, Watermark] = Cache(MAX_CACHED, self._load)
        self._places: OrderedDict[int, Place] = OrderedDict()     # message id: Place, of the newest messages
        self._told: LRUCache[Key, int] = LRUCache(MAX_CACHED)     # of a reader: when authors were last told
        # what other processes are about to write
        self._elsewhere: TTLCache[Key, Watermark] = TTLCache(MAX_CACHED, WRITTEN_SECONDS)
        bus.learn(MarkMoved, self._moved_elsewhere)
        bus.learn(MessagesKept, self._sent_elsewhere)
        bus.on_doubt(self._marks.clear)

    # ------------------------------------------------------------------ what clients say

    def read(self, user_id: int, message_id: int, room_id: int | None = None) -> None:
        """The user has read the message and all before it in its room. Raises NotFound for what it can't see."""
        self._advance(user_id, message_id, room_id, is_read=True)

    def delivered(self, user_id: int, message_id: int) -> None:
        """The message and all before it have reached the user. Raises NotFound for what it can't see."""
        self._advance(user_id, message_id, None, is_read=False)

    def _advance(self, user_id: int, message_id: int, room_id: int | None, is_read: bool) -> None:
        place = self._place(message_id)
        if place is None or room_id not in (None, place.room_id):
            raise NotFound('There is no such message')
        room = self._require_member(user_id, place)
        mark, now = self._marks.get((room.id, user_id)), now_ms()
        if place.seq <= (mark.read_seq if is_read else mark.delivered_seq):
            return
        if is_read:
            mark.read_seq, mark.read_at = place.seq, now
        if mark.delivered_seq < place.seq:
            mark.delivered_seq, mark.delivered_at = place.seq, now
        self._save(room.id, user_id, mark)
        self._bus.inform(MarkMoved(room.id, user_id, mark.read_seq, mark.read_at, mark.delivered_seq, mark.delivered_at))
        self._tell(room, user_id, message_id, place, now, is_read)

    def _require_member(self, user_id: int, place: Place) -> LiveRoom:
        room = self._rooms.find(place.room_id)
        if room is None or not room.has(user_id):
            raise NotFound('There is no such message')
        return room

    def _place(self, message_id: int) -> Place | None:
        place = self._places.get(message_id)
        if place is None:
            row = self._database.row(select(MESSAGES.c.room_id, MESSAGES.c.seq, MESSAGES.c.sender_id).where(
                MESSAGES.c.id == message_id))
            place = Place(*row) if row else None
        return place

    def _tell(self, room: LiveRoom, user_id: int, message_id: int, place: Place, now: int, is_read: bool) -> None:
        blocked = self._blocks.blocked_by(user_id)
        audience: Audience = RoomMembers(room.id, without=blocked)
        if room.kind == LOBBY or len(room.members) > BIG_ROOM:
            last = self._told.get((room.id, user_id), 0)
            if room.kind == LOBBY or not is_read or now - last < TELL_AUTHORS_EVERY:
                return
            self._told[room.id, user_id] = now
            audience = Users(frozenset((place.sender_id,)) & room.members - blocked)
        event = MessagesRead if is_read else MessagesDelivered
        self._publisher.publish(event(audience, room.id, message_id, user_id, now))

    # ------------------------------------------------------------------ who has read what

    def of_message(self, viewer_id: int, room_id: int, message_id: int, after: int = 0,
                   limit: int = LONGEST) -> tuple[Sequence[Receipt], int | None]:
        """(the Receipts of a page of the room's members, by user id, the user id it ends with if there are more).

        Members whom the message has not reached have none, nor have its author and who blocks the viewer, and in rooms in
        which only authors are told of receipts nobody else is given any. Raises NotFound, Forbidden.
        """
        room, place = self._rooms.require_member(viewer_id, room_id), self._place(message_id)
        if place is None or place.room_id != room.id:
            raise NotFound('There is no such message')
        if room.kind == LOBBY or len(room.members) > BIG_ROOM and viewer_id != place.sender_id:
            return [], None
        query = select(MEMBERS).where(MEMBERS.c.room_id == room.id, MEMBERS.c.user_id > after)
        rows, more = cut(self._database.rows(query.order_by(MEMBERS.c.user_id).limit(limit + 1)), limit)
        hidden = {place.sender_id, *self._blocks.hiding_from(viewer_id)}
        marks = {row.user_id: self.newest(row) for row in rows if row.user_id not in hidden}
        reached = {user_id: times(mark, place.seq) for user_id, mark in marks.items() if mark.delivered_seq >= place.seq}
        return ([{'userId': user_id, 'deliveredAt': iso(delivered_at), 'readAt': iso(read_at)}
                 for user_id, (delivered_at, read_at) in reached.items()], rows[-1].user_id if more else None)

    # ------------------------------------------------------------------ what the server knows by itself

    def sent(self, drafts: Sequence[Draft]) -> None:
        """Messages were stored: their senders have read everything before them."""
        now = now_ms()
        for draft in drafts:
            room_id, sender_id = draft.room.id, draft.sender_id
            self._places[draft.id] = Place(room_id, draft.seq, sender_id)
            if len(self._places) > MAX_RECENT:
                self._places.popitem(last=False)
            key = room_id, sender_id
            mark = self._marks.peek(key) or self._pending(*key) or Watermark(0, None, 0, None)
            mark.advance(draft.seq, now, draft.seq, now)
            self._save(room_id, sender_id, mark)

    # ------------------------------------------------------------------ what other processes say

    def _moved_elsewhere(self, fact: MarkMoved) -> None:
        """It is written there; until that is done this process keeps it, too."""
        key = fact.room_id, fact.user_id
        mark = self._marks.peek(key)
        if mark is not None:
            mark.advance(*fact[2:])
        newer = self._elsewhere.get(key) or Watermark(0, None, 0, None)
        newer.advance(*fact[2:])
        self._elsewhere[key] = newer

    def _sent_elsewhere(self, fact: MessagesKept) -> None:
        for room_id, seq, at, sender_id in fact.places:
            self._moved_elsewhere(MarkMoved(room_id, sender_id, seq, at, seq, at))

    # ------------------------------------------------------------------ watermarks

    def mark(self, room_id: int, user_id: int) -> Watermark:
        """The Watermark of a member."""
        return self._marks.get((room_id, user_id))

    def pending_read(self, room_id: int, user_id: int) -> int:
        """How far the user has read, as far as that may not be in the database yet; else 0."""
        newer = self._pending(room_id, user_id)
        return newer.read_seq if newer else 0

    def newest(self, row: MemberRow) -> Watermark:
        """The Watermark of a row of room_members, with what is not in the database yet."""
        mark = Watermark(row.read_seq, row.read_at, row.delivered_seq, row.delivered_at)
        newer = self._pending(row.room_id, row.user_id)
        if newer and newer.read_seq > mark.read_seq:
            mark.read_seq, mark.read_at = newer.read_seq, newer.read_at
        if newer and newer.delivered_seq > mark.delivered_seq:
            mark.delivered_seq, mark.delivered_at = newer.delivered_seq, newer.delivered_at
        return mark

    def of_direct(self, room: LiveRoom, viewer_id: int) -> Watermark | None:
        """The Watermark of the other one in a direct room; None if it blocked the viewer, or for other rooms."""
        if room.kind != DIRECT or self._blocks.hides(room.other(viewer_id), viewer_id):
            return None
        return self.mark(room.id, room.other(viewer_id))

    def forget(self, room_id: int, user_id: int) -> None:
        """The user left the room: whoever comes back begins anew."""
        self._marks.evict((room_id, user_id))
        self._elsewhere.pop((room_id, user_id), None)
        self._write_behind.drop(ADVANCE, (room_id, user_id))

    def _load(self, key: Key) -> Watermark:
        row = self._database.row(select(MEMBERS).where(MEMBERS.c.room_id == key[0], MEMBERS.c.user_id == key[1]))
        return self.newest(row) if row else Watermark(0, None, 0, None)

    def _pending(self, room_id: int, user_id: int) -> Watermark | None:
        """What may not be in the database yet."""
        key = room_id, user_id
        here = self._write_behind.pending(ADVANCE, key)
        elsewhere = self._elsewhere.get(key) if self._bus.is_shared else None
        if here is not None and elsewhere is not None:
            here.advance(elsewhere.read_seq, elsewhere.read_at, elsewhere.delivered_seq, elsewhere.delivered_at)
        return here or elsewhere

    def _save(self, room_id: int, user_id: int, mark: Watermark) -> None:
        self._write_behind.put(ADVANCE, (room_id, user_id), mark)


def times(mark: Watermark | None, seq: int) -> tuple[int | None, int | None]:
    """(delivered, read) times of a message under the receiver's Watermark; None for what has not happened."""
    if mark is None:
        return None, None
    return (mark.delivered_at if mark.delivered_seq >= seq else None, mark.read_at if mark.read_seq >= seq else None)
