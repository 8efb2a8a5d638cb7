"""Avatars: set, seen by every signed-in user, and gone again."""
import io

import pytest
from PIL import Image

from tests.support import media as made
from tests.support.http import expect_error


def set_avatar(client, data, filename='me.jpg'):
    return client.put('/api/users/me/avatar', files={'file': (filename, data)})


def kept(server):
    return {path.name for path in (server.folder / 'uploads').rglob('*') if path.is_file()}


@pytest.mark.parametrize('data', [made.jpeg((900, 300), orientation=6), made.png((20, 20)), made.animated('GIF'), made.webp(),
                                  made.png(mode='RGBA'), made.saved(made.picture(mode='CMYK'), 'JPEG')])
def test_an_avatar_is_a_small_square_without_metadata(http, new_user, data):
    me = http.as_user(new_user())
    response = set_avatar(me, data)
    assert response.status_code == 200 and response.json() == me.get('/api/users/me').json()
    shown = http.get(response.json()['avatarUrl'])
    assert shown.headers['Content-Type'] == 'image/webp' and shown.headers['Cache-Control'] == 'private'
    assert shown.headers['Content-Disposition'] == 'inline; filename="avatar.webp"' and made.SECRET not in shown.content
    assert Image.open(io.BytesIO(shown.content)).size == (256, 256)


def test_every_signed_in_user_sees_an_avatar_wherever_users_are_shown(http, new_user):
    ann, bob = new_user(), new_user()
    url = set_avatar(http.as_user(ann), made.png()).json()['avatarUrl']
    viewer = http.as_user(bob)
    room = http.as_user(ann).post('/api/rooms', {'name': 'x'}).json()['room']
    viewer.post('/api/rooms/join', {'roomId': room['id']})
    viewer.post(f'/api/messages/send/{ann.id}', {'content': 'x'})
    members = viewer.get(f'/api/rooms/{room["id"]}/members').json()['members']
    direct = next(r for r in viewer.get('/api/conversations').json() if r['kind'] == 'direct')
    seen = [viewer.get(f'/api/users/{ann.id}').json(), direct['otherUser'],
            *(user for user in viewer.get('/api/users', params={'q': ann.username}).json()),
            *(member['user'] for member in members if member['user']['id'] == ann.id)]
    assert [user['avatarUrl'] for user in seen] == [url] * 4
    assert viewer.get(f'/api/users/{ann.id}/avatar').content == http.get(url).content
    assert viewer.get('/api/users/me').json()['avatarUrl'] is None
    etag = http.get(url).headers['ETag']
    assert http.get(url, headers={'If-None-Match': etag}).status_code == 304


def test_without_a_token_or_signature_nobody_sees_an_avatar_or_whether_there_is_one(http, new_user):
    ann, bob = new_user(), new_user()
    set_avatar(http.as_user(ann), made.png())
    refusals = [expect_error(http.get(f'/api/users/{user}/avatar{query}'), 401, 'unauthorized')
                for query in ('', '?signature=x') for user in (ann.id, bob.id, 999999999)]
    assert refusals[0] == refusals[1] == refusals[2] and refusals[3] == refusals[4] == refusals[5]
    expect_error(http.as_user(bob).get(f'/api/users/{bob.id}/avatar'), 404, 'not_found')
    expect_error(http.as_user(bob).get('/api/users/999999999/avatar'), 404, 'not_found')
    for method in ('PUT', 'DELETE'):
        expect_error(http.request(method, '/api/users/me/avatar'), 401, 'unauthorized')


def test_a_new_avatar_replaces_the_old_one_and_its_address(start_server, open_http, database):
    server = start_server(database=database)
    http = open_http(server)
    me, other = http.as_user(http.register()), http.as_user(http.register())
    first = set_avatar(me, made.png()).json()['avatarUrl']
    assert set_avatar(me, made.png()).json()['avatarUrl'] == first and len(kept(server)) == 1
    assert set_avatar(other, made.png()).status_code == 200 and len(kept(server)) == 1  # equal bytes are stored once
    second = set_avatar(me, made.jpeg((99, 99))).json()['avatarUrl']
    assert second != first and len(kept(server)) == 2
    assert http.get(second).status_code == 200
    expect_error(http.get(first), 401, 'unauthorized')
    removed = me.delete('/api/users/me/avatar')
    assert removed.status_code == 200 and removed.json()['avatarUrl'] is None and len(kept(server)) == 1
    expect_error(http.get(second), 401, 'unauthorized')
    assert me.delete('/api/users/me/avatar').status_code == 200
    other.delete('/api/users/me/avatar')
    assert kept(server) == set()


@pytest.mark.parametrize(('data', 'status', 'code'), [
    (made.PDF, 415, 'unsupported_media_type'), (made.SVG, 415, 'unsupported_media_type'),
    (made.PROGRAM, 415, 'unsupported_media_type'), (made.wav(), 415, 'unsupported_media_type'),
    (made.heif(), 415, 'unsupported_media_type'), (made.TIFF, 415, 'unsupported_media_type'),
    (b'', 422, 'validation_error'), (made.jpeg()[:400], 422, 'validation_error'), (made.bomb(), 413, 'too_large')])
def test_what_is_no_picture_is_refused_and_the_old_one_stays(http, new_user, server, data, status, code):
    me = http.as_user(new_user())
    url = set_avatar(me, made.png()).json()['avatarUrl']
    before = kept(server)
    expect_error(set_avatar(me, data), status, code)
    assert kept(server) == before and me.get('/api/users/me').json()['avatarUrl'] == url


def test_an_avatar_needs_exactly_one_file(http, new_user):
    me = http.as_user(new_user())
    expect_error(me.put('/api/users/me/avatar', files={'picture': ('a.png', made.png())}), 422, 'validation_error')
    expect_error(me.put('/api/users/me/avatar', json={}), 400, 'bad_request')
    two = [('file', ('a.png', made.png())), ('file', ('b.png', made.png()))]
    expect_error(me.request('PUT', '/api/users/me/avatar', files=two), 422, 'validation_error')
