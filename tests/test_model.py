"""Whatever users do, in any order: after every step all lists, counts, histories and sync agree with a model in plain Python.

Hypothesis draws what they do. In the suite that is the same each time, so that it fails for what was changed and not by
chance; `make soak MINUTES=60` draws anew for as long as one likes. What fails is shown as the requests that lead to it; the
soak makes it short before, for minutes.
"""
import os
import time
from urllib.parse import quote

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from tests.support.model import CREATED, DONE, NEWEST_OF_ROOM, OK, Chat
from tests.support.model_clients import Client, Reader
from tests.support.model_views import Views, expect_same

SOAK_MINUTES = float(os.environ.get('SOAK_MINUTES') or 0)
FIXED = settings(max_examples=12, stateful_step_count=30, derandomize=True, phases=[Phase.generate])
AT_RANDOM = settings(max_examples=20, stateful_step_count=50, print_blob=True)
ANYHOW = {'deadline': None, 'database': None, 'suppress_health_check': list(HealthCheck)}

NAMES = 'ann', 'bob', 'cem', 'dan'
BURST = NEWEST_OF_ROOM + 3
USER = st.integers(0, 11)  # see `who`
ROOM = st.integers(0, 5)   # and messages: which one of those there are, counted from the newest
MESSAGE = st.integers(0, 5) | st.integers(0, 99)
LIMIT = st.sampled_from([1, 2, 3, 7, 50, 100])
CONTENT = st.sampled_from(['hello', ' padded\n', '👍', '👍🎉', '👨‍👩‍👧‍👦', 'naïve 漢字 😀 <b>', 'x' * 300, ' ']) | st.text(
    st.characters(max_codepoint=0x2FF, exclude_characters='\0@'), min_size=1, max_size=30)
CLIENT_ID = st.none() | st.sampled_from(['a', 'A', 'a ', 'é'])
EMOJI = st.sampled_from(['👍', '🎉', '❤', '❤️', '👍🏽', 'x'])


def pick(found, number):
    """One of several, counted from the last."""
    return list(found)[-1 - number % len(found)]


