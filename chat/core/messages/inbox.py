"""Rooms as one user sees them: lists and the inbox, in a constant number of queries however many rooms there are."""
from sqlalchemy import and_, select

from ...errors import NotFound
from ..lists import LONGEST, cut
from ..machinery.clock import iso
from ..rooms.rooms import ADMIN, DIRECT, LOBBY, PRIVATE, PUBLIC
from ..sql import newest_of_room
from ..tables import MEMBERS, MESSAGES, ROOMS, USERS
from .view import Counterpart


class Inbox:

    def __init__(self, *, database, rooms, users, blocks, receipts, view):
        self._database, self._rooms, self._users = database, rooms, users
        self._blocks, self._receipts, self._view = blocks, receipts, view

    def room(self, user_id, room_id):
        """The Room, for whoever may know of it. Raises NotFound."""
        self._rooms.require_visible(user_id, room_id)
        return self._describe(user_id, self._query(user_id).where(ROOMS.c.id == room_id))[0]

    def public_rooms(self, user_id, after=0, limit=LONGEST):
        """The public rooms by id; returns (page, whether there are more)."""
        return self._page(user_id, self._query(user_id).where(ROOMS.c.kind == PUBLIC), after, limit)

    def own_rooms(self, user_id, after=0, limit=LONGEST):
        """The public and private rooms that the user is in, by id; returns (page, whether there are more)."""
        query = self._query(user_id, only_own=True).where(ROOMS.c.kind.in_((PUBLIC, PRIVATE)))
        return self._page(user_id, query, after, limit)

    def _page(self, user_id, query, after, limit):
        query = query.where(ROOMS.c.id > after, ROOMS.c.deleted_at.is_(None)).order_by(ROOMS.c.id).limit(limit + 1)
        rooms = self._describe(user_id, query)
        return cut(rooms, limit)

    def members(self, user_id, room_id, after=0, limit=LONGEST):
        """The room's members, `{user, role, joinedAt}` by user id; returns (page, whether there are more)."""
        rows = self._rooms.members(user_id, room_id, after, limit)
        users = self._users.by_ids([row.user_id for row in rows], user_id)
        return cut([_member(row, users[row.user_id]) for row in rows], limit)

    def member(self, viewer_id, room_id, user_id):
        """One member, as in `members`. Raises NotFound."""
        row = self._database.row(select(MEMBERS).where(MEMBERS.c.room_id == room_id, MEMBERS.c.user_id == user_id))
        if row is None:
            raise NotFound('This user is not in the room')
        return _member(row, self._users.by_ids([user_id], viewer_id)[user_id])

    def conversations(self, user_id, after=None, limit=LONGEST):
        """Every room of the user, the one with the newest message first; direct ones only once they have a message.

        `after` is the id of a room, as it stands in this order; returns (page, whether there are more).
        """
        newest = ROOMS.c.newest_at
        query = self._query(user_id, only_own=True).where((ROOMS.c.kind != DIRECT) | (ROOMS.c.last_seq > 0))
        if after is not None:
            its_newest = select(newest).where(ROOMS.c.id == after).correlate(None).scalar_subquery()
            query = query.where((newest < its_newest) | ((newest == its_newest) & (ROOMS.c.id < after)))
        rooms = self._describe(user_id, query.order_by(newest.desc(), ROOMS.c.id.desc()).limit(limit + 1))
        return cut(rooms, limit)

    # ------------------------------------------------------------------ objects

    def _query(self, user_id, only_own=False):
        return select(ROOMS, *(column.label(f'own_{column.name}') for column in MEMBERS.c)).select_from(ROOMS.join(
            MEMBERS, and_(MEMBERS.c.room_id == ROOMS.c.id, MEMBERS.c.user_id == user_id), isouter=not only_own))

    def _describe(self, user_id, query):
        rows = self._database.rows(query)
        own = [row for row in rows if row.own_user_id is not None]
        others = self._others(user_id, [row.id for row in own if row.kind == DIRECT])
        last = self._last_messages(user_id, own, others)
        is_server_admin = self._rooms.is_server_admin(user_id)
        return [self._as_object(user_id, row, others.get(row.id), last.get(row.id), is_server_admin)
                for row in rows]

    def _others(self, user_id, direct_ids):
        """{direct room id: the row of its other member, with that user's public columns}."""
        if not direct_ids:
            return {}
        query = (select(MEMBERS, *self._users.public_columns).join(USERS, USERS.c.id == MEMBERS.c.user_id)
                 .where(MEMBERS.c.room_id.in_(direct_ids), MEMBERS.c.user_id != user_id))
        return {row.room_id: row for row in self._database.rows(query)}

    def _last_messages(self, user_id, rows, others):
        """{room id: Message} of the rooms' newest messages."""
        written = [row.id for row in rows if row.last_seq]
        if not written:
            return {}
        newest = newest_of_room(MESSAGES.c.id)
        ids = select(newest.label('id')).where(ROOMS.c.id.in_(written)).subquery()
        found = self._database.rows(select(MESSAGES).join(ids, ids.c.id == MESSAGES.c.id))
        counterparts = {room_id: self._counterpart(user_id, row) for room_id, row in others.items()}
        return {message['roomId']: message for message in self._view.for_viewer(user_id, found, counterparts)}

    def _counterpart(self, user_id, row):
        """The other member of a direct room, by its row."""
        is_hidden = self._blocks.hides(row.user_id, user_id)
        return Counterpart(row.user_id, None if is_hidden else self._receipts.newest(row))

    def _as_object(self, user_id, row, other, last_message, is_server_admin):
        is_member = row.own_user_id is not None
        described = {
            'id': row.id, 'name': other.display_name if other is not None else row.name, 'kind': row.kind,
            'isPrivate': row.kind in (PRIVATE, DIRECT), 'createdBy': row.created_by, 'createdAt': iso(row.created_at),
            'role': row.own_role, 'memberCount': row.member_count,
            'unreadCount': self._unread_count(user_id, row, last_message) if is_member else 0,
            'lastMessage': last_message,
        }
        rules = is_server_admin and row.kind in (PUBLIC, LOBBY)
        if is_member and rules:
            described['role'] = ADMIN
        if row.kind == DIRECT:
            described['otherUser'] = self._users.as_object(other, user_id)
        if row.kind in (PUBLIC, PRIVATE) and (row.own_role == ADMIN or rules):
            described['inviteCode'] = row.invite_code
        return described

    def _unread_count(self, user_id, row, last_message):
        if last_message and last_message['senderId'] == user_id:
            return 0  # sending reads everything before it
        return max(0, row.last_seq - self._read_seq(row))

    def _read_seq(self, row):
        pending = self._receipts.pending_read(row.id, row.own_user_id)
        return max(row.own_read_seq, pending)


def _member(row, user):
    return {'user': user, 'role': row.role, 'joinedAt': iso(row.joined_at)}
