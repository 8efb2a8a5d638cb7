"""Catching up: all that is new or has changed in a user's rooms since a place in the order of commits.

The order of commits is that of rooms/changes.py: messages by their ids, and each change behind the message that was the
newest at the time. A place in it is a pair of ids, a message's and a change's, up to which everything is known. A page ends
at a place below which everything has been committed, so no reader ever skips a change, whichever process makes it. What
changes once more while a page is made goes to a later place: a page holds what it finds there, too, and the next one again.

    new messages       of the user's rooms, in which it has been all the time, or behind its coming
    changed messages   as they are now, at the place of their newest change
    a room it came to  the newest MOST_OF_ROOM messages as of then
    a room it left     by its id, in `left`; also when it is back, for what the client holds may not be so any more

Without a place a client gets the newest MOST_OF_ROOM messages of each room as of now, room by room, and then goes on.
"""
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, func, select, union_all

from ...errors import Invalid
from ..machinery.database import Database
from ..machinery.seals import Seals
from ..objects import Message, SyncPage
from ..sql import by_room
from ..tables import CHANGES, MEMBERS, MESSAGES, ROOMS, AnyRow
from .histories import Histories
from .merged import ROOMS_AT_ONCE, MergedRooms
from .page import Page

MOST_OF_ROOM = 50         # messages of a room that is new to the client
USUAL = 500               # messages in one page, without a limit
MAX_CHARACTERS = 250_000  # of the messages in one page, more or less
PLACE = re.compile(r'([0-9]{1,16})\.([0-9]{1,16})(?:\.([0-9]{1,16})\.([0-9]{1,16}))?')
OF_MESSAGES = CHANGES.c.message_id.is_not(None)


@dataclass(frozen=True, slots=True)
class Place:
    """Everything up to this message and this change is known.

    While a client gets what each room holds at first, `room` and `given` say how far it has come: all of the rooms before
    that one by id, and of that one the messages up to `given`.
    """

    message_id: int
    change_id: int
    room: int | None = None
    given: int = 0

    def __str__(self) -> str:
        return f'{self.message_id}.{self.change_id}' + ('' if self.room is None else f'.{self.room}.{self.given}')

    @classmethod
    def read(cls, text: str) -> 'Place | None':
        """The Place that was written so; None for anything else."""
        match = PLACE.fullmatch(text)
        if match is None:
            return None
        message_id, change_id, room, given = match.groups()
        return cls(int(message_id), int(change_id), *(() if room is None else (int(room), int(given))))


class Step(NamedTuple):
    """Something that happened, by its place in the order: a new message, or (with a `change_id`) a change."""

    after_id: int   # its own id for a new message, that of the newest one at the time for a change
    change_id: int  # 0 for a new message, which comes before the changes behind it
    messages: tuple[int, ...]  # ids of what it gives


