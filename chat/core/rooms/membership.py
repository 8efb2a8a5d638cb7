"""Rooms as their members shape them: made, joined, left, renamed, removed; roles and invite codes."""
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import gevent
from sqlalchemy import Connection, delete, insert, select, update

from ...errors import Conflict, Forbidden, NotFound
from ..accounts.presence import Presence
from ..accounts.users import Snapshot, Users
from ..events import MemberJoined, MemberLeft, RoomDeleted, RoomMembers, RoomUpdated
from ..events import Users as AudienceOf
from ..machinery.clock import now_ms
from ..machinery.database import Database, inserted_id, repeated
from ..machinery.limits import Limits
from ..machinery.publisher import Publisher
from ..objects import Role
from ..shared.bus import Bus
from ..shared.facts import MembersChanged, RoomRemoved, RoomRenamed
from ..tables import BANS, MEMBERS, ROOMS, USERS, AnyRow
from . import changes
from .rooms import ADMIN, DIRECT, LOBBY, MEMBER, PRIVATE, PUBLIC, LiveRoom, Rooms, enter
from .typing_indicators import TypingIndicators

MAY_NOT = 'This room can\'t be joined so: ask one of its admins for an invite code'


def new_code() -> str:
    """An invite code of 192 random bits."""
    return secrets.token_urlsafe(24)


class LockedRoom(NamedTuple):
    """Of a room whose row is locked: how often its members have changed, and the number of its newest message."""

    members_version: int
    last_seq: int


class Stays(Protocol):
    """What is known of a member's stay in a room, and of no other stay."""

    def forget(self, room_id: int, user_id: int) -> None:
        """The stay is over, or another one begins."""


