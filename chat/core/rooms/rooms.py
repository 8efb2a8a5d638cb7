"""Rooms: every conversation is one, direct messages and the lobby included. Who is in which is known here, in memory."""
import math
import time
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Connection, bindparam, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from ...errors import Forbidden, Invalid, NotFound
from ..events import NOBODY
from ..machinery.cache import Cache
from ..machinery.clock import now_ms
from ..machinery.database import Database, inserted_id
from ..objects import Role, RoomKind
from ..shared.bus import Bus
from ..shared.facts import DirectRoomMade, MessagesKept, RoomRemoved, RoomRenamed
from ..tables import MEMBERS, ROOMS, USERS, AnyRow

PUBLIC: Final = 'public'
PRIVATE: Final = 'private'
DIRECT: Final = 'direct'
LOBBY: Final = 'lobby'
ADMIN: Final = 'admin'
MEMBER: Final = 'member'
MAX_CACHED_MEMBERS = 1_000_000  # memberships in memory, over all rooms
MAX_CACHED_PAIRS = 100_000
COUNT_IN_LOBBY = update(ROOMS).where(ROOMS.c.unique_key == LOBBY).values(member_count=ROOMS.c.member_count + 1)
INTO_LOBBY = insert(MEMBERS).from_select(
    ['room_id', 'user_id', 'role', 'joined_at', 'read_seq', 'delivered_seq'],
    select(ROOMS.c.id, bindparam('user', type_=BigInteger), literal(MEMBER), bindparam('now', type_=BigInteger),
           ROOMS.c.last_seq, ROOMS.c.last_seq).where(ROOMS.c.unique_key == LOBBY))
UNKNOWN = -1  # as a members_version: it is no room's, so the members are looked up before the next message


@dataclass(slots=True)
class LiveRoom:
    """What the way of a message needs to know of its room, kept in memory and kept up to date.

    `members` are the user ids as of that `members_version`; those of the lobby are everybody, and not listed.
    `last_seq` and `last_at` (ms) are those of the newest message that this process knows of, once it has stored one, and
    another process wrote its last one at `others_wrote_at` (of a monotonic clock).
    """

    id: int
    kind: RoomKind
    name: str
    members: frozenset[int]
    members_version: int = 0
    last_seq: int | None = None
    last_at: int = 0
    others_wrote_at: float = -math.inf

    def has(self, user_id: int) -> bool:
        return self.kind == LOBBY or user_id in self.members

    def other(self, user_id: int) -> int:
        """The other one of a direct room."""
        return next(member for member in self.members if member != user_id)


