"""What a server shows to users, held against the model of what they did."""
from tests.support.model import NEWEST_OF_ROOM
from tests.support.model_clients import Reader


class Views:
    """Each `expect_…` asks the server as one client; raises AssertionError where it does not say what the model does.

    Of the lobby only what these users have written there counts.
    """

    def __init__(self, chat, clients):
        self._chat, self._clients = chat, clients
        self._news = {user: Reader(client) for user, client in clients.items()}
        self._stays = {user: self._stays_of(user) for user in clients}  # as of when each heard the news last

    # ------------------------------------------------------------------ lists of rooms

    def expect_room(self, who, room, shown):
        """The Room as one of its members must see it."""
        stay, has_name = room.members[who.id], room.kind in ('public', 'private')
        is_admin = has_name and stay.role == 'admin'
        expected = {'id': room.id, 'kind': room.kind, 'isPrivate': room.kind in ('private', 'direct'), 'role': stay.role,
                    'unreadCount': self._chat.unread(who.id, room), 'inviteCode': room.code if is_admin else None}
        if room.kind != 'lobby':
            expected['memberCount'] = len(room.members)
        if has_name:
            expected |= {'name': room.name, 'createdBy': room.created_by}
        told = f'the room {room.id} of {who.name}'
        expect_same({key: shown.get(key) for key in expected}, expected, told)
        if room.kind == 'direct':
            expect_same(shown['otherUser']['id'], room.other(who.id), f'otherUser of {told}')
        if room.messages or room.kind != 'lobby':
            last = [] if shown['lastMessage'] is None else [shown['lastMessage']]
            self.expect_messages(who, room.messages[-1:], last, f'lastMessage of {told}')

    def expect_inbox(self, who, limit=None):
        """All conversations of the user, in their order."""
        shown = who.list('/api/conversations', limit)
        if not self._chat.lobby.messages:  # then its place is that of what others wrote
            shown = [room for room in shown if room['kind'] != 'lobby']
        self._expect_rooms(who, shown, self._chat.inbox(who.id), 'inbox')

    def expect_own_rooms(self, who, limit=None):
        """The public and private rooms that the user is in."""
        rooms = [room for room in self._chat.rooms_of(who.id) if room.kind in ('public', 'private')]
        self._expect_rooms(who, who.list('/api/rooms/mine', limit, 'rooms'), rooms, 'rooms')

    def _expect_rooms(self, who, shown, rooms, what):
        expect_same([room['id'] for room in shown], [room.id for room in rooms], f'the {what} of {who.name}')
        for room, as_shown in zip(rooms, shown, strict=True):
            self.expect_room(who, room, as_shown)

    # ------------------------------------------------------------------ histories

    def expect_messages(self, who, messages, shown, what):
        """The Messages as the user must see them; of receipts only whether there are times."""
        shown = [{**message, 'deliveredAt': message['deliveredAt'] is not None, 'readAt': message['readAt'] is not None}
                 for message in shown]
        expect_same(shown, [self._chat.seen_by(who.id, message) for message in messages], what)

    def expect_history(self, who, room, limit=100, is_forward=False):
        """The whole history of a room, by pages of that size; or that there is none for the user."""
        path, messages = f'/api/rooms/{room.id}/messages', room.messages
        if (refusal := room.refuses(who.id)) is not None:
            who.do('GET', path, refusal)
        elif messages or room is not self._chat.lobby:
            first = messages[0].id if messages else 1
            shown = who.messages(path, limit, first, 'messages', after=first - 1 if is_forward else None)
            self.expect_messages(who, messages, shown, f'the history of the room {room.id}, for {who.name}')

    def expect_all_messages(self, who, limit=100):
        """All that the user can read, in one list."""
        messages = [message for message in self._chat.messages if who.id in message.room.members]
        shown = self._of_these(who.messages('/api/messages', limit, messages[0].id if messages else None))
        self.expect_messages(who, messages, shown, f'all messages of {who.name}')

    def _of_these(self, messages):
        """All but what others wrote in the lobby."""
        return [message for message in messages
                if message['roomId'] != self._chat.lobby.id or message['senderId'] in self._clients]

    # ------------------------------------------------------------------ catching up

    def expect_news(self, who):
        """What is new since the last call is what was touched, and rooms that the user came to or left; returns the Reader."""
        reader, before, now = self._news[who.id], self._stays[who.id], self._stays_of(who.id)
        is_first = reader.began is None
        ids, left = reader.all(self._chat)
        self.expect_picture(reader)
        if not is_first:
            came = [room for room, stay in now.items() if before.get(room) is not stay and room.kind != 'direct']
            news = {message.id for message in self._chat.touched if message.room in now}
            news |= {message.id for room in came for message in room.messages[:now[room].began][-NEWEST_OF_ROOM:]}
            expect_same(sorted(ids), sorted(news), f'what is new for {who.name}')
            gone = [room for room in before if room not in now] + [room for room in came if who.id in room.former]
            expect_same(sorted(left), sorted(room.id for room in gone), f'what {who.name} has left')
        self._stays[who.id] = now
        return reader

    def _stays_of(self, user):
        return {room: room.members[user] for room in self._chat.rooms_of(user)}

    def expect_caught_up(self, reader, **limit):
        """Once the Reader has taken all there is, it holds what it must."""
        reader.all(self._chat, **limit)
        self.expect_picture(reader)

    def expect_picture(self, reader):
        """It holds all that it must, nothing of rooms that its user is not in, and everything as it is now."""
        user, name = reader.client.id, reader.client.name
        now = {message.id: message.for_everyone() for room in self._chat.rooms_of(user) for message in room.messages}
        held = {message['id']: {**message, 'deliveredAt': None, 'readAt': None} for message in self._of_these(reader.held.values())}
        expect_same(list(held.values()), [now.get(id) for id in held], f'what {name} holds')
        missing = [message.shown for message in reader.required(self._chat) if message.id not in held]
        expect_same([], missing, f'what {name} does not hold')


def expect_same(found, expected, what):
    """Raises AssertionError with what differs, of lists with the items that do."""
    if found == expected:
        return
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        found, expected = zip(*[pair for pair in zip(found, expected, strict=True) if pair[0] != pair[1]], strict=True)
    raise AssertionError(f'{what}\n  is, by the server: {found}\n  but, by the model: {expected}')
