"""Rooms as one user sees them: lists and the inbox, each in one query however many rooms there are."""
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Integer, Select, and_, bindparam, case, func, or_, select

from ...errors import NotFound
from ..accounts.blocks import Blocks
from ..accounts.users import SHOWN as SHOWN_OF_USER
from ..accounts.users import Users
from ..lists import LONGEST, cut, pieces
from ..machinery.clock import iso
from ..machinery.database import Database
from ..machinery.statements import Prepared, PreparedBy
from ..objects import Member, Message, Room
from ..rooms.rooms import ADMIN, DIRECT, LOBBY, PRIVATE, PUBLIC, Rooms
from ..rooms.settings import notify_in
from ..sql import by_first_table, count_mentions, mentions_behind
from ..tables import MEMBERS, ROOMS, USERS
from .newest import NewestMessages, Version
from .receipts import Receipts
from .view import Counterpart

ONE, PUBLIC_ROOMS, OWN_ROOMS, CONVERSATIONS = 'one', 'public', 'own', 'conversations'  # what is asked for
RECOUNTED_AT_ONCE = 500  # rooms, in one statement
HAS_DIRECT_ONES = (ONE, CONVERSATIONS)
OWN, OTHER = MEMBERS.alias('own'), MEMBERS.alias('other')
SHOWN = [ROOMS.c[name] for name in ('id', 'kind', 'name', 'created_by', 'created_at', 'last_seq', 'last_change',
                                    'member_count', 'invite_code')]
BEFORE_OTHER = len(SHOWN) + 6  # columns: of the room, and what the user is in it, has of it, and is on the server


class Counterparty(NamedTuple):
    """The other one in a direct room: a ShownUser, and how far it has read."""

    id: int
    username: str
    display_name: str
    last_seen: int | None
    created_at: int
    avatar_key: str | None
    room_id: int
    user_id: int
    read_seq: int
    read_at: int | None
    delivered_seq: int
    delivered_at: int | None


SHOWN_OF_OTHER = [*SHOWN_OF_USER, *[OTHER.c[name] for name in Counterparty._fields[len(SHOWN_OF_USER):]]]
ONE_MEMBER = (select(MEMBERS.c.role, MEMBERS.c.joined_at, *SHOWN_OF_USER).join(USERS, USERS.c.id == MEMBERS.c.user_id)
          .where(MEMBERS.c.room_id == bindparam('room'), MEMBERS.c.user_id == bindparam('member')))
MEMBERS_OF_ROOM = by_first_table(
    select(MEMBERS.c.role, MEMBERS.c.joined_at, *SHOWN_OF_USER).join_from(MEMBERS, USERS, USERS.c.id == MEMBERS.c.user_id)
    .where(MEMBERS.c.room_id == bindparam('room'), MEMBERS.c.user_id > bindparam('after'))
    .order_by(MEMBERS.c.user_id).limit(bindparam('most', type_=Integer)))