class Rooms:

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database, self._bus = database, bus
        self._live: Cache[int, LiveRoom] = Cache(MAX_CACHED_MEMBERS, self._load, weigh=lambda room: 1 + len(room.members))
        self._direct_ids: Cache[str, int | None] = Cache(MAX_CACHED_PAIRS, self._find_unique)
        self._lobby_id: int | None = None
        bus.learn(RoomRenamed, lambda fact: self.renamed(*fact))
        bus.learn(RoomRemoved, lambda fact: self.removed(*fact))
        bus.learn(DirectRoomMade, lambda fact: self._direct_ids.evict(*fact))
        bus.learn(MessagesKept, self._messages_kept)
        bus.on_doubt(self._forget)

    def _forget(self) -> None:
        self._live.clear()
        self._direct_ids.clear()

    def _messages_kept(self, fact: MessagesKept) -> None:
        """Another process stored them; to know of it saves the next batch of this one a second attempt."""
        now = time.monotonic()
        for room_id, seq, at, _ in fact.places:
            room = self._live.peek(room_id)
            if room is not None:
                room.others_wrote_at = now
                if room.last_seq is not None and room.last_seq < seq:
                    room.last_seq, room.last_at = seq, at

    # ------------------------------------------------------------------ gates

    def require_member(self, user_id: int, room_id: int) -> LiveRoom:
        """The LiveRoom, for a member. Raises Forbidden for a public room, NotFound for what others must not learn of."""
        room = self._live.get(room_id)
        if room.has(user_id):
            return room
        if room.kind == PUBLIC:
            raise Forbidden('You are not in this room: join it first')
        raise NotFound('There is no such room')

    def require_visible(self, user_id: int, room_id: int) -> LiveRoom:
        """The LiveRoom, for a member and, if it is public, for everyone. Raises NotFound."""
        room = self._live.get(room_id)
        if room.kind == PUBLIC or room.has(user_id):
            return room
        raise NotFound('There is no such room')

    def require_admin(self, user_id: int, room_id: int) -> LiveRoom:
        """The LiveRoom, for its admins and, unless it is private, the server's. Raises NotFound, Forbidden."""
        room = self._live.get(room_id)
        if not self.is_admin(user_id, room):
            self.require_member(user_id, room_id)
            raise Forbidden('Only an admin of the room may do this')
        return room

    def require_member_or_admin(self, user_id: int, room_id: int) -> None:
        """Raise NotFound or Forbidden, but for the room's members and, if it is public, the server's admins."""
        room = self._live.get(room_id)
        if not room.has(user_id) and (room.kind != PUBLIC or not self.is_server_admin(user_id)):
            self.require_member(user_id, room_id)

    def is_admin(self, user_id: int, room: LiveRoom) -> bool:
        """Whether the user is an admin of the room; the server's are, unless it is private."""
        if room.kind in (PUBLIC, LOBBY) and self.is_server_admin(user_id):
            return True
        return room.has(user_id) and self.role(user_id, room.id) == ADMIN

    def role(self, user_id: int, room_id: int) -> Role | None:
        """The role that the user was given in the room; None outside."""
        role: Role | None = self._database.scalar(select(MEMBERS.c.role).where(
            MEMBERS.c.room_id == room_id, MEMBERS.c.user_id == user_id))
        return role

    def is_server_admin(self, user_id: int) -> bool:
        return bool(self._database.scalar(select(USERS.c.is_admin).where(USERS.c.id == user_id)))

    def _load(self, room_id: int) -> LiveRoom:
        with self._database.reading() as connection:
            row = connection.execute(select(ROOMS.c.kind, ROOMS.c.name, ROOMS.c.members_version).where(
                ROOMS.c.id == room_id, ROOMS.c.deleted_at.is_(None))).first()
            if row is None:
                raise NotFound('There is no such room')
            members = NOBODY if row.kind == LOBBY else member_ids(connection, room_id)
        return LiveRoom(room_id, row.kind, row.name, members, row.members_version)

    def current(self, room: LiveRoom) -> LiveRoom:
        """The room as it is known now, which is up to date; the one given if it is not in memory."""
        return self._live.peek(room.id) or room

    def is_known(self, room_id: int, members_version: int) -> bool:
        """Whether the room is in memory, with its members as of that version or a later one."""
        room = self._live.peek(room_id)
        return room is not None and room.members_version >= members_version

    def members_of(self, room_id: int) -> frozenset[int]:
        """The user ids of a room's members; nobody's for one that is no more."""
        room = self.find(room_id)
        return room.members if room is not None else NOBODY

    def find(self, room_id: int) -> LiveRoom | None:
        """The LiveRoom, or None if there is none."""
        try:
            return self._live.get(room_id)
        except NotFound:
            return None

    # ------------------------------------------------------------------ what changed

    def members_changed(self, room_id: int, members_version: int, *, joined: int | None = None,
                        left: int | None = None) -> None:
        """Bring the room in memory up to date with what was committed: it holds for the very next message.

        Without a user: that version is committed, and who came or went with it is for others to say, or for the database.
        """
        room = self._live.changed(room_id)
        if room is not None and room.members_version < members_version:
            room.members = (room.members | ({joined} if joined else NOBODY)) - ({left} if left else NOBODY)
            if room.members_version == members_version - 1 and (joined or left):
                room.members_version = members_version
            else:  # somebody came or went unseen before, and that may be heard of later
                self.uncertain(room_id)

    def renamed(self, room_id: int, name: str) -> None:
        """The same of its name."""
        room = self._live.changed(room_id)
        if room is not None:
            room.name = name

    def uncertain(self, room_id: int) -> None:
        """A change of the room's members was committed, or it was not: what is known of them no longer holds."""
        room = self._live.changed(room_id)
        if room is not None:
            room.members_version = UNKNOWN
        self._live.evict(room_id)

    def removed(self, room_id: int) -> None:
        """Forget a room that is no more."""
        room = self._live.changed(room_id)
        if room is not None:
            room.members = NOBODY
        self._live.evict(room_id)

    def sharing(self, user_id: int) -> list[int]:
        """The ids of the others who share a room with the user; the lobby does not count."""
        mine, theirs = MEMBERS.alias(), MEMBERS.alias()
        query = (select(theirs.c.user_id).distinct()
                 .select_from(mine.join(ROOMS, ROOMS.c.id == mine.c.room_id)
                              .join(theirs, theirs.c.room_id == mine.c.room_id))
                 .where(mine.c.user_id == user_id, theirs.c.user_id != user_id, ROOMS.c.kind != LOBBY,
                        (ROOMS.c.kind != DIRECT) | (ROOMS.c.last_seq > 0)))  # one that never was used is none yet
        return [row.user_id for row in self._database.rows(query)]

    # ------------------------------------------------------------------ direct rooms

    def direct(self, user_id: int, other_id: int) -> LiveRoom:
        """The LiveRoom of two users, made if there is none yet; both must exist."""
        key = direct_key(user_id, other_id)
        room_id = self._direct_ids.get(key)
        if room_id is None:
            room_id = self._make_direct(key, user_id, other_id)
        return self._live.get(room_id)

    def find_direct(self, user_id: int, other_id: int) -> int | None:
        """The id of the two users' direct room, or None."""
        return self._direct_ids.get(direct_key(user_id, other_id))

    def _make_direct(self, key: str, user_id: int, other_id: int) -> int:
        now = now_ms()

        def insert_room(connection: Connection) -> int:
            room_id = inserted_id(connection.execute(insert(ROOMS).values(
                kind=DIRECT, unique_key=key, name='', created_by=user_id, created_at=now, member_count=2)))
            connection.execute(insert(MEMBERS), [
                {'room_id': room_id, 'user_id': member, 'role': MEMBER, 'joined_at': now} for member in (user_id, other_id)])
            return room_id

        try:
            room_id = self._database.transact(insert_room)
        except IntegrityError:  # the other one wrote first, at the same moment
            self._direct_ids.evict(key)
            return self._require_unique(key)
        self._direct_ids.evict(key)
        self._bus.inform(DirectRoomMade(key))
        return room_id

    def _find_unique(self, key: str) -> int | None:
        room_id: int | None = self._database.scalar(select(ROOMS.c.id).where(ROOMS.c.unique_key == key))
        return room_id

    def _require_unique(self, key: str) -> int:
        room_id = self._find_unique(key)
        assert room_id is not None, f'there is no room with the key {key}'
        return room_id

    # ------------------------------------------------------------------ the lobby

    def lobby(self) -> LiveRoom:
        """The LiveRoom that every user is in; the first migration makes it."""
        if self._lobby_id is None:
            self._lobby_id = self._require_unique(LOBBY)
        return self._live.get(self._lobby_id)

    def enter_lobby(self, connection: Connection, user_id: int, now: int) -> None:
        """Enter a new user, within the caller's transaction; all that was said before counts as read."""
        connection.execute(COUNT_IN_LOBBY)  # which locks the room
        connection.execute(INTO_LOBBY, {'user': user_id, 'now': now})


def member_ids(connection: Connection, room_id: int) -> frozenset[int]:
    """The user ids of all members of a room."""
    return frozenset(connection.execute(select(MEMBERS.c.user_id).where(MEMBERS.c.room_id == room_id)).scalars())


def enter(connection: Connection, room: AnyRow, user_id: int, role: str, now: int) -> None:
    """Make the user a member, within the caller's transaction that has locked the `room`'s row.

    Everything up to now counts as read. Raises IntegrityError for one who is a member already.
    """
    connection.execute(insert(MEMBERS).values(room_id=room.id, user_id=user_id, role=role, joined_at=now,
                                              read_seq=room.last_seq, delivered_seq=room.last_seq))
    connection.execute(ROOMS.update().where(ROOMS.c.id == room.id).values(
        member_count=ROOMS.c.member_count + 1, members_version=ROOMS.c.members_version + 1))


def direct_key(user_id: int, other_id: int) -> str:
    """The unique key of two users' direct room, whoever asks. Raises Invalid for one user alone."""
    if user_id == other_id:
        raise Invalid(toUserId='is yourself')
    return f'{min(user_id, other_id)}:{max(user_id, other_id)}'
