"""Rooms as one user sees them: lists and the inbox, each in one query however many rooms there are."""
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, Select, and_, bindparam, case, or_, select

from ...errors import NotFound
from ..accounts.blocks import Blocks
from ..accounts.users import SHOWN as SHOWN_OF_USER
from ..accounts.users import Users
from ..lists import LONGEST, cut
from ..machinery.clock import iso
from ..machinery.database import Database
from ..machinery.statements import PreparedBy
from ..objects import Member, Message, Room
from ..rooms.rooms import ADMIN, DIRECT, LOBBY, PRIVATE, PUBLIC, Rooms
from ..sql import newest_of_room
from ..tables import MEMBERS, MESSAGES, ROOMS, USERS
from .histories import SHOWN as SHOWN_OF_MESSAGE
from .histories import ShownMessage
from .receipts import Receipts
from .view import Counterpart, MessageView

ONE, PUBLIC_ROOMS, OWN_ROOMS, CONVERSATIONS = 'one', 'public', 'own', 'conversations'  # what is asked for
HAS_DIRECT_ONES = (ONE, CONVERSATIONS)
OWN, OTHER, LAST = MEMBERS.alias('own'), MEMBERS.alias('other'), MESSAGES.alias('last')
SHOWN = [ROOMS.c[name] for name in ('id', 'kind', 'name', 'created_by', 'created_at', 'last_seq', 'newest_at',
                                    'member_count', 'invite_code')]
BEFORE_LAST = len(SHOWN) + 3  # columns: of the room, and what the user is in it and on the server
BEFORE_OTHER = BEFORE_LAST + len(SHOWN_OF_MESSAGE)


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


