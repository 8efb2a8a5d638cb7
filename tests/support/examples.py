"""Records the examples of the references: what a real server is sent, answers and tells when five people use all of it.

`make examples` writes them to chat/reference/examples.json. Ids are the same each time, since the server is a new one;
times, tokens and whatever else is by chance are replaced by what stands for them in every recording.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from chat.reference.examples import FILE
from tests.support import media
from tests.support.http import PASSWORD, Http
from tests.support.server import REPOSITORY, ChatServer
from tests.support.sockets import Bridge

DAY = '2026-01-02T'
SECONDS = 30  # for anything, on a busy machine
TIMES = {'lastSeen': '08:55', 'joinedAt': '09:00', 'startedAt': '09:00', 'createdAt': '09:00', 'timestamp': '09:00',
         'answeredAt': '09:01', 'deliveredAt': '09:01', 'readAt': '09:02', 'endedAt': '09:05', 'editedAt': '09:03', 'deletedAt': '09:04'}
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z')
PUBLIC_KEY = 'BI5TO2-gv3tGJbswZnwB-2B--fi4qA_vWzAGKHAxh7Kjc-sdveAzGDZtBp-DpvWQAFPHNjPLBBshxV4ahsH0ALQ'
CHANCE = {  # by the name of a field, what stands for its value
    'token': 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.access', 'refreshToken': 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.refresh',
    'inviteCode': 'f3JpZW5kcyBvbmx5LCBwbGVhc2U', 'next': 'v1.c3RhdGUgb2YgdGhlIHJvb21z', 'after': 'v1.c3RhdGUgb2YgdGhlIHJvb21z',
    'retryAfter': 7, 'publicKey': PUBLIC_KEY, 'endpoint': 'https://192.0.2.7/send/1a2b',
    'username_': '1767348000:1', 'credential': 'b3BlbnMgdGhlIHJlbGF5',
}
CALL_ID = 3677414809997312
WAIT = re.compile(r'wait \d+ s')
SIGNATURE = re.compile(r'signature=[^&"]+')


def stable(value, name=''):
    """The value as it is in every recording."""
    if isinstance(value, dict):
        return {key: stable(item, 'username_' if key == 'username' and 'credential' in value else key)
                for key, item in value.items()}
    if isinstance(value, list):
        return [stable(item, name) for item in value]
    if name in CHANCE and value and not (name == 'after' and isinstance(value, int)):
        return CHANCE[name]
    if isinstance(value, int) and value > 1 << 40:
        return CALL_ID  # the others are small
    if isinstance(value, str):
        value = TIME.sub(f'{DAY}{TIMES.get(name, "09:00")}:00.000Z', value)
        return SIGNATURE.sub('signature=MTc2NzM0ODAwMC5vcGVu', WAIT.sub(f'wait {CHANCE["retryAfter"]} s', value))
    return value


class Recorder:
    """Asks a server, and keeps what is said."""

    def __init__(self, server, http, connect):
        self.server, self.http, self._connect = server, http, connect
        self.recorded = {'requests': {}, 'errors': {}, 'told': {}, 'sent': {}}

    def ask(self, who, method, path, name, *ids, query='', json=None, form=None, files=None, headers=None):
        """A request that succeeds; `path` is as OpenAPI writes it, filled in with `ids`. Returns what is answered."""
        rest = iter(ids)
        filled = re.sub(r'\{[^}]*\}', lambda _: str(next(rest)), path)
        client = self.http.as_user(who)
        response = client.request(method, filled + query, json=json, data=form, files=files, headers=headers)
        assert response.status_code < 400, f'{method} {filled}: {response.status_code} {response.text}'
        kept = {'name': name, 'request': f'{method} {filled}{query}', 'status': response.status_code}
        if json is not None:
            kept['body'] = stable(json)
        if files:
            kept['form'] = {**(form or {}), 'file': [f'@{file[1][0]}' for file in files]}
        is_json = response.headers.get('Content-Type') == 'application/json' and '/api/openapi' not in path and '/asyncapi' not in path
        answer = response.json() if is_json else None
        if is_json:
            kept['answer'] = stable(answer)
        self.recorded['requests'].setdefault(f'{method} {path}', []).append(kept)
        return answer

    def refuse(self, who, method, path, **options):
        """A request that does not succeed."""
        response = self.http.as_user(who).request(method, path, **options)
        assert response.status_code >= 400, f'{method} {path}: {response.status_code}'
        self.recorded['errors'][response.json()['code']] = stable(response.json())

    def open(self, *arguments, **options):
        """A connected client."""
        return self._connect(*arguments, **options)

    def say(self, client, dialect, event, payload):
        """An event of a client that succeeds; returns what it is acknowledged with."""
        answer = client.call(event, payload, timeout=SECONDS)
        assert answer['ok'] is True, f'{event}: {answer}'
        kept = {'payload': stable(payload), 'acknowledgement': stable(answer)}
        self.recorded['sent'].setdefault(dialect, {}).setdefault(event, kept)
        return answer

    def hear(self, client, dialect, event, where=None):
        """The next event of that name that a client is told."""
        payload = client.expect(event, SECONDS, where)
        self.recorded['told'].setdefault(dialect, {}).setdefault(event, stable(payload))
        return payload


def record():
    """Everything, from a new server."""
    env = {'RATE_LIMIT_MESSAGES': '5/10', 'PUSH_ALLOW': '127.0.0.1/32', 'STUN_URLS': 'stun:stun.example.com:3478',
           'TURN_URLS': 'turn:turn.example.com:3478', 'TURN_SECRET': 'north'}
    with tempfile.TemporaryDirectory(prefix='chat-examples-') as folder:
        server, bridge = ChatServer(env=env, folder=folder).start(), Bridge()
        http, clients = Http(server.url, timeout=SECONDS), []

        def connect(token, namespace='/', **options):
            clients.append(bridge.client(server.url, namespace, auth={'token': token} if token else None, **options))
            return clients[-1].connect(SECONDS)

        try:
            recorder = Recorder(server, http, connect)
            Scenario(recorder).play()
        finally:
            for client in clients:
                client.close()
            http.close()
            bridge.stop()
            server.close()
    return recorder.recorded


class Scenario:
    """What five people do; each part leaves to the next what it needs."""

    def __init__(self, recorder):
        self._on = recorder
        self.ann = self.bob = self.ann_socket = self.bob_socket = None

    def play(self):
        """All parts."""
        for part in (self.accounts, self.connections, self.profiles, self.direct_messages, self.files, self.rooms,
                     self.room_messages, self.reading, self.room_events, self.calls, self.clients_of_b, self.clients_of_c,
                     self.clients_of_d, self.push, self.forgotten_password, self.references, self.refusals):
            part()

    def accounts(self):
        ask = self._on.ask
        for name in ('ann', 'bob'):
            body = {'username': name, 'email': f'{name}@example.com', 'password': PASSWORD, 'displayName': name.title()}
            answer = ask(None, 'POST', '/api/auth/register', name, json=body)
            setattr(self, name, answer['token'])
        answer = ask(None, 'POST', '/api/auth/login', 'by username', json={'username': 'ann', 'password': PASSWORD})
        other = ask(None, 'POST', '/api/auth/refresh', 'a newer token', json={'refreshToken': answer['refreshToken']})
        ask(other['token'], 'POST', '/api/auth/logout', 'the end of this sign-in')
        ask(self.ann, 'POST', '/api/auth/password', 'another password', json={'currentPassword': PASSWORD, 'newPassword': 'even better'})
        ask(None, 'GET', '/health', 'it runs')
        ask(None, 'GET', '/ready', 'all is fine')

    def connections(self):
        self.ann_socket = self._on.open(self.ann)
        self.bob_socket = self._on.open(self.bob)
        for token in (self.ann, self.bob):
            self._on.say(self._on.open(None), 'standard', 'auth:login', {'token': token})

    def profiles(self):
        ask = self._on.ask
        ask(self.ann, 'GET', '/api/users/me', 'oneself')
        ask(self.ann, 'PATCH', '/api/users/me', 'another name', json={'displayName': 'Ann B.'})
        ask(self.ann, 'GET', '/api/users', 'everybody else')
        ask(self.ann, 'GET', '/api/users/{userId}', 'somebody', 2)
        ask(self.ann, 'PUT', '/api/users/me/avatar', 'a picture', files=[('file', ('me.png', media.png()))])
        ask(self.bob, 'GET', '/api/users/{userId}/avatar', 'the picture', 1)
        ask(self.ann, 'DELETE', '/api/users/me/avatar', 'no picture')
        ask(self.ann, 'PUT', '/api/users/{userId}/block', 'somebody', 2)
        ask(self.ann, 'GET', '/api/users/me/blocks', 'who is blocked')
        ask(self.ann, 'DELETE', '/api/users/{userId}/block', 'somebody', 2)

    def direct_messages(self):
        ask, say, hear = self._on.ask, self._on.say, self._on.hear
        sent = ask(self.ann, 'POST', '/api/messages/send/{receiverId}', 'a text', 2, json={'content': 'Hello Bob', 'clientId': 'a-1'})
        ask(self.ann, 'POST', '/api/messages/send/{receiverId}', 'the same again', 2, json={'content': 'Hello Bob', 'clientId': 'a-1'})
        hear(self.bob_socket, 'standard', 'newMessage')
        hear(self.ann_socket, 'standard', 'message_sent')
        say(self.bob_socket, 'standard', 'delivered', {'messageId': sent['id']})
        hear(self.ann_socket, 'standard', 'delivery_receipt')
        say(self.bob_socket, 'standard', 'read_receipt', {'messageId': sent['id']})
        hear(self.ann_socket, 'standard', 'read_receipt')
        say(self.bob_socket, 'standard', 'send_message', {'toUserId': 1, 'content': 'Hi Ann 👋', 'replyToId': sent['id']})
        self.ann_socket.expect('newMessage', SECONDS)
        say(self.bob_socket, 'standard', 'message:private', {'toUserId': 1, 'content': 'Tea?'})
        self.ann_socket.expect('newMessage', SECONDS)
        ask(self.ann, 'POST', '/api/messages/send', 'to a user', json={'receiverId': 2, 'content': 'At five'})
        self.bob_socket.expect('newMessage', SECONDS)
        ask(self.ann, 'GET', '/api/messages/{userId}', 'the newest two', 2, query='?limit=2')

    def files(self):
        ask = self._on.ask
        picture = ask(self.ann, 'POST', '/api/uploads', 'a picture', files=[('file', ('garden.png', media.png()))])
        ask(self.ann, 'GET', '/api/uploads/{uploadId}', 'the file', picture['id'])
        ask(self.ann, 'GET', '/api/uploads/{uploadId}', 'a part of it', picture['id'], headers={'Range': 'bytes=0-15'})
        ask(self.ann, 'GET', '/api/uploads/{uploadId}/thumbnail', 'a small picture', picture['id'])
        ask(self.ann, 'POST', '/api/messages/send/{receiverId}', 'what was uploaded', 2,
            json={'content': 'Look', 'attachmentIds': [picture['id']]})
        ask(self.bob, 'POST', '/api/messages/send/{receiverId}', 'files', 1, form={'content': 'Mine'},
            files=[('file', ('notes.txt', b'Tea at five\n'))])

    def rooms(self):
        ask, hear = self._on.ask, self._on.hear
        room = ask(self.ann, 'POST', '/api/rooms', 'a private one', json={'name': 'Tea', 'isPrivate': True})['room']
        code = ask(self.ann, 'GET', '/api/rooms/{roomId}/invite', 'the code', room['id'])['inviteCode']
        ask(self.bob, 'POST', '/api/rooms/join', 'by its code', json={'inviteCode': code})
        hear(self.ann_socket, 'standard', 'member_joined')
        ask(self.ann, 'POST', '/api/rooms/{roomId}/invite', 'another code', room['id'])
        ask(self.ann, 'GET', '/api/rooms/{roomId}', 'to its admin', room['id'])
        ask(self.ann, 'PATCH', '/api/rooms/{roomId}', 'another name', room['id'], json={'name': 'Tea time'})
        hear(self.bob_socket, 'standard', 'room_updated')
        ask(self.bob, 'PATCH', '/api/rooms/{roomId}/settings', 'pinned', room['id'], json={'isPinned': True, 'notify': 'all'})
        ask(self.ann, 'GET', '/api/rooms/{roomId}/members', 'who is in it', room['id'])
        ask(self.ann, 'PATCH', '/api/rooms/{roomId}/members/{userId}', 'one more admin', room['id'], 2, json={'role': 'admin'})
        ask(self.ann, 'POST', '/api/rooms', 'a public one', json={'name': 'Garden'})
        ask(self.bob, 'GET', '/api/rooms', 'the public ones')
        ask(self.bob, 'GET', '/api/rooms/mine', "one's own")
        self.room_id = room['id']

    def room_messages(self):
        ask, hear, room = self._on.ask, self._on.hear, self.room_id
        path = '/api/rooms/{roomId}/messages'
        sent = ask(self.ann, 'POST', path, 'a text', room, json={'content': 'Tea at fve, @bob?'})['message']['id']
        hear(self.bob_socket, 'standard', 'receive_message')
        one = path + '/{messageId}'
        ask(self.ann, 'PATCH', one, 'a correction', room, sent, json={'content': 'Tea at five, @bob?'})
        hear(self.bob_socket, 'standard', 'message_updated')
        ask(self.bob, 'PUT', one + '/reactions/{emoji}', 'a thumb', room, sent, '👍')
        hear(self.ann_socket, 'standard', 'reaction')
        ask(self.bob, 'DELETE', one + '/reactions/{emoji}', 'no thumb', room, sent, '👍')
        self.ann_socket.expect('reaction', SECONDS)
        ask(self.bob, 'POST', '/api/rooms/{roomId}/read', 'up to a message', room, json={'messageId': sent})
        self.ann_socket.expect('read_receipt', SECONDS)
        ask(self.ann, 'GET', one + '/receipts', 'who has read it', room, sent)
        ask(self.ann, 'GET', path, 'the newest', room)
        wrong = ask(self.bob, 'POST', path, 'another text', room, json={'content': 'Which tea?'})['message']['id']
        ask(self.bob, 'DELETE', one, 'a slip', room, wrong)
        hear(self.ann_socket, 'standard', 'message_deleted')

    def reading(self):
        ask = self._on.ask
        ask(self.bob, 'GET', '/api/conversations', 'the inbox', query='?limit=2')
        ask(self.bob, 'GET', '/api/messages', 'of all conversations', query='?limit=1')
        ask(self.bob, 'GET', '/api/messages/mentions', 'what names one')
        ask(self.bob, 'GET', '/api/messages/search', 'by a word', query='?q=five&limit=1')
        ask(self.bob, 'GET', '/api/sync', 'from a message on', query='?after=7&limit=2')

    def room_events(self):
        say, hear, room = self._on.say, self._on.hear, self.room_id
        say(self.ann_socket, 'standard', 'typing', {'roomId': room, 'isTyping': True})
        hear(self.bob_socket, 'standard', 'typing')
        sent = say(self.ann_socket, 'standard', 'send_message', {'roomId': room, 'content': 'Gren tea'})['message']['id']
        say(self.ann_socket, 'standard', 'edit_message', {'messageId': sent, 'content': 'Green tea'})
        say(self.bob_socket, 'standard', 'react', {'messageId': sent, 'emoji': '🍵'})
        say(self.ann_socket, 'standard', 'delete_message', {'messageId': sent})
        say(self.bob_socket, 'standard', 'sync', {'after': sent - 1, 'limit': 10})
        garden = room + 1
        say(self.bob_socket, 'standard', 'join_room', {'roomId': garden})
        say(self.bob_socket, 'standard', 'leave_room', {'roomId': garden})
        hear(self.ann_socket, 'standard', 'member_left')
        say(self.bob_socket, 'standard', 'join_room', {'roomId': garden})
        self._on.ask(self.ann, 'DELETE', '/api/rooms/{roomId}/members/{userId}', 'somebody else', garden, 2)
        self._on.ask(self.ann, 'DELETE', '/api/rooms/{roomId}', 'for everybody', garden)
        hear(self.ann_socket, 'standard', 'room_deleted')

    def calls(self):
        say, hear, ann, bob = self._on.say, self._on.hear, self.ann_socket, self.bob_socket
        call_id = say(ann, 'standard', 'callUser', {'to': 2, 'offer': {'type': 'offer', 'sdp': 'v=0 …'}})['callId']
        hear(bob, 'standard', 'callUser')
        say(bob, 'standard', 'makeAnswer', {'to': 1, 'callId': call_id, 'answer': {'type': 'answer', 'sdp': 'v=0 …'}})
        hear(ann, 'standard', 'makeAnswer')
        candidate = {'candidate': 'candidate:1 1 udp 2113937151 192.0.2.1 3478 typ host', 'sdpMid': '0'}
        say(ann, 'standard', 'iceCandidate', {'to': 2, 'callId': call_id, 'candidate': candidate})
        hear(bob, 'standard', 'iceCandidate')
        say(bob, 'standard', 'endCall', {'to': 1, 'callId': call_id, 'reason': 'hung up'})
        hear(ann, 'standard', 'endCall')
        self._on.ask(self.ann, 'GET', '/api/calls', 'what became of them')
        self._on.ask(self.ann, 'GET', '/api/calls/ice-servers', 'STUN and TURN')

    def clients_of_b(self):
        ask, say = self._on.ask, self._on.say
        ask(None, 'POST', '/api/user/register', 'cem', json={'username': 'cem', 'email': 'cem@example.com', 'password': PASSWORD})
        cem = ask(None, 'POST', '/api/user/login', 'cem', json={'email': 'cem@example.com', 'password': PASSWORD})['token']
        ask(cem, 'GET', '/api/user', 'everybody')
        socket = self._on.open(cem)
        say(socket, 'chat-app-api', 'join', '3')
        said = {'sender': '3', 'receiver': '1', 'content': 'Hello from B'}
        say(socket, 'chat-app-api', 'chat message', said)
        say(socket, 'chat-app-api', 'message', json.dumps({'event': 'chat message', 'data': said}))
        self._on.ask(self.ann, 'POST', '/api/messages/send/{receiverId}', 'to a client of B', 3, json={'content': 'Hello Cem'})
        self._on.hear(socket, 'chat-app-api', 'chat message')
        ask(cem, 'POST', '/api/chat/send', 'a text', json={**said, 'content': 'Good evening'})
        ask(cem, 'GET', '/api/chat/messages/{userId}', "one's own", 3, query='?limit=1')
        ask(cem, 'GET', '/api/chat/messages/{senderId}/{receiverId}', 'with somebody', 3, 1, query='?limit=1')

    def clients_of_c(self):
        ask = self._on.ask
        ask(None, 'POST', '/register', 'dan', json={'name': 'Dan', 'email': 'dan@example.com', 'password': PASSWORD})
        dan = ask(None, 'POST', '/login', 'dan', json={'email': 'dan@example.com', 'password': PASSWORD})['token']
        ask(dan, 'GET', '/user', 'oneself')
        socket = self._on.open(dan, '/chat')
        self._on.say(socket, 'chat-io', 'send-message', {
            'id': 'd-1', 'content': 'Hello everybody', 'author_id': '4', 'author_name': 'Dan',
            'timestamp': f'{DAY}09:00:00.000Z', 'status': 'sending'})
        self._on.hear(socket, 'chat-io', 'receive-message')

    def clients_of_d(self):
        body = {'email': 'eve@example.com', 'displayName': 'Eve', 'password': PASSWORD}
        eve = self._on.ask(None, 'POST', '/api/auth/register', 'as clients of D do', json=body)['token']
        socket = self._on.open(None)
        socket.call('auth:login', {'token': eve}, timeout=SECONDS)
        self._on.hear(socket, '', 'auth:ok')
        self._on.hear(socket, 'realtime-chat', 'user:online')
        self._on.ask(self.ann, 'POST', '/api/messages/send/{receiverId}', 'to a client of D', 5, json={'content': 'Hello Eve'})
        self._on.hear(socket, 'realtime-chat', 'message:new')
        socket.call('auth:login', {'token': 'no token'}, timeout=SECONDS)
        self._on.hear(socket, '', 'auth:error')
        self._on.hear(socket, '', 'error')
        fay = self._on.http.register('fay')
        self._on.http.as_user(fay).post('/api/messages/send/1', json={'content': 'Hello'})
        visitor = self._on.open(fay.token)
        self._on.hear(self.ann_socket, 'standard', 'user_status', where=lambda status: status['userId'] == fay.id)
        visitor.close()
        self._on.hear(socket, 'realtime-chat', 'user:offline')

    def push(self):
        ask, subscription = self._on.ask, {
            'endpoint': 'https://127.0.0.1/send/1a2b', 'expirationTime': None,
            'keys': {'p256dh': PUBLIC_KEY, 'auth': 'c2l4dGVlbiBieXRlcyEhIQ'}}
        ask(self.ann, 'GET', '/api/push/key', 'the key')
        ask(self.ann, 'PUT', '/api/push/subscriptions', 'a browser', json=subscription)
        ask(self.ann, 'DELETE', '/api/push/subscriptions', 'a browser', json={'endpoint': subscription['endpoint']})

    def forgotten_password(self):
        self._on.ask(None, 'POST', '/api/auth/forgot', 'by email', json={'email': 'dan@example.com'})
        done = subprocess.run([sys.executable, '-m', 'flask', 'user', 'reset', 'dan'], cwd=REPOSITORY, check=True,
                              capture_output=True, text=True, env=self._on.server.environment)
        token = done.stdout.strip().partition('/#/reset/')[2]
        self._on.ask(None, 'POST', '/api/auth/reset', 'by the token of a link', json={'token': token, 'password': 'one more'})

    def references(self):
        self._on.ask(None, 'GET', '/api/openapi.json', 'the requests')
        self._on.ask(None, 'GET', '/api/asyncapi.json', 'the events')
        self._on.ask(None, 'GET', '/api/docs', 'both for people')
        self._on.ask(None, 'GET', '/api/docs/{name}', 'a module', 'parts.js')

    def refusals(self):
        refuse = self._on.refuse
        refuse(None, 'POST', '/api/auth/login', data='{', headers={'Content-Type': 'application/json'})
        refuse(None, 'POST', '/api/auth/login', json={'username': 'ann', 'password': 'wrong'})
        refuse(self.bob, 'POST', '/api/auth/password', json={'currentPassword': 'wrong', 'newPassword': 'another one'})
        refuse(self.ann, 'GET', '/api/users/999')
        refuse(self.ann, 'PUT', '/api/users')
        refuse(None, 'POST', '/api/auth/register', json={'username': 'Ann', 'email': 'new@example.com', 'password': PASSWORD})
        refuse(self.ann, 'POST', '/api/rooms', json={'name': 'x' * 300_000})
        refuse(self.ann, 'PUT', '/api/users/me/avatar', files=[('file', ('me.txt', b'no picture'))])
        refuse(self.ann, 'GET', '/api/uploads/1', headers={'Range': 'bytes=1000000-'})
        refuse(self.ann, 'POST', '/api/rooms', json={'name': ''})
        client, path = self._on.http.as_user(self.ann), f'/api/rooms/{self.room_id}/messages'
        while client.post(path, json={'content': 'More'}).status_code == 201:
            pass
        refuse(self.ann, 'POST', path, json={'content': 'More'})


if __name__ == '__main__':
    Path(FILE).write_text(json.dumps(record(), ensure_ascii=False, indent=1) + '\n')
