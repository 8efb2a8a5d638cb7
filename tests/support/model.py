"""A chat in plain Python, as docs/contract.md has it: rooms, members, messages, and what becomes of them.

Each thing that a user may do answers with the status that the server must answer with, and is done if that is below 400.
Users are their ids. What only the server can choose (ids, times, invite codes) the model is told, and holds the server to.
"""
from collections.abc import Iterator
from dataclasses import dataclass, field

NEWEST_OF_ROOM = 50  # messages of a room that is new to a client that catches up
EMOJI_ONLY = {'👍', '👍🎉', '👨‍👩‍👧‍👦'}
PICTURES = {'❤': '❤️'}  # emoji that are kept in another form than they may come in
OK, CREATED, DONE = 200, 201, 204
FORBIDDEN, MISSING, CONFLICT, INVALID = 403, 404, 409, 422


@dataclass(eq=False)
class Stay:
    """A user in a room, from its coming to its going: numbers are of messages, as of then."""

    role: str
    began: int = 0
    read: int = 0


@dataclass(eq=False)
class Room:
    """A conversation; its members are in the order of their coming."""

    id: int
    kind: str
    name: str
    created_by: int | None = None
    code: str | None = None
    members: dict[int, Stay] = field(default_factory=dict)
    former: set[int] = field(default_factory=set)  # who has ever left
    banned: set[int] = field(default_factory=set)
    messages: list['Message'] = field(default_factory=list)
    is_removed: bool = False

    def refuses(self, user):
        """The status for who is not in it; None for a member."""
        if user in self.members:
            return None
        return FORBIDDEN if self.kind == 'public' and not self.is_removed else MISSING

    def refuses_as_admin(self, user):
        """The status for who does not rule it; None for its admins."""
        return self.refuses(user) or (None if self.members[user].role == 'admin' else FORBIDDEN)

    def other(self, user):
        """The other one of a direct room."""
        return next(member for member in self.members if member != user)

    def admins(self):
        return [user for user, stay in self.members.items() if stay.role == 'admin']

    def remove(self, user):
        """The user is no longer in; if nobody rules the room then, the longest-standing member does."""
        del self.members[user]
        self.former.add(user)
        if self.members and not self.admins():
            next(iter(self.members.values())).role = 'admin'


@dataclass(eq=False)
class Message:
    """A message; `shown` is what everybody sees of it, but for reactions, which are (emoji, user) in their order."""

    room: Room
    author: int
    number: int  # in its room, from 1
    shown: dict
    reactions: list[tuple[str, int]] = field(default_factory=list)

    @property
    def id(self):
        return self.shown['id']

    @property
    def address(self):
        return f'/api/rooms/{self.room.id}/messages/{self.id}'

    @property
    def is_deleted(self):
        return self.shown['deletedAt'] is not None

    def for_everyone(self):
        """The Message as it is now, without receipts."""
        users_of = {}
        for emoji, user in self.reactions:
            users_of.setdefault(emoji, []).append(user)
        reactions = [{'emoji': emoji, 'userIds': users} for emoji, users in users_of.items()]
        return {**self.shown, 'reactions': reactions, 'deliveredAt': None, 'readAt': None}


