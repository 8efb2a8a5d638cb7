"""Presence: who is told when somebody comes and goes. What the clock does to it: tests/core/test_presence.py."""
import pytest

from tests.support.waiting import wait_until


@pytest.fixture
def friends(http, new_user):
    """Two users who share two rooms and have written to each other, and a stranger."""
    ann, bob, eve = new_user(), new_user(), new_user()
    for _ in range(2):
        room = http.as_user(ann).post('/api/rooms', {'name': 'shared'}).json()['room']
        http.as_user(bob).post('/api/rooms/join', {'roomId': room['id']})
    http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'x'})
    return ann, bob, eve


def test_those_who_share_a_room_are_told_once_of_coming_and_going_and_nobody_else(http, friends, connect):
    ann, bob, eve = friends
    watcher, stranger = connect(bob), connect(eve)
    client = connect(ann)
    came = watcher.expect('user_status', where=lambda s: s['userId'] == ann.id)
    assert came == {'userId': ann.id, 'online': True, 'lastSeen': None}
    for _ in range(3):  # a page that is loaded again
        client.disconnect()
        client = connect(ann, '/chat')
    connect(ann).disconnect()
    client.drop()
    gone = watcher.expect('user_status', timeout=8)
    assert (gone['userId'], gone['online']) == (ann.id, False) and gone['lastSeen']
    user = http.as_user(bob).get(f'/api/users/{ann.id}').json()
    assert (user['online'], user['lastSeen']) == (False, gone['lastSeen'])
    watcher.expect_nothing('user_status')
    stranger.expect_nothing('user_status')


def test_a_user_who_does_not_see_itself(friends, connect):
    ann, _, _ = friends
    first = connect(ann)
    connect(ann)
    first.expect_nothing('user_status', seconds=0.5, where=lambda s: s['userId'] == ann.id)


def test_who_joins_is_shown_as_online_to_the_members(http, new_user, connect):
    ann, bob = new_user(), new_user()
    room = http.as_user(ann).post('/api/rooms', {'name': 'x'}).json()['room']
    watcher = connect(ann)
    connect(bob)
    watcher.expect_nothing('user_status', seconds=0.5)
    http.as_user(bob).post('/api/rooms/join', {'roomId': room['id']})
    assert watcher.expect('user_status')['userId'] == bob.id


def test_last_seen_survives_a_restart(start_server, open_http, open_socket, database):
    server = start_server(database=database)
    http = open_http(server)
    ann, bob = http.register(), http.register()
    open_socket(server, ann).disconnect()
    wait_until(lambda: http.as_user(bob).get(f'/api/users/{ann.id}').json()['lastSeen'])
    seen = http.as_user(bob).get(f'/api/users/{ann.id}').json()['lastSeen']
    server.restart()
    assert open_http(server).as_user(bob).get(f'/api/users/{ann.id}').json()['lastSeen'] == seen
