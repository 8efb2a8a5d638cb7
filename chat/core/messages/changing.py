"""What becomes of a message after it was sent: its author edits it, it is deleted, members react to it.

Each change is one transaction that holds the lock of the room, as that of a batch of new messages does. Each is idempotent:
what is so already is answered as it is, told to nobody and costs nothing.
"""
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent
from gevent.lock import BoundedSemaphore
from sqlalchemy import Connection, select, update

from ...errors import Conflict, Forbidden, Invalid, NotFound, TooLarge, Unavailable
from ..accounts.blocks import Blocks
from ..events import Audience, ChangePlace, Event, Everyone, MessageDeleted, MessageUpdated, ReactionChanged, RoomMembers
from ..files.stored_files import Files
from ..machinery.clock import now_ms
from ..machinery.database import Database
from ..machinery.failures import InDoubt
from ..machinery.limits import Limits
from ..machinery.publisher import Publisher
from ..objects import Message, Role
from ..rooms import changes
from ..rooms.membership import role_in
from ..rooms.rooms import ADMIN, DIRECT, LOBBY, PUBLIC, LiveRoom, Rooms
from ..tables import MESSAGES, ROOMS, USERS, AnyRow
from . import mentions, parts, reactions, removal
from .emoji import as_emoji
from .mentions import Mentions
from .parts import NO_PARTS, Parts
from .search_index import SearchIndex
from .sending import MAX_LENGTH, kind_of
from .view import SHOWN, MessageView

DOUBT_TIMEOUT = 5   # seconds in which a change that may have been committed is looked for
DOUBT_PAUSE = 0.2   # seconds between two looks
TURNS = 64  # rooms that have changes under way at a time, more or less
NO_MESSAGE = 'There is no such message'
Work = Callable[[Connection, AnyRow, Role | None], bool]  # makes a change, and says whether there was anything to do


@dataclass(slots=True)
class Outcome:
    """A message as a transaction left it, and whether that is not as it was before."""

    row: AnyRow
    parts: Parts
    has_changed: bool
    place: ChangePlace