class Inbox:
    """Lists come as (page, whether there are more)."""

    def __init__(self, *, database: Database, rooms: Rooms, users: Users, blocks: Blocks, receipts: Receipts,
                 newest: NewestMessages) -> None:
        self._database, self._rooms, self._users, self._blocks = database, rooms, users, blocks
        self._receipts, self._newest = receipts, newest
        self._queries = PreparedBy(database, rooms_query)
        self._members = Prepared(database, MEMBERS_OF_ROOM)
        self._member = Prepared(database, ONE_MEMBER)

    # ------------------------------------------------------------------ rooms

    def room(self, user_id: int, room_id: int) -> Room:
        """The Room, for whoever may know of it. Raises NotFound."""
        self._rooms.require_visible(user_id, room_id)
        for room in self._found(user_id, ONE, room=room_id):
            return room
        raise NotFound('There is no such room')

    def public_rooms(self, user_id: int, after: int = 0, limit: int = LONGEST) -> tuple[Sequence[Room], bool]:
        """The public rooms, by id."""
        return cut(self._found(user_id, PUBLIC_ROOMS, after=after, most=limit + 1), limit)

    def own_rooms(self, user_id: int, after: int = 0, limit: int = LONGEST) -> tuple[Sequence[Room], bool]:
        """The public and private rooms that the user is in, by id."""
        return cut(self._found(user_id, OWN_ROOMS, after=after, most=limit + 1), limit)

    def conversations(self, user_id: int, after: int | None = None,
                      limit: int = LONGEST) -> tuple[Sequence[Room], bool]:
        """Every room of the user, pinned ones first, then by the newest message; direct ones once they have a message.

        `after` is the id of a room, as it stands in this order.
        """
        return cut(self._found(user_id, CONVERSATIONS, after=after, most=limit + 1), limit)

    # ------------------------------------------------------------------ members

    def members(self, user_id: int, room_id: int, after: int = 0,
                limit: int = LONGEST) -> tuple[Sequence[Member], bool]:
        """The room's members by user id, for members and admins. Raises NotFound, Forbidden."""
        self._rooms.require_member_or_admin(user_id, room_id)
        rows = self._members.fetch(room=room_id, after=after, most=limit + 1)
        hiding = self._blocks.hiding_from(user_id)
        return cut([self._as_member(row, hiding) for row in rows], limit)

    def member(self, viewer_id: int, room_id: int, user_id: int) -> Member:
        """One member. Raises NotFound."""
        for row in self._member.fetch(room=room_id, member=user_id):
            return self._as_member(row, self._blocks.hiding_from(viewer_id))
        raise NotFound('This user is not in the room')

    def _as_member(self, row: Any, hiding: Collection[int]) -> Member:
        return {'user': self._users.as_object(row, hiding), 'role': row.role, 'joinedAt': iso(row.joined_at)}

    # ------------------------------------------------------------------ objects

    def _found(self, user_id: int, of: str, **parameters: int | None) -> list[Room]:
        rows = self._queries[of, parameters.get('after') is not None].fetch(user=user_id, **parameters)
        hiding: Collection[int] = ()
        others: dict[int, Counterparty] = {}
        if of in HAS_DIRECT_ONES:
            hiding = self._blocks.hiding_from(user_id)
            others = {row.id: Counterparty(*row[BEFORE_OTHER:]) for row in rows if row.kind == DIRECT}
        counterparts = {room_id: self._counterpart(other, hiding) for room_id, other in others.items()}
        versions = {row.id: Version(row.last_seq, row.last_change) for row in rows if row.own_role is not None}
        last = self._newest.of_rooms(user_id, versions, counterparts)
        unread = {row.id: self._unread_count(user_id, row, last.get(row.id)) for row in rows if row.own_role is not None}
        mentions = self._mention_counts(user_id, [row for row in rows if row.mention_count and unread[row.id]])
        return [self._as_object(row, others.get(row.id), last.get(row.id), unread.get(row.id, 0), mentions, hiding)
                for row in rows]

    def _counterpart(self, other: Counterparty, hiding: Collection[int]) -> Counterpart:
        """The other member of a direct room, by its row."""
        return Counterpart(other.user_id, None if other.user_id in hiding else self._receipts.newest(other))

    def _as_object(self, row: Any, other: Counterparty | None, last_message: Message | None, unread: int,
                   mentions: Mapping[int, int], hiding: Collection[int]) -> Room:
        is_member = row.own_role is not None
        described: Room = {
            'id': row.id, 'name': row.name if other is None else other.display_name, 'kind': row.kind,
            'isPrivate': row.kind in (PRIVATE, DIRECT), 'createdBy': row.created_by, 'createdAt': iso(row.created_at),
            'role': row.own_role, 'memberCount': row.member_count,
            'unreadCount': unread, 'mentionCount': mentions.get(row.id, 0),
            'notify': notify_in(row.kind, row.notify) if is_member else None, 'isPinned': bool(row.is_pinned),
            'lastMessage': last_message,
        }
        rules = row.is_server_admin and row.kind in (PUBLIC, LOBBY)
        if is_member and rules:
            described['role'] = ADMIN
        if other is not None:
            described['otherUser'] = self._users.as_object(other, hiding)
        if row.kind in (PUBLIC, PRIVATE) and (row.own_role == ADMIN or rules):
            described['inviteCode'] = row.invite_code
        return described

    def _unread_count(self, user_id: int, row: Any, last_message: Message | None) -> int:
        if row.last_seq <= row.own_read_seq or last_message and last_message['senderId'] == user_id:
            return 0  # everything is read, by sending at the latest
        unread: int = row.last_seq - self._read_seq(user_id, row)
        return max(0, unread)

    def _read_seq(self, user_id: int, row: Any) -> int:
        """How far the user has read."""
        seq: int = max(row.own_read_seq, self._receipts.pending_read(row.id, user_id))
        return seq

    def _mention_counts(self, user_id: int, rows: Sequence[Any]) -> dict[int, int]:
        """{room id: how many unread messages mention the user}, of rows of rooms in which any did, by the database.

        They are counted again where the user has read on since.
        """
        counts: dict[int, int] = {row.id: row.mention_count for row in rows}
        read = [(row.id, seq) for row in rows if (seq := self._read_seq(user_id, row)) > row.own_read_seq]
        for some in pieces(read, RECOUNTED_AT_ONCE):
            counts.update(self._database.fetch(count_mentions(user_id, dict(some)), ()))
        return counts


