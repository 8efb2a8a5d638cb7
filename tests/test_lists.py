"""`limit` on every list (contract, section 1): so many items, and the address of the next ones."""
import pytest

from tests.support.http import expect_error

LISTS = ['/api/users', '/api/users/me/blocks', '/api/rooms', '/api/rooms/mine', '/api/rooms/{room}/members',
         '/api/conversations', '/api/calls', '/api/user']


@pytest.fixture
def someone(http, new_user, connect):
    """A user who has at least three of everything that can be listed, and the id of its room."""
    me, others = new_user(), [new_user() for _ in range(3)]
    mine = http.as_user(me)
    rooms = [mine.post('/api/rooms', {'name': f'room {number}'}).json()['room']['id'] for number in range(3)]
    for other in others:
        http.as_user(other).post('/api/rooms/join', {'roomId': rooms[0]})
        mine.post(f'/api/messages/send/{other.id}', {'content': 'hello'})
        connect(me).call('callUser', {'to': other.id})
        mine.put(f'/api/users/{other.id}/block')
    return mine, rooms[0]


def items(response):
    body = response.json()
    return body if isinstance(body, list) else next(iter(body.values()))


@pytest.mark.parametrize('path', LISTS)
def test_every_list_takes_a_limit_and_goes_on_where_it_ended(someone, path):
    http, room = someone
    path = path.format(room=room)
    everything = items(http.get(path, params={'limit': 1000}))
    assert len(everything) >= 3
    first = http.get(path, params={'limit': 2})
    assert items(first) == everything[:2]
    link = first.headers['Link']
    assert 'limit=2' in link
    second = http.get(link[link.index('<') + 1:link.index('>')])
    assert items(second) == everything[2:4]


@pytest.mark.parametrize('path', LISTS)
@pytest.mark.parametrize('limit', ['0', '1001', '-1', 'x', '', '1.5'])
def test_a_limit_that_is_none_is_refused(http, new_user, path, limit):
    reader = http.as_user(new_user())
    room = reader.post('/api/rooms', {'name': 'room'}).json()['room']['id']
    expect_error(reader.get(path.format(room=room), params={'limit': limit}), 422, 'validation_error')