class Membership:
    """Every change commits, brings the LiveRoom up to date, and then tells the room."""

    def __init__(self, *, database: Database, rooms: Rooms, users: Users, presence: Presence,
                 stays: Sequence[Stays], typing: TypingIndicators, limits: Limits, publisher: Publisher, bus: Bus) -> None:
        self._database, self._rooms, self._users, self._presence = database, rooms, users, presence
        self._stays, self._typing, self._limits = stays, typing, limits
        self._publisher, self._bus = publisher, bus
        bus.learn(MembersChanged, self._members_changed)

    # ------------------------------------------------------------------ rooms

    @repeated
    def create(self, user_id: int, name: str, is_private: bool) -> int:
        """Make a room with the user as its admin; returns its id."""
        now = now_ms()
        with self._database.writing() as connection:
            room_id = inserted_id(connection.execute(insert(ROOMS).values(
                kind=PRIVATE if is_private else PUBLIC, name=name, created_by=user_id, created_at=now,
                invite_code=new_code(), member_count=1)))
            connection.execute(insert(MEMBERS).values(room_id=room_id, user_id=user_id, role=ADMIN, joined_at=now))
        return room_id

    @repeated
    def rename(self, user_id: int, room_id: int, name: str) -> None:
        """Raises NotFound, Forbidden."""
        room = self._require_shapeable(user_id, room_id)
        with self._database.writing() as connection:
            connection.execute(update(ROOMS).where(ROOMS.c.id == room_id).values(name=name))
            count = connection.execute(select(ROOMS.c.member_count).where(ROOMS.c.id == room_id)).scalar_one()
        self._rooms.renamed(room_id, name)
        self._bus.inform(RoomRenamed(room_id, name))
        self._publisher.publish(RoomUpdated(RoomMembers(room_id), {
            'id': room_id, 'name': name, 'kind': room.kind, 'isPrivate': room.kind == PRIVATE, 'memberCount': count}))

    @repeated
    def remove(self, user_id: int, room_id: int) -> None:
        """Remove the room for everybody; its messages go little by little. Raises NotFound, Forbidden."""
        room = self._require_shapeable(user_id, room_id)
        with self._database.writing() as connection:
            connection.execute(update(ROOMS).where(ROOMS.c.id == room_id).values(
                deleted_at=now_ms(), invite_code=None))
            changes.all_stays_end(connection, room_id)
            connection.execute(delete(MEMBERS).where(MEMBERS.c.room_id == room_id))
        members = room.members
        self._rooms.removed(room_id)
        self._bus.inform(RoomRemoved(room_id))
        self._publisher.publish(RoomDeleted(AudienceOf(members), room_id))

    def _require_shapeable(self, user_id: int, room_id: int) -> LiveRoom:
        room = self._rooms.require_admin(user_id, room_id)
        if room.kind in (LOBBY, DIRECT):
            raise Forbidden('This room can\'t be renamed or removed')
        return room

    # ------------------------------------------------------------------ joining

    @repeated
    def join(self, user_id: int, room_id: int | None = None, invite_code: str | None = None) -> int:
        """Enter a room, by its id if it is public, by its code, or by both; returns its id. Twice is no error.

        Raises Forbidden (also for an id that is none), NotFound for an unknown code, RateLimited after wrong codes.
        """
        snapshot = self._users.snapshot(user_id)  # now, so that nothing waits between the change and its events
        with self._counting_wrong_codes(user_id, invite_code):
            now = now_ms()
            with self._database.writing() as connection:
                found = self._find(connection, room_id, invite_code)
                if found is not None and found.kind != DIRECT and role_in(connection, found.id, user_id) is not None:
                    if found.kind != LOBBY:
                        self._changed(found.id, found.members_version)  # an earlier answer was lost, perhaps
                    return int(found.id)
                room = self._require_joinable(connection, found, user_id, room_id, invite_code)
                connection.execute(delete(BANS).where(BANS.c.room_id == room.id, BANS.c.user_id == user_id))
                enter(connection, room, user_id, MEMBER if room.member_count else ADMIN, now)
                changes.stay_changed(connection, room.id, user_id)
        self._joined(snapshot, room.id, room.members_version + 1, room.last_seq)
        return int(room.id)

    def _find(self, connection: Connection, room_id: int | None, invite_code: str | None) -> AnyRow | None:
        condition = ROOMS.c.id == room_id if room_id is not None else ROOMS.c.invite_code == invite_code
        room = connection.execute(
            select(ROOMS).where(condition, ROOMS.c.deleted_at.is_(None)).with_for_update()).first()
        if room is not None and room_id is None and room.invite_code != invite_code:
            return None  # MySQL takes trailing spaces for equal
        return room

    def _require_joinable(self, connection: Connection, room: AnyRow | None, user_id: int, room_id: int | None,
                          invite_code: str | None) -> AnyRow:
        if room is None and room_id is None:
            raise NotFound('There is no room with this invite code')
        if room is not None and invite_code is not None and room.invite_code == invite_code:
            return room
        if room is None or room.kind != PUBLIC:
            raise Forbidden(MAY_NOT)
        banned = select(BANS.c.user_id).where(BANS.c.room_id == room.id, BANS.c.user_id == user_id)
        if connection.execute(banned).first():
            raise Forbidden(MAY_NOT)
        return room

    @contextmanager
    def _counting_wrong_codes(self, user_id: int, invite_code: str | None) -> Iterator[None]:
        """Charge a wrong code in advance, so that guesses made at once count too; a right one gets it back."""
        if invite_code is None:
            yield
            return
        self._limits.charge('invite', user_id)
        try:
            yield
        except (NotFound, Forbidden):
            raise
        except BaseException:
            self._limits.give_back('invite', user_id)
            raise
        self._limits.give_back('invite', user_id)

    def _joined(self, snapshot: Snapshot, room_id: int, members_version: int, last_seq: int) -> None:
        user_id, blocked = snapshot.row.id, snapshot.blocked
        for known in self._stays:
            known.forget(room_id, user_id)  # of an earlier stay
        self._changed(room_id, members_version, joined=user_id)
        members = self._rooms.require_member(user_id, room_id).members
        seen = MemberJoined(RoomMembers(room_id, without=blocked), room_id, self._users.shown(snapshot), last_seq)
        unseen = MemberJoined(AudienceOf(blocked & members), room_id, self._users.shown_to_blocked(snapshot), last_seq)
        self._publisher.publish(*((seen, unseen) if blocked & members else (seen,)))
        self._presence.tell_of(user_id, members - blocked - {user_id}, snapshot.row.last_seen)

    def _changed(self, room_id: int, members_version: int, *, joined: int | None = None, left: int | None = None) -> None:
        """Somebody came or went, and that is committed: this process knows, and the others learn of it."""
        self._rooms.members_changed(room_id, members_version, joined=joined, left=left)
        self._bus.inform(MembersChanged(room_id, members_version, joined, left))

    def _members_changed(self, fact: MembersChanged) -> None:
        """Another process says so."""
        self._rooms.members_changed(fact.room_id, fact.version, joined=fact.joined, left=fact.left)
        for user_id in filter(None, (fact.joined, fact.left)):
            for known in self._stays:
                known.forget(fact.room_id, user_id)
        if fact.left is not None and self._typing.is_typing(fact.room_id, fact.left):
            gevent.spawn(self._typing.left, fact.room_id, fact.left)  # which may have to ask who blocks whom

    # ------------------------------------------------------------------ leaving

    @repeated
    def leave(self, user_id: int, room_id: int) -> None:
        """Leave a room. Raises NotFound, Forbidden."""
        room = self._rooms.require_member(user_id, room_id)
        if room.kind in (LOBBY, DIRECT):
            raise Forbidden('This room can\'t be left')
        with self._leaving(room_id, user_id) as (connection, state):
            self._take_out(connection, room_id, user_id)
        self._left(room_id, user_id, state)

    @repeated
    def remove_member(self, admin_id: int, room_id: int, user_id: int) -> None:
        """Send a member away: it takes an invite code to come back, and the present one no longer works.

        Raises NotFound, Forbidden.
        """
        room = self._rooms.require_admin(admin_id, room_id)
        if room.kind in (LOBBY, DIRECT):
            raise Forbidden('Nobody can be removed from this room')
        with self._leaving(room_id, user_id) as (connection, state):
            self._require_still_admin(connection, admin_id, room)
            self._take_out(connection, room_id, user_id)
            connection.execute(insert(BANS).values(room_id=room_id, user_id=user_id, created_at=now_ms()))
            connection.execute(update(ROOMS).where(ROOMS.c.id == room_id).values(invite_code=new_code()))
        self._left(room_id, user_id, state)

    @contextmanager
    def _leaving(self, room_id: int, user_id: int) -> Iterator[tuple[Connection, LockedRoom]]:
        """(a transaction in which a member goes, what the room is like behind it): gone in memory before the commit lets
        waiting messages go on."""
        is_out = False
        try:
            with self._database.writing() as connection:
                before = lock_room(connection, room_id)
                state = before._replace(members_version=before.members_version + 1)
                yield connection, state
                is_out = True
                self._rooms.members_changed(room_id, state.members_version, left=user_id)
        except BaseException:
            if is_out:
                self._rooms.uncertain(room_id)
            raise

    def _require_still_admin(self, connection: Connection, user_id: int, room: LiveRoom) -> None:
        """Raise Forbidden unless the user rules the room now that its row is locked: it may have been removed itself."""
        rules = room.kind == PUBLIC and connection.execute(
            select(USERS.c.is_admin).where(USERS.c.id == user_id)).scalar()
        if role_in(connection, room.id, user_id) != ADMIN and not rules:
            raise Forbidden('Only an admin of the room may do this')

    def _take_out(self, connection: Connection, room_id: int, user_id: int) -> None:
        gone = connection.execute(delete(MEMBERS).where(
            MEMBERS.c.room_id == room_id, MEMBERS.c.user_id == user_id)).rowcount
        if not gone:
            raise NotFound('This user is not in the room')
        connection.execute(update(ROOMS).where(ROOMS.c.id == room_id).values(
            member_count=ROOMS.c.member_count - 1, members_version=ROOMS.c.members_version + 1))
        if not admins(connection, room_id):
            eldest = connection.execute(select(MEMBERS.c.user_id).where(MEMBERS.c.room_id == room_id)
                                        .order_by(MEMBERS.c.joined_at, MEMBERS.c.user_id).limit(1)).scalar()
            if eldest is not None:
                set_role(connection, room_id, eldest, ADMIN)
        changes.stay_changed(connection, room_id, user_id)

    def _left(self, room_id: int, user_id: int, state: LockedRoom) -> None:
        self._changed(room_id, state.members_version, left=user_id)
        for known in self._stays:
            known.forget(room_id, user_id)
        self._typing.left(room_id, user_id)
        audience = RoomMembers(room_id, also=frozenset((user_id,)))
        self._publisher.publish(MemberLeft(audience, room_id, user_id, state.last_seq))

    # ------------------------------------------------------------------ roles and codes

    @repeated
    def change_role(self, admin_id: int, room_id: int, user_id: int, role: str) -> None:
        """Promote or demote a member. Raises NotFound, Forbidden, and Conflict where the last admin would go."""
        room = self._rooms.require_admin(admin_id, room_id)
        if room.kind in (LOBBY, DIRECT):
            raise Forbidden('There are no roles in this room')
        with self._database.writing() as connection:
            lock_room(connection, room_id)
            self._require_still_admin(connection, admin_id, room)
            if not room.has(user_id):
                raise NotFound('This user is not in the room')
            if role == MEMBER and admins(connection, room_id) == [user_id]:
                raise Conflict('The room would be without an admin: make somebody else one first')
            set_role(connection, room_id, user_id, role)

    def invite_code(self, admin_id: int, room_id: int) -> str:
        """The room's invite code. Raises NotFound, Forbidden."""
        self._require_invitable(admin_id, room_id)
        code: str = self._database.scalar(select(ROOMS.c.invite_code).where(ROOMS.c.id == room_id))
        return code

    @repeated
    def renew_invite_code(self, admin_id: int, room_id: int) -> str:
        """A new invite code; the old one stops working. Raises NotFound, Forbidden."""
        self._require_invitable(admin_id, room_id)
        code = new_code()
        with self._database.writing() as connection:
            connection.execute(update(ROOMS).where(ROOMS.c.id == room_id).values(invite_code=code))
        return code

    def _require_invitable(self, admin_id: int, room_id: int) -> None:
        if self._rooms.require_admin(admin_id, room_id).kind in (LOBBY, DIRECT):
            raise Forbidden('Nobody can be invited to this room')


