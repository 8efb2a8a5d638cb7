"""Messages: who may send what where, how a stored one looks, and how histories are paged."""
from itertools import product

from sqlalchemy import Integer, bindparam, func, select, union_all

from ...errors import Invalid, RateLimited, TooLarge
from ..machinery.clock import iso
from ..machinery.publisher import EVERYONE, Event
from ..machinery.statements import Prepared
from ..rooms.rooms import DIRECT, LOBBY, direct_key
from ..tables import MEMBERS, MESSAGES, ROOMS
from .emoji import is_only_emoji
from .queries import by_room
from .receipts import times
from .store import Draft

SHOWN = [column for column in MESSAGES.c if column.name not in ('nonce', 'edited_at', 'deleted_at')]  # to clients
NOTHING_SEEN = None, None  # receipts
TEXT, EMOJI = 'text', 'emoji'  # types of messages without attachments
MAX_LENGTH = 4000  # code points
ROOMS_AT_ONCE = 50  # that one query merges
ABOVE_ALL = 2**53  # an id beyond every message


class Messages:

    def __init__(self, database, rooms, users, blocks, receipts, uploads, limits, publisher):
        self._database, self._rooms, self._users, self._blocks = database, rooms, users, blocks
        self._receipts, self._uploads, self._limits, self._publisher = receipts, uploads, limits, publisher
        self._pages = {kind: Prepared(database, room_page(*kind)) for kind in product((False, True), repeat=2)}
        self.writer = None  # set once by the core, since the writer tells this object what it stored

    # ------------------------------------------------------------------ sending

    def send(self, sender_id, room, *, content, attachment_ids=None, reply_to_id=None, client_id=None, given=None,
             origin=None, done):
        """Gate, charge and queue a message to a LiveRoom that the sender is in.

        `attachment_ids` are uploads of the sender, in order. `given` is what a client says of its own message, for
        dialects that pass it on; it is not stored.
        `done(message, error, duplicate)` is called once, after the commit, and must not wait; sends of one caller are
        answered in the order of these calls. Raises Forbidden, Invalid, TooLarge, RateLimited, Unavailable.
        """
        content = content.strip()
        attachments = self._attachments(sender_id, content, attachment_ids, client_id)
        if len(content) > MAX_LENGTH:
            raise TooLarge(f'A message has at most {MAX_LENGTH} characters')
        if room.kind == DIRECT:
            self._blocks.require_welcome(sender_id, room.other(sender_id))
        self._check_reply(room, reply_to_id)
        charge = self._charge(sender_id, room, client_id)

        def settle(stored, error):
            if charge and (error or stored.duplicate):
                self._limits.give_back(*charge)
            done(stored and self._message(stored.row, room, stored.attachments), error, bool(stored and stored.duplicate))

        author = self._users.display_name(sender_id) if room.kind == LOBBY else None
        kind = attachments[0].kind if attachments else EMOJI if is_only_emoji(content) else TEXT
        draft = Draft(room, sender_id, kind, content, reply_to_id, client_id, origin, settle, author, given or {},
                      attachments)
        try:
            self.writer.put(draft)
        except BaseException:
            if charge:
                self._limits.give_back(*charge)
            raise

    def _attachments(self, sender_id, content, ids, client_id):
        """The rows of what goes along. Raises Invalid, but for a repetition, which is answered with what was stored."""
        try:
            if not content and not ids:
                raise Invalid(content='is empty: send some text or a file')
            return self._uploads.unsent(sender_id, ids) if ids else ()
        except Invalid:
            if not self.is_repetition(sender_id, client_id):
                raise
            return ()

    def _charge(self, sender_id, room, client_id):
        name = 'direct' if room.kind in (DIRECT, LOBBY) else 'messages'
        charge = name, sender_id, room.id
        try:
            self._limits.charge(*charge)
        except RateLimited:
            if not self.is_repetition(sender_id, client_id):
                raise
            return None  # it costs nothing
        return charge

    def is_repetition(self, sender_id, client_id):
        """Whether the sender's message with this clientId is stored already."""
        return client_id is not None and self._database.row(select(MESSAGES.c.id).where(
            MESSAGES.c.sender_id == sender_id, MESSAGES.c.client_id == client_id.encode())) is not None

    def _check_reply(self, room, reply_to_id):
        if reply_to_id is not None:
            row = self._database.row(select(MESSAGES.c.room_id).where(MESSAGES.c.id == reply_to_id))
            if row is None or row.room_id != room.id:
                raise Invalid(replyToId='is no message of this conversation')

    def to_user(self, sender_id, receiver_id):
        """The LiveRoom in which the sender writes to that user. Raises NotFound for a missing one, Invalid for self."""
        direct_key(sender_id, receiver_id)
        self._users.require_receiver(receiver_id)
        self._blocks.require_welcome(sender_id, receiver_id)
        return self._rooms.direct(sender_id, receiver_id)

    def publish_stored(self, drafts):
        """Tell those concerned of messages that were committed."""
        for draft in drafts:
            draft.room = self._rooms.kept(draft.room)
        self._receipts.sent(drafts)
        self._publisher.publish(*[event for draft in drafts for event in stored_events(
            draft, self._message(draft, draft.room, draft.attachments))])

    def _message(self, row, room, attachments):
        """The Message of a stored row or draft; that of a draft is made once."""
        message = row.message if isinstance(row, Draft) else None
        if message is None:
            message = in_room(row, room, attachments=self._uploads.as_objects(attachments))
            if isinstance(row, Draft):
                row.message = message
        return message

    # ------------------------------------------------------------------ histories

    def direct_history(self, user_id, other_id, page):
        """A Page of the direct messages between two users; returns (messages, whether there are more)."""
        room_id = self._rooms.find_direct(user_id, other_id)
        if room_id is None:
            self._users.require_active(other_id)
            return [], False
        return self.room_history(user_id, room_id, page)

    def room_history(self, user_id, room_id, page):
        """A Page of a room's messages, for a member. Raises NotFound, Forbidden."""
        room = self._rooms.require_member(user_id, room_id)
        page = page.placed(lambda at: self.first_at(at, room.id))
        rows = self._pages[page.before is not None, page.is_forward].fetch(
            room=room.id, before=page.before, after=page.after, most=page.limit + 1)
        attached = self._uploads.of_messages(rows)
        if room.kind != DIRECT:
            return page.cut([as_object(row, None, NOTHING_SEEN, attached.get(row.id, ())) for row in rows])
        mark = self._receipts.of_direct(room, user_id) if rows else None
        return page.cut([self._for_viewer(user_id, row, room, mark, attached) for row in rows])

    def _for_viewer(self, user_id, row, room, mark, attached):
        """The Message, with the receipts of the other one's Watermark for the sender of a direct message."""
        seen = times(mark, row.seq) if row.sender_id == user_id else NOTHING_SEEN
        return in_room(row, room, seen, attached.get(row.id, ()))

    def first_at(self, at, room_id=None):
        """The id of the first message (of a room) sent at that time (ms) or later; above all if there is none.

        A binary search by an index, since ids and times of a room grow together; over all rooms they do nearly.
        """
        of_room = () if room_id is None else (MESSAGES.c.room_id == room_id,)
        low, high = 0, self._database.scalar(select(func.max(MESSAGES.c.id)).where(*of_room)) or 0
        first = ABOVE_ALL
        while low < high:
            middle = (low + high) // 2
            row = self._database.row(by_room(select(MESSAGES.c.id, MESSAGES.c.created_at), room_id).where(
                MESSAGES.c.id > middle, *of_room).order_by(MESSAGES.c.id).limit(1))
            if row is None:  # the newest ones were deleted meanwhile
                high = middle
            elif row.created_at >= at:
                first, high = row.id, middle
            else:
                low = row.id
        return first

    def all_history(self, user_id, page, kind=None):
        """A Page of the messages of all the user's rooms, or of those of one kind."""
        page = page.placed(self.first_at)
        ids = self._newest_ids(user_id, page, kind)
        if not ids:
            return [], False
        order = MESSAGES.c.id if page.is_forward else MESSAGES.c.id.desc()
        rows = self._database.rows(select(MESSAGES).where(MESSAGES.c.id.in_(ids)).order_by(order))
        live = {row.room_id: self._rooms.find(row.room_id) for row in rows}
        marks = {room_id: self._receipts.of_direct(room, user_id) for room_id, room in live.items() if room}
        attached = self._uploads.of_messages(rows)
        return page.cut([self._for_viewer(user_id, row, live[row.room_id], marks[row.room_id], attached)
                         for row in rows if live[row.room_id]])

    def _newest_ids(self, user_id, page, kind):
        """The ids of a page (and one more) of all the user's rooms, the first one first.

        Only the rooms whose own newest message (oldest, after a cursor) comes first can hold the first of all: they are
        looked through some at a time, each by its index, until what is left can't hold any more of the page.
        """
        end = func.min(MESSAGES.c.id) if page.is_forward else func.max(MESSAGES.c.id)
        top = page.bound(select(end).where(MESSAGES.c.room_id == MEMBERS.c.room_id)).scalar_subquery()
        rooms = select(MEMBERS.c.room_id, top.label('top')).where(MEMBERS.c.user_id == user_id)
        if kind is not None:
            rooms = rooms.join(ROOMS, ROOMS.c.id == MEMBERS.c.room_id).where(ROOMS.c.kind == kind)
        rooms = rooms.subquery()
        order = rooms.c.top if page.is_forward else rooms.c.top.desc()
        first = select(rooms).where(rooms.c.top.is_not(None)).order_by(order).limit(page.limit + 1)
        ids, found = [], self._database.rows(first)
        for start in range(0, len(found), ROOMS_AT_ONCE):
            some = found[start:start + ROOMS_AT_ONCE]
            if len(ids) > page.limit and not page.comes_before(some[0].top, ids[-1]):
                break
            parts = [page.narrow(by_room(select(MESSAGES.c.id)).where(MESSAGES.c.room_id == row.room_id)).subquery()
                     for row in some]
            merged = union_all(*[select(part) for part in parts]).subquery()
            best = page.order(select(merged.c.id), merged.c.id).limit(page.limit + 1)
            ids += [row.id for row in self._database.rows(best)]
            ids = sorted(ids, reverse=not page.is_forward)[:page.limit + 1]
        return ids