class Conversation(RuleBasedStateMachine):
    """Four users of a real server, and the model beside it. Each rule is what one of them does."""

    def __init__(self, http):
        super().__init__()
        clients = [Client(name, http.register(), http) for name in NAMES]
        lobby = next(room for room in clients[0].get('/api/conversations') if room['kind'] == 'lobby')
        self.clients = {client.id: client for client in clients}
        self.chat = Chat(self.clients, lobby['id'])
        self.views = Views(self.chat, self.clients)
        self.readers = {client.id: Reader(client) for client in clients}  # they catch up when it is drawn
        self.earlier = {client.id: [] for client in clients}  # (who has read all the news, the newest message), of each step
        self.room_in_focus, self.doer = self.chat.lobby, clients[0]  # what the step was about, and who took it
        self.wrong_codes = dict.fromkeys(self.clients, 0)
        self.was_refused, self.was_checked, self.had_burst = False, True, False

    def who(self, number, likely=()):
        """A client: two times out of three of one of those who are likely to do this, where there are any."""
        return self.clients[pick(likely if likely and number < 8 else self.chat.users, number)]

    def room(self, number):
        self.room_in_focus = pick(self.chat.rooms, number)
        return self.room_in_focus

    def message(self, number):
        message = pick(self.chat.messages, number)
        self.room_in_focus = message.room
        return message

    def do(self, who, method, path, status, json=None):
        """A request that may change something, and must be answered so."""
        self.doer, self.was_checked, self.was_refused = who, False, status >= 400
        return who.do(method, path, status, json)

    # ------------------------------------------------------------------ rooms

    @initialize(is_private=st.booleans())
    def begin(self, is_private):
        """So that there is something to do at once."""
        users = list(self.clients)
        self.make_room(3, is_private)
        for number in 1, 2:
            self.join_with(self.clients[users[number]], self.room_in_focus.code)
        for number in range(3):
            self.send_to(self.clients[users[number]], self.room_in_focus, content=f'hello {number}')
            self.react(number, 0, '👍', False)
        self.send_to(self.clients[users[0]], None, users[1], content='between us')

    @rule(who=USER, is_private=st.booleans())
    def make_room(self, who, is_private):
        who, name = self.who(who), f'room {len(self.chat.rooms)}'
        room = self.do(who, 'POST', '/api/rooms', CREATED, {'name': name, 'isPrivate': is_private}).json()['room']
        self.room_in_focus = self.chat.made(who.id, room['id'], name, is_private, room['inviteCode'])
        self.views.expect_room(who, self.room_in_focus, room)

    @rule(who=USER, room=ROOM)
    def join(self, who, room):
        room = self.room(room)
        who = self.who(who, self.chat.outside(room))
        status = self.chat.join(who.id, room)
        answer = self.do(who, 'POST', '/api/rooms/join', status, {'roomId': room.id})
        if status == OK:
            self.views.expect_room(who, room, answer.json()['room'])

    @rule(who=USER, room=ROOM, is_old=st.booleans())
    def join_by_code(self, who, room, is_old):
        old_codes, number, room = self.chat.old_codes, room, self.room(room)
        who = self.who(who, self.chat.outside(room))
        self.join_with(who, pick(old_codes, number) if old_codes and is_old else room.code or 'of no room')

    def join_with(self, who, code):
        """After nine wrong codes no more are tried: they are limited."""
        status, room = self.chat.join_by_code(who.id, code)
        self.wrong_codes[who.id] += room is None
        if self.wrong_codes[who.id] < 10:
            answer = self.do(who, 'POST', '/api/rooms/join', status, {'inviteCode': code})
            if room is not None:
                self.room_in_focus = room
                self.views.expect_room(who, room, answer.json()['room'])

    @rule(who=USER, room=ROOM)
    def leave(self, who, room):
        room = self.room(room)
        who = self.who(who, room.members)
        status = self.chat.leave(who.id, room)
        self.do(who, 'DELETE', f'/api/rooms/{room.id}/members/{who.id}', status)

    @rule(who=USER, room=ROOM, other=USER)
    def remove_member(self, who, room, other):
        room = self.room(room)
        who = self.who(who, room.admins())
        other = self.who(other, room.members.keys() - {who.id})
        if who is not other:
            status = self.chat.remove_member(who.id, room, other.id)
            self.do(who, 'DELETE', f'/api/rooms/{room.id}/members/{other.id}', status)
            if status == DONE:
                self.learn_code(room, who.get(f'/api/rooms/{room.id}/invite'))

    def learn_code(self, room, answer):
        assert answer['inviteCode'] not in {room.code, *self.chat.old_codes}
        self.chat.code_is(room, answer['inviteCode'])

    @rule(who=USER, room=ROOM, other=USER, role=st.sampled_from(['admin', 'member']))
    def change_role(self, who, room, other, role):
        room = self.room(room)
        who, other = self.who(who, room.admins()), self.who(other, room.members)
        status = self.chat.change_role(who.id, room, other.id, role)
        answer = self.do(who, 'PATCH', f'/api/rooms/{room.id}/members/{other.id}', status, {'role': role})
        if status == OK:
            expect_same(answer.json()['member']['role'], role, 'role')

    @rule(who=USER, room=ROOM, what=st.sampled_from(['rename', 'renew the code', 'remove']))
    def rule_the_room(self, who, room, what):
        room = self.room(room)
        who, path = self.who(who, room.admins()), f'/api/rooms/{room.id}'
        if what == 'rename':
            name = f'{room.name} again'
            self.do(who, 'PATCH', path, self.chat.rename(who.id, room, name), {'name': name})
        elif what == 'remove':
            self.do(who, 'DELETE', path, self.chat.remove_room(who.id, room))
        else:
            status = self.chat.renew_code(who.id, room)
            answer = self.do(who, 'POST', f'{path}/invite', status)
            if status == OK:
                self.learn_code(room, answer.json())

    # ------------------------------------------------------------------ sending

    @rule(who=USER, room=ROOM, content=CONTENT, client_id=CLIENT_ID, reply=st.none() | MESSAGE, names_it=st.booleans())
    def send(self, who, room, content, client_id, reply, names_it):
        room = self.room(room)
        self.send_to(self.who(who, room.members), room, None, content, client_id, reply, names_it)

    @rule(who=USER, other=USER, content=CONTENT, client_id=CLIENT_ID, reply=st.none() | MESSAGE, names_it=st.booleans())
    def write_to(self, who, other, content, client_id, reply, names_it):
        who = self.who(who)
        other = self.who(other, self.clients.keys() - {who.id})
        self.send_to(who, self.chat.direct(who.id, other.id), other.id, content, client_id, reply, names_it)

    @rule(who=USER, room=ROOM)
    @precondition(lambda self: not self.had_burst)
    def send_many(self, who, room):
        """More than a client is given of a room that is new to it."""
        room = self.room(room)
        if room.members:
            self.had_burst, who = True, self.clients[pick(room.members, who)]
            for number in range(BURST):
                self.send_to(who, room, content=f'{number}')

    def send_to(self, who, room, receiver=None, content='', client_id=None, reply=None, names_it=False):
        """To a room or a receiver, at its address or by naming it; to the lobby by naming none."""
        if (who.id, client_id) in self.chat.unsure:
            client_id = None
        reply_to = None if reply is None else pick(self.chat.messages, reply)
        fields = {'content': content, 'client_id': client_id, 'reply_to': reply_to}
        status = self.chat.send(who.id, room, receiver, **fields)
        named = {'toUserId': receiver} if room is None or receiver else {} if room is self.chat.lobby else {'roomId': room.id}
        path = f'/api/messages/send/{receiver}' if receiver else f'/api/rooms/{room.id}/messages'
        given = {'clientId': client_id, 'replyToId': reply_to and reply_to.id, **(named if names_it else {})}
        body = {'content': content, **{key: value for key, value in given.items() if value is not None}}
        answer = self.do(who, 'POST', '/api/messages/send' if names_it else path, status, body).json()
        if status < 400:
            shown = answer.get('message', answer)
            message = self.chat.sent(shown, who.id, room, receiver, **fields) if status == CREATED \
                else self.chat.sent_as[who.id, client_id]
            expect_same(shown, message.for_everyone(), 'what was sent')
            self.room_in_focus = message.room

    # ------------------------------------------------------------------ what becomes of messages

    @rule(who=USER, message=MESSAGE, content=CONTENT)
    @precondition(lambda self: self.chat.messages)
    def edit(self, who, message, content):
        message = self.message(message)
        who = self.who(who, [message.author])
        status = self.chat.edit(who.id, message, content)
        answer = self.do(who, 'PATCH', message.address, status, {'content': content})
        if status == OK:
            shown = answer.json()['message']
            if message in self.chat.touched:
                assert shown['editedAt'] >= message.shown['createdAt']
                message.shown['editedAt'] = shown['editedAt']
            self.views.expect_messages(who, [message], [shown], 'what was edited')

    @rule(who=USER, message=MESSAGE)
    @precondition(lambda self: self.chat.messages)
    def delete(self, who, message):
        message = self.message(message)
        who = self.who(who, [message.author, *message.room.admins()])
        status = self.chat.delete(who.id, message)
        self.do(who, 'DELETE', message.address, status)
        if message in self.chat.touched:  # the answer does not say when
            shown, = who.get(f'/api/rooms/{message.room.id}/messages', before=message.id + 1, limit=1)['messages']
            assert shown['deletedAt'] >= message.shown['createdAt']
            message.shown['deletedAt'] = shown['deletedAt']

    @rule(who=USER, message=MESSAGE, emoji=EMOJI, is_removal=st.booleans())
    @precondition(lambda self: self.chat.messages)
    def react(self, who, message, emoji, is_removal):
        """Whoever takes a reaction back has mostly made it."""
        message = self.message(message)
        who = self.who(who, {user: None for _, user in message.reactions} if is_removal and message.reactions
                       else message.room.members)
        own = [one for one, user in message.reactions if user == who.id]
        emoji = own[0] if is_removal and own else emoji
        status = self.chat.react(who.id, message, emoji, is_removal)
        path = f'{message.address}/reactions/{quote(emoji)}'
        answer = self.do(who, 'DELETE' if is_removal else 'PUT', path, status)
        if status == OK:
            self.views.expect_messages(who, [message], [answer.json()['message']], 'what was reacted to')

    @rule(who=USER, message=MESSAGE, elsewhere=st.none() | ROOM)
    @precondition(lambda self: self.chat.messages)
    def read(self, who, message, elsewhere):
        message = self.message(message)
        room = message.room if elsewhere is None else self.room(elsewhere)
        who = self.who(who, room.members)
        status = self.chat.read(who.id, room, message)
        self.do(who, 'POST', f'/api/rooms/{room.id}/read', status, {'messageId': message.id})

    @rule(who=USER, other=USER, is_block=st.booleans())
    def block(self, who, other, is_block):
        who = self.who(who)
        other = self.who(other, self.clients.keys() - {who.id})
        status = self.chat.block(who.id, other.id, is_block)
        self.do(who, 'PUT' if is_block else 'DELETE', f'/api/users/{other.id}/block', status)

    # ------------------------------------------------------------------ reading, page by page

    @rule(who=USER, room=ROOM, limit=LIMIT, is_forward=st.booleans())
    def read_in_pages(self, who, room, limit, is_forward):
        room = self.room(room)
        who = self.who(who, room.members)
        self.views.expect_history(who, room, limit, is_forward)
        self.views.expect_all_messages(who, limit)
        self.views.expect_inbox(who, limit)
        self.views.expect_own_rooms(who, limit)

    @rule(who=USER, limit=LIMIT, pages=st.integers(1, 4))
    def catch_up_a_little(self, who, limit, pages):
        reader = self.readers[self.who(who).id]
        for _ in range(pages):
            if not reader.page(self.chat, limit=limit)['more']:
                self.views.expect_picture(reader)
                break

    @rule(who=USER, limit=LIMIT, number=st.none() | st.integers(0, 99), by_message=st.booleans())
    def catch_up_again(self, who, limit, number, by_message):
        """From nothing, or from an earlier place, or from the message that was the newest one then."""
        who = self.who(who)
        reader, newest = (Reader(who), None) if number is None else pick(self.earlier[who.id], number)
        self.views.expect_caught_up(reader.copy(newest if by_message else None), limit=limit)

    # ------------------------------------------------------------------ what must be so

    @invariant()
    def what_everybody_sees_is_what_the_model_says(self):
        """For all four, or for the one who was refused something."""
        for who in [self.doer] if self.was_refused else self.clients.values():
            self.views.expect_inbox(who)
            self.views.expect_own_rooms(who)
            self.views.expect_all_messages(who)
            self.views.expect_history(who, self.room_in_focus)
            newest = self.chat.messages[-1].id if self.chat.messages else None
            self.earlier[who.id].append((self.views.expect_news(who).copy(), newest))
        self.chat.touched.clear()
        self.was_checked = True

    def teardown(self):
        """In the end everybody reads everything once more, and the slow readers catch up; unless something was wrong already."""
        if self.was_checked:
            for who in self.clients.values():
                self.views.expect_inbox(who, 3)
                for room in self.chat.rooms:
                    self.views.expect_history(who, room, 7, is_forward=True)
                self.views.expect_caught_up(self.readers[who.id])


def test_all_that_users_see_is_what_a_model_says_after_every_step(http):
    end = time.monotonic() + SOAK_MINUTES * 60
    run_state_machine_as_test(lambda: Conversation(http), settings=settings(FIXED, **ANYHOW))
    while time.monotonic() < end:
        run_state_machine_as_test(lambda: Conversation(http), settings=settings(AT_RANDOM, **ANYHOW))
