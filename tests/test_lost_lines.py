"""Bad lines and a server that is killed: whoever was away holds, in the end, exactly what the database holds.

SOAK=1 (`make soak`) has it go on for two minutes, with five kills; in the suite it is a short one.
"""
import json
import os
import subprocess
import time
from pathlib import Path

import pytest

IS_SOAK = bool(os.environ.get('SOAK'))
SECONDS, KILLS = (120, 5) if IS_SOAK else (15, 2)
DIALECTS = ['standard'] * 14 + ['chat-app-api'] * 2 + ['chat-io'] * 2 + ['realtime-chat'] * 2
PROGRAM = Path(__file__).parent / 'node' / 'chaos.js'


@pytest.fixture
def settled(start_server, open_http, database, bridge):
    """A server with twenty users, who share three rooms."""
    server = start_server(database=database, env={'JWT_SECRET_KEY': 'the same after each start' * 2})
    http = open_http(server)
    users = [http.register() for _ in DIALECTS]
    rooms = [http.as_user(users[0]).post('/api/rooms', {'name': f'room {number}'}).json()['room']['id'] for number in range(3)]
    for user in users[1:]:
        for room in rooms:
            assert http.as_user(user).post('/api/rooms/join', {'roomId': room}).status_code == 200
    return server, http, users, rooms


def comparable(message):
    """What a client must hold of a message, whichever way it learned of it."""
    reactions = {reaction['emoji']: sorted(reaction['userIds']) for reaction in message['reactions']}
    return (message['id'], message['roomId'], message['senderId'], message['content'], message['editedAt'],
            bool(message['deletedAt']), reactions)


def truth(http, user):
    """{id: message} of all that the database holds for a user."""
    found = http.as_user(user).get_all('/api/messages', params={'limit': 100})
    return {message['id']: message for message in found}


def test_clients_that_were_cut_off_hold_what_the_database_holds(settled):
    server, http, users, rooms = settled
    asked = {'url': server.url, 'seed': 7, 'seconds': SECONDS, 'rooms': rooms,
             'users': [{'id': user.id, 'token': user.token, 'dialect': dialect}
                       for user, dialect in zip(users, DIALECTS, strict=True)]}
    clients = subprocess.Popen(['node', PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        clients.stdin.write(json.dumps(asked))
        clients.stdin.close()
        clients.stdin = None
        for _ in range(KILLS):
            time.sleep(SECONDS / (KILLS + 1))
            server.kill()
            server.start()
        said, _ = clients.communicate(timeout=SECONDS + 60)
    finally:
        clients.kill()
        clients.wait()
    assert clients.returncode == 0
    result = json.loads(said)
    server.check_log()

    stored = {message['id'] for user in users for message in truth(http, user).values()}
    assert len(stored) > SECONDS * 5 and set(result['acknowledged']) <= stored
    assert len(result['acknowledged']) == len(set(result['acknowledged']))
    assert sum(client['cuts'] for client in result['clients']) > SECONDS
    standard = [client for client in result['clients'] if client['dialect'] == 'standard']
    assert sum(client['synced'] for client in standard) > len(standard)
    assert sum(client['recovered'] for client in standard) > 0
    for client in standard:
        user = next(user for user in users if user.id == client['userId'])
        held = {message['id']: comparable(message) for message in client['messages']}
        true = {id: comparable(message) for id, message in truth(http, user).items()}
        differing = {id: (held.get(id), true.get(id), client['trails'].get(str(id)))
                     for id in held.keys() | true.keys() if held.get(id) != true.get(id)}
        assert not differing, (user.id, client['trails']['0'])
        by_room = {}
        for room_id, message_id in client['live']:
            by_room.setdefault(room_id, []).append(message_id)
        for ids in by_room.values():
            assert ids == sorted(set(ids)), 'an event came twice, or out of order'