class Sync:

    def __init__(self, *, database: Database, histories: Histories, seals: Seals) -> None:
        self._database, self._histories, self._seals = database, histories, seals
        self._new = MergedRooms(database, MESSAGES)
        self._changed = MergedRooms(database, CHANGES, OF_MESSAGES)

    def page(self, user_id: int, after: int | str = 0, limit: int = USUAL) -> SyncPage:
        """What comes after a place: a `next` of earlier, a message id, or 0 for none. Raises Invalid for any other text."""
        place, newest = self._place(user_id, after), self._newest()
        if place is None:
            place = replace(newest, room=0)
        if place.room is not None:
            return self._first(user_id, place, newest, limit)
        return self._following(user_id, place, newest, limit)

    # ------------------------------------------------------------------ places

    def _place(self, user_id: int, after: int | str) -> Place | None:
        """The Place that the client names; None for one that has none yet."""
        if after == 0:
            return None
        if isinstance(after, int):
            return Place(after, self._changes_before(after))
        text = self._seals.open(after, user_id)
        place = Place.read(text) if text is not None else None
        if place is None:
            raise Invalid(after='must be a message id, 0, or what an earlier answer gave as next')
        return place

    def _newest(self) -> Place:
        """The end of the order as of now: what is up to there can be seen by all later queries."""
        newest = self._database.row(select(select(func.max(MESSAGES.c.id)).scalar_subquery(),
                                           select(func.max(CHANGES.c.id)).scalar_subquery()))
        return Place(newest[0] or 0, newest[1] or 0) if newest else Place(0, 0)

    def _changes_before(self, message_id: int) -> int:
        """The newest change that came before a message."""
        query = select(CHANGES.c.id).where(CHANGES.c.after_id < message_id)
        return self._database.scalar(query.order_by(CHANGES.c.after_id.desc(), CHANGES.c.id.desc()).limit(1)) or 0

    def _answer(self, user_id: int, after: Place, more: bool, messages: Sequence[Message] = (),
                left: Iterable[int] = ()) -> SyncPage:
        return {'messages': list(messages), 'left': list(dict.fromkeys(left)),
                'next': self._seals.seal(str(after), user_id), 'more': more}

    # ------------------------------------------------------------------ the first time

    def _first(self, user_id: int, place: Place, newest: Place, limit: int) -> SyncPage:
        """The newest messages of the rooms that are still to come, by room and id."""
        room = place.room or 0
        own = (select(MEMBERS.c.room_id).join(ROOMS, ROOMS.c.id == MEMBERS.c.room_id)
               .where(MEMBERS.c.user_id == user_id, MEMBERS.c.room_id >= room, ROOMS.c.last_seq > 0)
               .order_by(MEMBERS.c.room_id).limit(limit + 1))
        rooms = [row.room_id for row in self._database.rows(own)]
        where: list[tuple[int, int]] = []  # of each step: its room and its message
        for start in range(0, len(rooms), ROOMS_AT_ONCE):
            some = rooms[start:start + ROOMS_AT_ONCE]
            held = self._newest_of([(room_id, place.message_id) for room_id in some])
            where += [(room_id, message_id) for room_id in some for message_id in held[room_id]
                      if room_id != room or message_id > place.given]
            if len(where) > limit:
                break
        steps = [Step(message_id, 0, (message_id,)) for _, message_id in where]
        count, messages = self._take(user_id, steps, limit)
        messages.sort(key=lambda message: message['id'])
        if count == len(steps):
            end = Place(place.message_id, place.change_id)
            return self._answer(user_id, end, end != newest, messages)
        last_room, last_id = where[count - 1]
        return self._answer(user_id, replace(place, room=last_room, given=last_id), True, messages)

    def _newest_of(self, rooms: Sequence[tuple[int, int]]) -> Mapping[int, list[int]]:
        """{room id: the ids of its newest messages up to the one given with it, the oldest first}."""
        newest: dict[int, list[int]] = {room_id: [] for room_id, _ in rooms}
        if rooms:
            for row in self._database.rows(union_all(*[newest_of(room_id, upto) for room_id, upto in rooms])):
                newest[row.room_id].append(row.id)
        return {room_id: sorted(ids) for room_id, ids in newest.items()}

    # ------------------------------------------------------------------ from then on

    def _following(self, user_id: int, place: Place, newest: Place, limit: int) -> SyncPage:
        """The steps behind a place: all up to the newest one, and of later changes what is found on the way."""
        if newest.message_id <= place.message_id and newest.change_id <= place.change_id:
            return self._answer(user_id, place, False)
        stays = self._stays(user_id, place, limit)
        came = [row for row in stays if row.is_in]
        first = self._newest_of([(row.room_id, row.after_id) for row in came])
        messages = Page(limit, newest.message_id + 1, place.message_id)
        changed = self._changed.ids(user_id, Page(limit, after=place.change_id), since={row.room_id: row.id for row in came})
        changes = self._changes(changed)
        steps = sorted([
            *[Step(message_id, 0, (message_id,))
              for message_id in self._new.ids(user_id, messages, since={row.room_id: row.after_id for row in came})],
            *[Step(row.after_id, row.id, (row.message_id,)) for row in changes],
            *[Step(row.after_id, row.id, tuple(first.get(row.room_id, ()))) for row in stays]])
        left = {row.id: row.room_id for row in stays if row.is_return or not row.is_in}
        count, found = self._take(user_id, steps, limit)
        taken = steps[:count]
        end = behind(place, taken, newest) if count < len(steps) else Place(
            max(place.message_id, newest.message_id), max(place.change_id, newest.change_id))
        return self._answer(user_id, end, count < len(steps) or len(changes) < len(changed), found,
                            [left[step.change_id] for step in taken if step.change_id in left])

    def _stays(self, user_id: int, place: Place, limit: int) -> Sequence[AnyRow]:
        """What became of the user's stays in rooms, in order; `is_in` says whether it is there now."""
        its_own = and_(MEMBERS.c.room_id == CHANGES.c.room_id, MEMBERS.c.user_id == CHANGES.c.user_id)
        is_in = MEMBERS.c.user_id.is_not(None).label('is_in')
        of_stay = select(CHANGES.c.id, CHANGES.c.after_id, CHANGES.c.room_id, CHANGES.c.is_return, is_in)
        return self._database.rows(of_stay.outerjoin(MEMBERS, its_own).where(
            CHANGES.c.user_id == user_id, CHANGES.c.id > place.change_id).order_by(CHANGES.c.id).limit(limit + 1))

    def _changes(self, ids: Sequence[int]) -> Sequence[AnyRow]:
        """The rows of changes; some may have been overtaken by newer ones meanwhile."""
        return self._database.rows(select(CHANGES).where(CHANGES.c.id.in_(ids))) if ids else ()

    def _take(self, user_id: int, steps: Sequence[Step], limit: int) -> tuple[int, list[Message]]:
        """(how many of the steps make a page, their messages in order, each once)."""
        count = room = 0
        for step in steps:
            room += max(1, len(step.messages))
            if count and room > limit:
                break
            count += 1
        ids = dict.fromkeys(message_id for step in steps[:count] for message_id in step.messages)
        found = {message['id']: message for message in self._histories.messages(user_id, list(ids))}
        count = self._fitting(steps[:count], found)
        ids = dict.fromkeys(message_id for step in steps[:count] for message_id in step.messages)
        return count, [found[message_id] for message_id in ids if message_id in found]

    def _fitting(self, steps: Sequence[Step], found: Mapping[int, Message]) -> int:
        """How many of the steps have no more than MAX_CHARACTERS together; one at least, if there is one."""
        size = 0
        for index, step in enumerate(steps):
            size += sum(len(found[message_id]['content']) for message_id in step.messages if message_id in found)
            if index and size > MAX_CHARACTERS:
                return index
        return len(steps)


def newest_of(room_id: int, upto: int) -> Select[Any]:
    """The query of the newest messages of a room up to one."""
    ids: Select[Any] = select(MESSAGES.c.room_id, MESSAGES.c.id)
    ids = by_room(ids).where(MESSAGES.c.room_id == room_id, MESSAGES.c.id <= upto)
    return select(ids.order_by(MESSAGES.c.id.desc()).limit(MOST_OF_ROOM).subquery())


def behind(place: Place, steps: Sequence[Step], newest: Place) -> Place:
    """The Place behind all of the steps, which follow a place in their order; the newest one for those beyond that."""
    return Place(max(place.message_id, min(steps[-1].after_id, newest.message_id)),
                 max(place.change_id, min(max(step.change_id for step in steps), newest.change_id)))