class Inbox:
    """Lists come as (page, whether there are more)."""

    def __init__(self, *, database: Database, rooms: Rooms, users: Users, blocks: Blocks, receipts: Receipts,
                 view: MessageView) -> None:
        self._rooms, self._users, self._blocks = rooms, users, blocks
        self._receipts, self._view = receipts, view
        self._queries, self._members = PreparedBy(database, rooms_query), PreparedBy(database, members_query)

    # ------------------------------------------------------------------ rooms

    def room(self, user_id: int, room_id: int) -> Room:
        """The Room, for whoever may know of it. Raises NotFound."""
        self._rooms.require_visible(user_id, room_id)
        for room in self._found(user_id, ONE, room=room_id, most=1):
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
        """Every room of the user, the one with the newest message first; direct ones only once they have a message.

        `after` is the id of a room, as it stands in this order.
        """
        return cut(self._found(user_id, CONVERSATIONS, after=after, most=limit + 1), limit)

    # ------------------------------------------------------------------ members

    def members(self, user_id: int, room_id: int, after: int = 0,
                limit: int = LONGEST) -> tuple[Sequence[Member], bool]:
        """The room's members by user id, for members and admins. Raises NotFound, Forbidden."""
        self._rooms.require_member_or_admin(user_id, room_id)
        rows = self._members[False,].fetch(room=room_id, after=after, most=limit + 1)
        hiding = self._blocks.hiding_from(user_id)
        return cut([self._member(row, hiding) for row in rows], limit)

    def member(self, viewer_id: int, room_id: int, user_id: int) -> Member:
        """One member. Raises NotFound."""
        for row in self._members[True,].fetch(room=room_id, member=user_id):
            return self._member(row, self._blocks.hiding_from(viewer_id))
        raise NotFound('This user is not in the room')

    def _member(self, row: Any, hiding: Collection[int]) -> Member:
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
        newest = [ShownMessage(*row[BEFORE_LAST:BEFORE_OTHER]) for row in rows if row[BEFORE_LAST] is not None]
        last = {message['roomId']: message for message in self._view.for_viewer(user_id, newest, counterparts)}
        return [self._as_object(user_id, row, others.get(row.id), last.get(row.id), hiding) for row in rows]

    def _counterpart(self, other: Counterparty, hiding: Collection[int]) -> Counterpart:
        """The other member of a direct room, by its row."""
        return Counterpart(other.user_id, None if other.user_id in hiding else self._receipts.newest(other))

    def _as_object(self, user_id: int, row: Any, other: Counterparty | None, last_message: Message | None,
                   hiding: Collection[int]) -> Room:
        is_member = row.own_role is not None
        described: Room = {
            'id': row.id, 'name': row.name if other is None else other.display_name, 'kind': row.kind,
            'isPrivate': row.kind in (PRIVATE, DIRECT), 'createdBy': row.created_by, 'createdAt': iso(row.created_at),
            'role': row.own_role, 'memberCount': row.member_count,
            'unreadCount': self._unread_count(user_id, row, last_message) if is_member else 0,
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
        if last_message and last_message['senderId'] == user_id:
            return 0  # sending reads everything before it
        unread: int = row.last_seq - max(row.own_read_seq, self._receipts.pending_read(row.id, user_id))
        return max(0, unread)


# ---------------------------------------------------------------------- queries

def rooms_query(of: str, is_continued: bool) -> Select[Any]:
    """The query of rooms, first the page of them and then what hangs on each; parameters: user, most, room or after."""
    page = page_query(of, is_continued).limit(bindparam('most', type_=Integer)).subquery('page')
    is_server_admin = select(USERS.c.is_admin).where(USERS.c.id == bindparam('user')).scalar_subquery()
    last = [LAST.c[column.name].label(f'newest_{column.name}') for column in SHOWN_OF_MESSAGE]
    own_id = case((page.c.own_role.is_not(None), page.c.id))  # NULL elsewhere: what is said there is not shown
    joined = page.outerjoin(LAST, LAST.c.id == newest_of_room(MESSAGES.c.id, own_id))
    query = select(*page.c, is_server_admin.label('is_server_admin'), *last)
    if of in HAS_DIRECT_ONES:
        direct_id = case((page.c.kind == DIRECT, page.c.id))  # NULL elsewhere: the members of no other room are looked at
        joined = joined.outerjoin(OTHER, and_(OTHER.c.room_id == direct_id, OTHER.c.user_id != bindparam('user')))
        joined = joined.outerjoin(USERS, USERS.c.id == OTHER.c.user_id)
        query = query.add_columns(*[column.label(f'other_{column.table.name}_{column.name}')
                                    for column in SHOWN_OF_OTHER])
    order = [page.c.newest_at.desc(), page.c.id.desc()] if of == CONVERSATIONS else [page.c.id]
    return query.select_from(joined).order_by(*order)


def page_query(of: str, is_continued: bool) -> Select[Any]:
    """The query of the rooms alone, in their order, with what the user is in each."""
    is_own = and_(OWN.c.room_id == ROOMS.c.id, OWN.c.user_id == bindparam('user'))
    query = (select(*SHOWN, OWN.c.role.label('own_role'), OWN.c.read_seq.label('own_read_seq'))
             .select_from(ROOMS.join(OWN, is_own, isouter=of in (ONE, PUBLIC_ROOMS)))
             .where(ROOMS.c.deleted_at.is_(None)))
    if of == ONE:
        return query.where(ROOMS.c.id == bindparam('room'))
    if of == CONVERSATIONS:
        query = query.where(or_(ROOMS.c.kind != DIRECT, ROOMS.c.last_seq > 0))
        return (_behind(query) if is_continued else query).order_by(ROOMS.c.newest_at.desc(), ROOMS.c.id.desc())
    kinds = ROOMS.c.kind == PUBLIC if of == PUBLIC_ROOMS else or_(ROOMS.c.kind == PUBLIC, ROOMS.c.kind == PRIVATE)
    return query.where(kinds, ROOMS.c.id > bindparam('after')).order_by(ROOMS.c.id)


def _behind(query: Select[Any]) -> Select[Any]:
    """The inbox's query behind the room `after`."""
    after, newest = bindparam('after', type_=BigInteger), ROOMS.c.newest_at
    before = ROOMS.alias()
    its_newest = select(before.c.newest_at).where(before.c.id == after).scalar_subquery()
    return query.where(or_(newest < its_newest, and_(newest == its_newest, ROOMS.c.id < after)))


def members_query(is_one: bool) -> Select[Any]:
    """The query of a room's members; parameters: room, and member, or after and most."""
    query = (select(MEMBERS.c.role, MEMBERS.c.joined_at, *SHOWN_OF_USER).join(USERS, USERS.c.id == MEMBERS.c.user_id)
             .where(MEMBERS.c.room_id == bindparam('room')))
    if is_one:
        return query.where(MEMBERS.c.user_id == bindparam('member'))
    return (query.where(MEMBERS.c.user_id > bindparam('after')).order_by(MEMBERS.c.user_id)
            .limit(bindparam('most', type_=Integer)))
