"""Clients that talk all the time while their lines or their server go (tests/node/chaos.js), and what they must hold in the end."""
import json
import subprocess

from tests.support.node import FOLDER


class Crowd:
    """`Crowd(url, rooms, users, dialects)`: a client for each user, of its dialect, at once busy; `finish` tells what they hold.

    With `is_bad` their lines are cut at random. `addresses` are those on this machine that they come from. If they are
    `is_spread` over several processes they also call each other, and in the end catch up: who dies has perhaps not told
    what it stored. `pause` is the longest between two things that one does, in seconds.
    """

    def __init__(self, url, rooms, users, dialects, is_bad=False, addresses=None, is_spread=False, pause=0.2):
        asked = {'url': url, 'seed': 7, 'isBad': is_bad, 'isSpread': is_spread, 'pause': pause * 1000, 'rooms': rooms, 'users': [
            {'id': user.id, 'token': user.token, 'dialect': dialect, 'address': address}
            for user, dialect, address in zip(users, dialects, addresses or ['127.0.0.1'] * len(users), strict=True)]}
        self._process = subprocess.Popen(['node', FOLDER / 'chaos.js'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._process.stdin.write(json.dumps(asked) + '\n')
        self._process.stdin.flush()

    def finish(self, timeout=60):
        """What they were acknowledged, and hold, once they have nothing more to say and nothing is under way to them."""
        said, _ = self._process.communicate(timeout=timeout)
        assert self._process.returncode == 0
        return json.loads(said)

    def close(self):
        """End them, whatever they are at."""
        self._process.kill()
        self._process.communicate()


def gather(http, users):
    """The ids of three rooms that all of them are in."""
    first, *others = [http.as_user(user) for user in users]
    rooms = [first.post('/api/rooms', {'name': f'room {number}'}).json()['room']['id'] for number in range(3)]
    for other in others:
        for room in rooms:
            assert other.post('/api/rooms/join', {'roomId': room}).status_code == 200
    return rooms


def expect_nothing_lost(result, http, users):
    """Asserts that all that was acknowledged is stored, once, and that whoever can hold all of its rooms does.

    Returns what is stored, {id: message}.
    """
    of_users = {user.id: truth(http, user) for user in users}
    stored = {id: message for messages in of_users.values() for id, message in messages.items()}
    assert set(result['acknowledged']) <= stored.keys()
    assert len(result['acknowledged']) == len(set(result['acknowledged']))
    contents = [message['content'] for message in stored.values() if not message['deletedAt']]
    assert len(contents) == len(set(contents)), 'a message is there twice'
    for client in standard_of(result):
        true = {id: comparable(message) for id, message in of_users[client['userId']].items()}
        held = {message['id']: comparable(message) for message in client['messages']}
        differing = {id: (held.get(id), true.get(id), client['trails'].get(str(id)))
                     for id in held.keys() | true.keys() if held.get(id) != true.get(id)}
        assert not differing, (client['userId'], client['trails']['0'])
        _expect_order(client['live'])
    return stored


def _expect_order(live):
    by_room = {}
    for room_id, message_id in live:
        by_room.setdefault(room_id, []).append(message_id)
    for ids in by_room.values():
        assert ids == sorted(set(ids)), 'an event came twice, or out of order'


def standard_of(result):
    """Those clients that tell all that they hold."""
    return [client for client in result['clients'] if client['dialect'] == 'standard']


def comparable(message):
    """What a client must hold of a message, whichever way it learned of it."""
    reactions = {reaction['emoji']: sorted(reaction['userIds']) for reaction in message['reactions']}
    return (message['id'], message['roomId'], message['senderId'], message['content'], message['editedAt'],
            bool(message['deletedAt']), reactions)


def truth(http, user):
    """{id: message} of all that the database holds for a user."""
    found = http.as_user(user).get_all('/api/messages', params={'limit': 100})
    return {message['id']: message for message in found}