class Page:
    """A piece of a list of messages by id: the newest `limit` before `before`, or the oldest after `after`.

    `before_time` (ms) stands in for `before` until the page is `placed` in a list.
    """

    def __init__(self, limit, before=None, after=None, before_time=None):
        self.limit, self.before, self.after, self.before_time = limit, before, after, before_time

    def placed(self, first_at):
        """The page with an id for its time, of which `first_at(time)` knows."""
        if self.before_time is None:
            return self
        return Page(self.limit, first_at(self.before_time), self.after)

    def comes_before(self, one_id, other_id):
        """Whether one id stands before the other in the order of this page."""
        return one_id < other_id if self.is_forward else one_id > other_id

    def order(self, query, column):
        """The query in the order of this page."""
        return query.order_by(column if self.is_forward else column.desc())

    @property
    def is_forward(self):
        return self.after is not None

    def bound(self, query):
        """The query, with only the ids within this page's bounds."""
        if self.after is not None:
            query = query.where(MESSAGES.c.id > self.after)
        if self.before is not None:
            query = query.where(MESSAGES.c.id < self.before)
        return query

    def narrow(self, query):
        """The query, for one more row than the page has, to see whether there are more."""
        return self.order(self.bound(query), MESSAGES.c.id).limit(self.limit + 1)

    def cut(self, items):
        """(the page's items, oldest first, whether there are more) of what `narrow` found."""
        page = items[:self.limit]
        return (page if self.is_forward else page[::-1]), len(items) > self.limit


