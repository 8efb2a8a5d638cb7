"""What of each room was told in this process; and what was not, read out of the database and told.

Where one process has committed and nobody heard of it, or not in time, the database has it: messages by their ids, and what
became of them as it is now.
"""
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from cachetools import LRUCache
from sqlalchemy import Select, func, select

from ..accounts.users import Users
from ..events import ANY_MEMBERS, ChangePlace, MessageDeleted, MessageUpdated
from ..machinery.database import Database
from ..machinery.publisher import Publisher
from ..objects import Message
from ..rooms.rooms import LOBBY, LiveRoom
from ..sql import by_room
from ..tables import CHANGES, MESSAGES, AnyRow
from . import parts
from .changing import audience
from .delivery import events_of
from .parts import NO_PARTS
from .view import SHOWN, MessageView

MAX_ROOMS = 100_000  # of which it is known what was told
ROWS_AT_ONCE = 500
MAX_SINCE = 10_000   # messages and changes that are looked at, the newest; who missed more is served by `sync`
T = TypeVar('T')


class Newest(NamedTuple):
    """The ids of the newest message and of the newest change at a moment."""

    message_id: int
    change_id: int


@dataclass(slots=True)
class Told:
    """What of a room was told: all up to the message of that number, the last of them by its id, and that change."""

    seq: int
    change_id: int
    message_id: int


class ToldRooms:
    """Tells by `here`, this process's clients alone."""

    def __init__(self, *, database: Database, users: Users, view: MessageView, here: Publisher) -> None:
        self._database, self._users, self._view, self._here = database, users, view, here
        self._told: LRUCache[int, Told] = LRUCache(MAX_ROOMS)
        self._base = Newest(0, 0)  # whatever is not newer counts as told, where nothing is known of a room

    def get(self, room_id: int) -> Told | None:
        """What was told of a room; None where nothing is known of that."""
        return self._told.get(room_id)

    def begin(self) -> Newest:
        """Before anything is told here: what is there already counts as told. Raises Unavailable."""
        self._base = self.newest()
        return self._base

    def tell_messages(self, room: LiveRoom, until: int | None) -> bool:
        """The messages that were not told, up to that number; whether these were all.

        From then on it is known what was told of the room.
        """
        told = self._told.get(room.id) or self._begin(room.id)
        query = by_room(select(*SHOWN)).where(MESSAGES.c.room_id == room.id, MESSAGES.c.id > told.message_id)
        rows = self._database.rows(query.order_by(MESSAGES.c.id).limit(ROWS_AT_ONCE))
        is_all = len(rows) < ROWS_AT_ONCE
        rows = [row for row in rows if row.seq > told.seq and (until is None or row.seq <= until)]
        messages = self._messages(room, rows)
        authors = {row.id: self._users.display_name(row.sender_id) for row in rows} if room.kind == LOBBY else {}
        for row in rows:  # nothing waits from here on: what counts as told is told
            told.seq, told.message_id = row.seq, row.id
            if row.deleted_at is None:
                self._here.publish(*events_of(room, messages[row.id], row.seq, author=authors.get(row.id)))
        if until is not None and is_all:
            told.seq = max(told.seq, until)  # what there is no row of is no more
        return is_all

    def _begin(self, room_id: int) -> Told:
        """Of a room of which nothing is known yet: what was there at the beginning counts as told."""
        newest = by_room(select(MESSAGES.c.seq)).where(MESSAGES.c.room_id == room_id, MESSAGES.c.id <= self._base.message_id)
        seq = self._database.scalar(newest.order_by(MESSAGES.c.id.desc()).limit(1)) or 0
        while len(self._told) >= MAX_ROOMS:
            _, forgotten = self._told.popitem()
            self._base = Newest(max(self._base.message_id, forgotten.message_id),
                                max(self._base.change_id, forgotten.change_id))
        told = self._told[room_id] = Told(seq, self._base.change_id, self._base.message_id)
        return told

    def tell_changes(self, room: LiveRoom, until: int | None) -> bool:
        """The messages that have changed since what was told, as they are now, up to the change of that id; whether all."""
        told = self._told[room.id]
        newer = select(CHANGES.c.id, CHANGES.c.message_id).where(
            CHANGES.c.room_id == room.id, CHANGES.c.message_id.is_not(None), CHANGES.c.id > told.change_id)
        if until is not None:
            newer = newer.where(CHANGES.c.id <= until)
        changed = self._database.rows(newer.order_by(CHANGES.c.id).limit(ROWS_AT_ONCE))
        rows = {row.id: row for row in self._rows_of([change.message_id for change in changed])}
        messages = self._messages(room, list(rows.values()))
        for change in changed:
            told.change_id = max(told.change_id, change.id)
            row = rows.get(change.message_id)
            if row is not None:
                place = ChangePlace(row.seq, change.id, 0, ANY_MEMBERS)
                self._here.publish(MessageDeleted(audience(room), room.id, row.id, place) if row.deleted_at is not None
                                   else MessageUpdated(audience(room), messages[row.id], place))
        is_all = len(changed) < ROWS_AT_ONCE
        if until is not None and is_all:
            told.change_id = max(told.change_id, until)
        return is_all

    def _rows_of(self, message_ids: Sequence[int]) -> Sequence[AnyRow]:
        return self._database.rows(select(*SHOWN).where(MESSAGES.c.id.in_(message_ids))) if message_ids else ()

    def _messages(self, room: LiveRoom, rows: Sequence[AnyRow]) -> dict[int, Message]:
        """{id: Message} of rows."""
        with self._database.reading() as connection:
            found = parts.of_messages(connection, rows)
        return {row.id: self._view.for_everyone(row, room, found.get(row.id, NO_PARTS)) for row in rows}

    def rooms_since(self, since: Newest) -> set[int]:
        """The ids of the rooms in which something happened since that was not told."""
        def limited(query: Select[T]) -> Select[T]:
            return query.limit(MAX_SINCE)

        found = set()
        for row in self._database.rows(limited(select(MESSAGES.c.room_id, MESSAGES.c.seq).where(
                MESSAGES.c.id > since.message_id).order_by(MESSAGES.c.id.desc()))):
            told = self._told.get(row.room_id)
            if told is None or told.seq < row.seq:
                found.add(row.room_id)
        for row in self._database.rows(limited(select(CHANGES.c.room_id, CHANGES.c.id).where(
                CHANGES.c.id > since.change_id, CHANGES.c.message_id.is_not(None)).order_by(CHANGES.c.id.desc()))):
            told = self._told.get(row.room_id)
            if told is None or told.change_id < row.id:
                found.add(row.room_id)
        return found

    def newest(self) -> Newest:
        """What is the newest now. Raises Unavailable."""
        return Newest(self._database.scalar(select(func.max(MESSAGES.c.id))) or 0,
                      self._database.scalar(select(func.max(CHANGES.c.id))) or 0)