# ---------------------------------------------------------------------- queries

def rooms_query(of: str, is_continued: bool) -> Select[Any]:
    """The query of rooms, with what the user is in each; parameters: user, most, and room or after."""
    user = bindparam('user', type_=BigInteger)
    is_server_admin = select(USERS.c.is_admin).where(USERS.c.id == user).scalar_subquery()
    columns = [*SHOWN, OWN.c.role.label('own_role'), OWN.c.read_seq.label('own_read_seq'),
               is_server_admin.label('is_server_admin'), OWN.c.notify, OWN.c.is_pinned,
               _mention_count(user)]
    joined = ROOMS.join(OWN, and_(OWN.c.room_id == ROOMS.c.id, OWN.c.user_id == user), isouter=of in (ONE, PUBLIC_ROOMS))
    if of in HAS_DIRECT_ONES:
        direct_id = case((ROOMS.c.kind == DIRECT, ROOMS.c.id))  # NULL elsewhere: the members of no other room are read
        joined = joined.outerjoin(OTHER, and_(OTHER.c.room_id == direct_id, OTHER.c.user_id != user))
        joined = joined.outerjoin(USERS, USERS.c.id == OTHER.c.user_id)
        columns += [column.label(f'other_{column.table.name}_{column.name}') for column in SHOWN_OF_OTHER]
    query = select(*columns).select_from(joined).where(ROOMS.c.deleted_at.is_(None))
    if of == ONE:
        return query.where(ROOMS.c.id == bindparam('room'))
    return _listed(query, of, is_continued).limit(bindparam('most', type_=Integer))


def _mention_count(user: ColumnElement[int]) -> ColumnElement[int]:
    """How many unread messages of each room mention the user, by the database; looked up where any are unread."""
    count = case((ROOMS.c.last_seq > OWN.c.read_seq, mentions_behind(OWN.c.read_seq, user)), else_=0)
    return count.label('mention_count')


def _listed(query: Select[Any], of: str, is_continued: bool) -> Select[Any]:
    """The query with only those rooms that a list is of, in its order."""
    after, public, private = bindparam('after', type_=BigInteger), ROOMS.c.kind == PUBLIC, ROOMS.c.kind == PRIVATE
    if of == PUBLIC_ROOMS:
        return query.where(public, ROOMS.c.id > after).order_by(ROOMS.c.id)
    if of == OWN_ROOMS:  # in the order of the index of the user's rooms
        return query.where(or_(public, private), OWN.c.room_id > after).order_by(OWN.c.room_id)
    query = query.where(or_(ROOMS.c.kind != DIRECT, ROOMS.c.last_seq > 0))
    query = _behind(query) if is_continued else query
    return query.order_by(OWN.c.is_pinned.desc(), ROOMS.c.newest_at.desc(), ROOMS.c.id.desc())


def _behind(query: Select[Any]) -> Select[Any]:
    """The inbox's query behind the room `after`; one that the user is no longer in counts as not pinned."""
    after, newest, pinned = bindparam('after', type_=BigInteger), ROOMS.c.newest_at, OWN.c.is_pinned
    before, own_before = ROOMS.alias(), MEMBERS.alias()
    its_newest = select(before.c.newest_at).where(before.c.id == after).scalar_subquery()
    its_own = select(own_before.c.is_pinned).where(own_before.c.room_id == after, own_before.c.user_id == OWN.c.user_id)
    its_pinned = func.coalesce(its_own.scalar_subquery(), 0)
    is_older = or_(newest < its_newest, and_(newest == its_newest, ROOMS.c.id < after))
    return query.where(or_(pinned < its_pinned, and_(pinned == its_pinned, is_older)))