class Chat:
    """All that a few users of a server do among themselves."""

    def __init__(self, users, lobby_id):
        self.users = list(users)
        self.lobby = Room(lobby_id, 'lobby', '', members={user: Stay('member') for user in users})
        self.rooms = [self.lobby]
        self.messages: list[Message] = []  # by id
        self.sent_as: dict[tuple[int, str], Message] = {}  # by sender and clientId
        self.unsure: set[tuple[int, str]] = set()  # of messages of removed rooms, which go at a time of the server's choice
        self.old_codes: list[str] = []
        self.blocks: set[tuple[int, int]] = set()  # (who blocks, who is blocked)
        self.touched: list[Message] = []  # messages that are new or not as they were, until somebody clears it

    # ------------------------------------------------------------------ what there is to see

    def rooms_of(self, user) -> Iterator[Room]:
        """The rooms that the user is in, by id."""
        return (room for room in sorted(self.rooms, key=lambda room: room.id) if user in room.members)

    def outside(self, room) -> list[int]:
        """Who is not in a room."""
        return [user for user in self.users if user not in room.members]

    def inbox(self, user) -> list[Room]:
        """The user's conversations, the newest first; the lobby only if one of these users has written there."""
        rooms = [room for room in self.rooms_of(user) if room.messages or room.kind in ('public', 'private')]
        return sorted(rooms, key=lambda room: (room.messages[-1].id if room.messages else 0, room.id), reverse=True)

    def unread(self, user, room):
        """How many messages of others came after the last one that the user has read."""
        return sum(message.author != user for message in room.messages[room.members[user].read:])

    def seen_by(self, user, message):
        """The Message as the user sees it now; of times of receipts only whether there is one."""
        room, is_read = message.room, False
        if room.kind == 'direct' and message.author == user:
            reader = room.other(user)
            is_read = room.members[reader].read >= message.number and (reader, user) not in self.blocks
        return {**message.for_everyone(), 'deliveredAt': is_read, 'readAt': is_read}

    def direct(self, user, other) -> Room | None:
        """The direct room of two users, once it has a message."""
        return next((room for room in self.rooms if room.kind == 'direct' and {user, other} == set(room.members)), None)

    # ------------------------------------------------------------------ rooms

    def made(self, user, room_id, name, is_private, code):
        room = Room(room_id, 'private' if is_private else 'public', name, user, code, {user: Stay('admin')})
        self.rooms.append(room)
        return room

    def join(self, user, room) -> int:
        """By its id."""
        if user not in room.members:
            if room.kind != 'public' or room.is_removed or user in room.banned:
                return FORBIDDEN
            self._enter(user, room)
        return FORBIDDEN if room.kind == 'direct' else OK

    def join_by_code(self, user, code) -> tuple[int, Room | None]:
        room = next((room for room in self.rooms if room.code == code and not room.is_removed), None)
        if room is None:
            return MISSING, None
        if user not in room.members:
            self._enter(user, room)
        return OK, room

    def _enter(self, user, room):
        room.banned.discard(user)
        count = len(room.messages)
        room.members[user] = Stay('member' if room.members else 'admin', count, count)

    def leave(self, user, room) -> int:
        refusal = room.refuses(user) or (FORBIDDEN if room.kind in ('direct', 'lobby') else None)
        if refusal is None:
            room.remove(user)
        return refusal or DONE

    def remove_member(self, admin, room, user) -> int:
        refusal = room.refuses_as_admin(admin) or (None if user in room.members else MISSING)
        if refusal is None:
            room.remove(user)
            room.banned.add(user)
        return refusal or DONE

    def renew_code(self, admin, room) -> int:
        return room.refuses_as_admin(admin) or OK

    def code_is(self, room, code):
        """The room has another invite code than before."""
        self.old_codes.append(room.code)
        room.code = code

    def change_role(self, admin, room, user, role) -> int:
        refusal = room.refuses_as_admin(admin) or (None if user in room.members else MISSING)
        if refusal is None and role == 'member' and room.admins() == [user]:
            refusal = CONFLICT
        if refusal is None:
            room.members[user].role = role
        return refusal or OK

    def rename(self, admin, room, name) -> int:
        refusal = room.refuses_as_admin(admin)
        if refusal is None:
            room.name = name
        return refusal or OK

    def remove_room(self, admin, room) -> int:
        refusal = room.refuses_as_admin(admin)
        if refusal is None:
            room.members.clear()
            room.is_removed = True
            self.messages = [message for message in self.messages if message.room is not room]
            self.unsure |= {key for key, message in self.sent_as.items() if message.room is room}
        return refusal or DONE

    # ------------------------------------------------------------------ messages

    def send(self, user, room, receiver=None, *, content, client_id=None, reply_to=None) -> int:
        """To a room, or to a receiver, with whom there may be no room yet.

        CREATED for a message that is then to be `sent`, OK for a repetition.
        """
        if receiver == user:
            return INVALID
        refusal = room.refuses(user) or self._unwelcome(user, room) if room is not None \
            else FORBIDDEN if (receiver, user) in self.blocks else None
        if refusal is not None:
            return refusal
        first = self.sent_as.get((user, client_id))
        if (not content.strip() and first is None) or (reply_to is not None and reply_to.room is not room):
            return INVALID
        if first is not None:
            return OK if first.room is room else CONFLICT
        return CREATED

    def _unwelcome(self, user, room):
        return FORBIDDEN if room.kind == 'direct' and (room.other(user), user) in self.blocks else None

    def sent(self, shown, user, room, receiver=None, *, content, client_id=None, reply_to=None) -> Message:
        """The server has stored a new message, and shows it so."""
        if room is None:
            room = Room(shown['roomId'], 'direct', '', members={user: Stay('member'), receiver: Stay('member')})
            self.rooms.append(room)
        content = content.strip()
        message = Message(room, user, len(room.messages) + 1, {
            'id': shown['id'], 'roomId': room.id, 'senderId': user, 'receiverId': room.other(user) if room.kind == 'direct' else None,
            'type': type_of(content), 'content': content, 'attachments': [], 'replyToId': reply_to and reply_to.id,
            'clientId': client_id, 'mentions': [], 'createdAt': shown['createdAt'], 'editedAt': None, 'deletedAt': None})
        room.messages.append(message)
        room.members[user].read = message.number
        self.messages.append(message)
        self.touched.append(message)
        if client_id is not None:
            self.sent_as[user, client_id] = message
        return message

    def edit(self, user, message, content) -> int:
        room, content = message.room, content.strip()
        refusal = room.refuses(user) or self._unwelcome(user, room) or (FORBIDDEN if message.author != user else None) \
            or (CONFLICT if message.is_deleted else None) or (None if content else INVALID)
        if refusal is None and content != message.shown['content']:
            message.shown |= {'content': content, 'type': type_of(content)}
            self.touched.append(message)
        return refusal or OK

    def delete(self, user, message) -> int:
        """DONE for one that is deleted, now or already."""
        room = message.room
        refusal = room.refuses(user)
        if refusal is None and message.author != user and room.members[user].role != 'admin':
            refusal = FORBIDDEN
        if refusal is None and not message.is_deleted:
            message.shown |= {'content': '', 'type': 'text', 'deletedAt': 'now'}
            message.reactions.clear()
            self.touched.append(message)
        return refusal or DONE

    def react(self, user, message, emoji, is_removal) -> int:
        refusal = (INVALID if emoji.isascii() else None) or message.room.refuses(user) \
            or self._unwelcome(user, message.room) or (CONFLICT if message.is_deleted else None)
        reaction = PICTURES.get(emoji, emoji), user
        if refusal is None and (reaction in message.reactions) == is_removal:
            (message.reactions.remove if is_removal else message.reactions.append)(reaction)
            self.touched.append(message)
        return refusal or OK

    def read(self, user, room, message) -> int:
        refusal = room.refuses(user) or (MISSING if message.room is not room else None)
        if refusal is None:
            stay = room.members[user]
            stay.read = max(stay.read, message.number)
        return refusal or DONE

    def block(self, user, other, is_block) -> int:
        if user == other:
            return INVALID
        (self.blocks.add if is_block else self.blocks.discard)((user, other))
        return DONE


def type_of(content):
    """The type of a message with this content and nothing else, for the contents that this model knows."""
    return 'emoji' if content in EMOJI_ONLY else 'text'