def lock_room(connection: Connection, room_id: int) -> LockedRoom:
    """Make whoever else writes to this room or changes its members wait for this transaction; returns what it is like."""
    columns = ROOMS.c.members_version, ROOMS.c.last_seq
    row = connection.execute(select(*columns).where(ROOMS.c.id == room_id).with_for_update()).first()
    return LockedRoom(*row) if row else LockedRoom(0, 0)


def admins(connection: Connection, room_id: int) -> Sequence[int]:
    """The user ids of the room's first two admins."""
    return connection.execute(select(MEMBERS.c.user_id).where(
        MEMBERS.c.room_id == room_id, MEMBERS.c.role == ADMIN).limit(2)).scalars().all()


def role_in(connection: Connection, room_id: int, user_id: int) -> Role | None:
    """The role that the user was given in the room; None outside."""
    role: Role | None = connection.execute(select(MEMBERS.c.role).where(
        MEMBERS.c.room_id == room_id, MEMBERS.c.user_id == user_id)).scalar()
    return role


def set_role(connection: Connection, room_id: int, user_id: int, role: str) -> None:
    """Give the member that role."""
    connection.execute(update(MEMBERS).where(
        MEMBERS.c.room_id == room_id, MEMBERS.c.user_id == user_id).values(role=role))
