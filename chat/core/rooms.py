"""Rooms: every conversation is one, direct messages and the lobby included."""
from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from ..errors import Invalid, NotFound
from ..models import Room, RoomMember
from .cache import Cache
from .clock import now_ms

ROOMS, MEMBERS = Room.__table__, RoomMember.__table__
PUBLIC, PRIVATE, DIRECT, LOBBY = 'public', 'private', 'direct', 'lobby'
MAX_CACHED_MEMBERS = 1_000_000  # memberships in memory, over all rooms
MAX_CACHED_PAIRS = 100_000
NOBODY = frozenset()


@dataclass(slots=True)
class LiveRoom:
    """What the way of a message needs to know of its room, kept in memory.

    `members` are the user ids; those of the lobby are everybody, and not listed.
    """

    id: int
    kind: str
    name: str
    members: frozenset

    def has(self, user_id):
        return self.kind == LOBBY or user_id in self.members

    def other(self, user_id):
        """The other one of a direct room."""
        return next(member for member in self.members if member != user_id)


class Rooms:

    def __init__(self, database):
        self._database = database
        self._live = Cache(MAX_CACHED_MEMBERS, self._load, weigh=lambda room: 1 + len(room.members))
        self._direct_ids = Cache(MAX_CACHED_PAIRS, self._find_unique)
        self._lobby_id = None

    # ------------------------------------------------------------------ gates

    def require_member(self, user_id, room_id):
        """The LiveRoom, for a member. Raises NotFound for anyone else."""
        room = self._live.get(room_id)
        if not room.has(user_id):
            raise NotFound('There is no such room')
        return room

    def _load(self, room_id):
        with self._database.reading() as connection:
            row = connection.execute(select(ROOMS.c.kind, ROOMS.c.name).where(ROOMS.c.id == room_id)).first()
            if row is None:
                raise NotFound('There is no such room')
            members = NOBODY if row.kind == LOBBY else frozenset(connection.execute(
                select(MEMBERS.c.user_id).where(MEMBERS.c.room_id == room_id)).scalars())
        return LiveRoom(room_id, row.kind, row.name, members)

    # ------------------------------------------------------------------ direct rooms

    def direct(self, user_id, other_id):
        """The LiveRoom of two users, made if there is none yet; both must exist."""
        key = direct_key(user_id, other_id)
        room_id = self._direct_ids.get(key)
        if room_id is None:
            room_id = self._make_direct(key, user_id, other_id)
        return self._live.get(room_id)

    def find_direct(self, user_id, other_id):
        """The id of the two users' direct room, or None."""
        return self._direct_ids.get(direct_key(user_id, other_id))

    def _make_direct(self, key, user_id, other_id):
        now = now_ms()
        try:
            with self._database.writing() as connection:
                room_id = connection.execute(insert(ROOMS).values(
                    kind=DIRECT, unique_key=key, name='', created_by=user_id, created_at=now,
                )).inserted_primary_key[0]
                connection.execute(insert(MEMBERS), [
                    {'room_id': room_id, 'user_id': member, 'role': 'member', 'joined_at': now}
                    for member in (user_id, other_id)])
        except IntegrityError:  # the other one wrote first, at the same moment
            room_id = self._find_unique(key)
        self._direct_ids.evict(key)
        return room_id

    def _find_unique(self, key):
        row = self._database.row(select(ROOMS.c.id).where(ROOMS.c.unique_key == key))
        return row and row.id

    # ------------------------------------------------------------------ the lobby

    def lobby(self):
        """The LiveRoom that every user is in; the first migration makes it."""
        if self._lobby_id is None:
            self._lobby_id = self._find_unique(LOBBY)
        return self._live.get(self._lobby_id)

    def enter_lobby(self, connection, user_id, now):
        """Enter a new user, within the caller's transaction; all that was said before counts as read."""
        lobby = select(ROOMS.c.id, ROOMS.c.last_seq).where(ROOMS.c.unique_key == LOBBY)
        row = connection.execute(lobby).one()
        connection.execute(insert(MEMBERS).values(room_id=row.id, user_id=user_id, role='member', joined_at=now,
                                                  read_seq=row.last_seq, delivered_seq=row.last_seq))


def direct_key(user_id, other_id):
    """The unique key of two users' direct room, whoever asks. Raises Invalid for one user alone."""
    if user_id == other_id:
        raise Invalid(toUserId='is yourself')
    return f'{min(user_id, other_id)}:{max(user_id, other_id)}'