def room_page(has_before, has_after):
    """The query of a Page of the messages of a room, with parameters: room, most, and before or after where it has any."""
    page = Page(None, bindparam('before') if has_before else None, bindparam('after') if has_after else None)
    of_room = by_room(select(*SHOWN)).where(MESSAGES.c.room_id == bindparam('room'))
    return page.order(page.bound(of_room), MESSAGES.c.id).limit(bindparam('most', type_=Integer))


def in_room(row, room, receipts=NOTHING_SEEN, attachments=()):
    """The Message of a stored row (or draft) in its LiveRoom."""
    return as_object(row, room.other(row.sender_id) if room.kind == DIRECT else None, receipts, attachments)


def as_object(row, receiver_id, receipts=NOTHING_SEEN, attachments=()):
    """The Message of a stored row (or draft) with its Attachments; `receipts` are its delivered and read times."""
    return {
        'id': row.id, 'roomId': row.room_id, 'senderId': row.sender_id, 'receiverId': receiver_id,
        'type': row.type, 'content': row.content, 'attachments': list(attachments), 'replyToId': row.reply_to_id,
        'clientId': row.client_id.decode() if isinstance(row.client_id, bytes) else row.client_id,
        'reactions': [], 'createdAt': iso(row.created_at), 'editedAt': None, 'deletedAt': None,
        'deliveredAt': iso(receipts[0]), 'readAt': iso(receipts[1]),
    }


def stored_events(draft, message):
    """The events of a message that was just stored."""
    room = draft.room
    if room.kind == DIRECT:
        return (Event('direct_message', message, (message['receiverId'],)),
                Event('direct_message_sent', message, (draft.sender_id,), draft.origin))
    if room.kind == LOBBY:
        return (Event('lobby_message', {'message': message, 'author': draft.author, 'given': draft.given}, EVERYONE,
                      author=draft.sender_id),)
    return (Event('room_message', message, room.members, author=draft.sender_id),)