class Changing:
    """Of a message in a room where the user is not, all raise what rooms do: Forbidden, NotFound."""

    def __init__(self, *, database: Database, rooms: Rooms, blocks: Blocks, mentions: Mentions, search_index: SearchIndex,
                 limits: Limits, view: MessageView, files: Files, publisher: Publisher) -> None:
        self._database, self._rooms, self._blocks, self._mentions = database, rooms, blocks, mentions
        self._search_index, self._limits, self._view = search_index, limits, view
        self._files, self._publisher = files, publisher
        self._turns = [BoundedSemaphore(1) for _ in range(TURNS)]

    # ------------------------------------------------------------------ what users do

    def edit(self, user_id: int, message_id: int, content: str, room_id: int | None = None) -> Message:
        """Give one's message another content. Raises Forbidden for others, Conflict for a deleted one, Invalid, TooLarge."""
        content = content.strip()
        if len(content) > MAX_LENGTH:
            raise TooLarge(f'A message has at most {MAX_LENGTH} characters')
        room = self._room_of(user_id, message_id, room_id)
        mentioned = self._mentions.of(user_id, room, content)

        def work(connection: Connection, row: AnyRow, role: Role | None) -> bool:
            if row.sender_id != user_id:
                raise Forbidden('Only its author can edit a message')
            require_undeleted(row)
            attached = parts.of_messages(connection, (row,)).get(row.id, NO_PARTS).attachments
            if not content and not attached:
                raise Invalid(content='is empty: send some text, or delete the message')
            if content == row.content:
                return False
            self._search_index.edited(connection, room.id, row.id, row.content, content)
            mentions.remove(connection, (row.id,))
            mentions.write(connection, [(mentioned_id, row.id, room.id, row.seq) for mentioned_id in mentioned])
            set_message(connection, row.id, content=content, type=kind_of(content, attached), edited_at=now_ms(),
                        mention_count=len(mentioned))
            return True

        return self._change(user_id, room, message_id, work, self._updated)

    def delete(self, user_id: int, message_id: int, room_id: int | None = None) -> Message:
        """Leave nothing of a message but its place, as its author or an admin of its room. Raises Forbidden for others."""
        room = self._room_of(user_id, message_id, room_id, is_open_to_admins=True)
        unused: list[str] = []

        def work(connection: Connection, row: AnyRow, role: Role | None) -> bool:
            if row.sender_id != user_id and role != ADMIN:
                raise Forbidden('Only its author and the admins of the room can delete a message')
            if row.deleted_at is not None:
                return False
            self._search_index.forget(connection, room.id, row.id, row.content)
            unused[:] = removal.empty(connection, row.id)
            return True

        message = self._change(user_id, room, message_id, work, lambda room, outcome: MessageDeleted(
            audience(room), room.id, message_id, outcome.place))
        self._files.delete(unused)
        return message

    def react(self, user_id: int, message_id: int, emoji: str, is_removal: bool = False,
              room_id: int | None = None) -> Message:
        """React with an emoji, or no longer. Raises Invalid for what is none or one too many, Conflict for a deleted one."""
        form = as_emoji(emoji)
        if form is None:
            raise Invalid(emoji='must be one emoji')
        room, as_bytes = self._room_of(user_id, message_id, room_id), form.encode()

        def work(connection: Connection, row: AnyRow, role: Role | None) -> bool:
            require_undeleted(row)
            if reactions.has(connection, row.id, as_bytes, user_id) != is_removal:
                return False
            if is_removal:
                reactions.take_back(connection, row.id, as_bytes, user_id)
                return True
            if row.reaction_count >= reactions.MOST and not reactions.has(connection, row.id, as_bytes):
                raise Invalid(emoji=f'would be one too many: a message has at most {reactions.MOST} different ones')
            reactions.add(connection, row.id, as_bytes, user_id)
            return True

        return self._change(user_id, room, message_id, work, lambda room, outcome: ReactionChanged(
            audience(room), room.id, message_id, user_id, form, is_removal, outcome.place))

    # ------------------------------------------------------------------ gates

    def _room_of(self, user_id: int, message_id: int, room_id: int | None, is_open_to_admins: bool = False) -> LiveRoom:
        """The LiveRoom of a message, for who may change something in it."""
        its_room: int | None = self._database.scalar(select(MESSAGES.c.room_id).where(MESSAGES.c.id == message_id))
        if room_id is not None and room_id != its_room:
            self._rooms.require_member(user_id, room_id)
        if its_room is None or room_id not in (None, its_room):
            raise NotFound(NO_MESSAGE)
        try:
            if is_open_to_admins:
                self._rooms.require_member_or_admin(user_id, its_room)
                return self._rooms.require_visible(user_id, its_room)
            room = self._rooms.require_member(user_id, its_room)
        except NotFound:
            raise NotFound(NO_MESSAGE if room_id is None else None) from None
        if room.kind == DIRECT:
            self._blocks.require_welcome(user_id, room.other(user_id))
        return room

    # ------------------------------------------------------------------ the change

    def _change(self, user_id: int, room: LiveRoom, message_id: int, work: Work,
                event: Callable[[LiveRoom, Outcome], Event]) -> Message:
        """Do the work, tell the room, and return the Message as the user sees it now.

        Charged as a message is, by a count of its own; what comes to nothing costs nothing.
        """
        charge = 'direct_changes' if room.kind in (DIRECT, LOBBY) else 'changes', user_id, room.id
        self._limits.charge(*charge)
        has_changed = False
        try:
            with self._turns[room.id % TURNS]:  # so that changes are told in the order in which they were made
                outcome = self._transact(user_id, room, message_id, work)
                has_changed = outcome.has_changed
                if has_changed:
                    self._publisher.publish(event(self._rooms.current(room), outcome))
        finally:
            if not has_changed:
                self._limits.give_back(*charge)
        return self._view.for_viewer(user_id, (outcome.row,), self._view.counterparts(user_id, (room,)))[0]

    def _transact(self, user_id: int, room: LiveRoom, message_id: int, work: Work) -> Outcome:
        def once(connection: Connection) -> Outcome:
            state = connection.execute(select(ROOMS.c.last_change, ROOMS.c.members_version).where(
                ROOMS.c.id == room.id, ROOMS.c.deleted_at.is_(None)).with_for_update()).first()
            row = connection.execute(select(*SHOWN).where(MESSAGES.c.id == message_id)).first() if state else None
            if state is None or row is None:
                raise NotFound(NO_MESSAGE)
            change_id = state.last_change
            has_changed = work(connection, row, self._role(connection, user_id, room))
            if has_changed:
                change_id = changes.message_changed(connection, room.id, message_id)
                row = connection.execute(select(*SHOWN).where(MESSAGES.c.id == message_id)).one()
            return Outcome(row, parts.of_messages(connection, (row,)).get(row.id, NO_PARTS), has_changed,
                           ChangePlace(row.seq, change_id, state.last_change, state.members_version))

        try:
            return self._database.transact(once)
        except InDoubt:
            return self._look_again(once)

    def _look_again(self, once: Callable[[Connection], Outcome]) -> Outcome:
        """The Outcome of a change that may have been committed: if it was, nothing is left to do, but it is to be told."""
        deadline = time.monotonic() + DOUBT_TIMEOUT
        while True:
            try:
                outcome = self._database.transact(once)
                outcome.has_changed = True
                return outcome
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                gevent.sleep(DOUBT_PAUSE)

    def _role(self, connection: Connection, user_id: int, room: LiveRoom) -> Role | None:
        """What the user is in the room now that it is locked. Raises Forbidden for one who has left meanwhile."""
        role = role_in(connection, room.id, user_id)
        if role != ADMIN and room.kind in (PUBLIC, LOBBY) and connection.execute(
                select(USERS.c.is_admin).where(USERS.c.id == user_id)).scalar():
            return ADMIN
        if role is None:
            raise Forbidden('You are no longer in this room')
        return role

    def _updated(self, room: LiveRoom, outcome: Outcome) -> MessageUpdated:
        return MessageUpdated(audience(room), self._view.for_everyone(outcome.row, room, outcome.parts), outcome.place)


def audience(room: LiveRoom) -> Audience:
    """Everybody in the room."""
    return Everyone() if room.kind == LOBBY else RoomMembers(room.id)


def require_undeleted(row: AnyRow) -> None:
    """Raise Conflict for a deleted message."""
    if row.deleted_at is not None:
        raise Conflict('This message was deleted')


def set_message(connection: Connection, message_id: int, **values: Any) -> None:
    """Change a message's row."""
    connection.execute(update(MESSAGES).where(MESSAGES.c.id == message_id).values(**values))
