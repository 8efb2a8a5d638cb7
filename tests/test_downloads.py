"""Downloads: who may fetch a file, how much of it, and how often its address works."""
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from chat.core.files.signatures import HOUR, Signatures
from tests.support import media as made
from tests.support.files import post_file
from tests.support.http import expect_error, raw_request


@pytest.fixture
def pair(new_user):
    return new_user(), new_user()


@pytest.fixture
def file_of_100(new_user, upload):
    return upload(new_user(), bytes(range(100)))['url']


@pytest.mark.parametrize(('range_', 'status', 'start', 'end'), [
    ('bytes=0-9', 206, 0, 10), ('bytes=0-0', 206, 0, 1), ('bytes=90-', 206, 90, 100), ('bytes=-5', 206, 95, 100),
    ('bytes=50-1000', 206, 50, 100), ('bytes=-99', 206, 1, 100), ('bytes=-1000', 206, 0, 100), ('bytes=0-', 206, 0, 100),
    (None, 200, 0, 100), ('bytes=x', 200, 0, 100), ('bytes=9-5', 200, 0, 100), ('items=0-5', 200, 0, 100),
    ('bytes=0-1,4-5', 200, 0, 100), ('', 200, 0, 100)])
def test_a_range_gives_a_part_and_what_is_no_range_the_whole(http, file_of_100, range_, status, start, end):
    response = http.get(file_of_100, headers={'Range': range_})
    assert (response.status_code, response.content) == (status, bytes(range(100))[start:end])
    assert response.headers['Accept-Ranges'] == 'bytes' and response.headers['Content-Length'] == str(end - start)
    assert response.headers.get('Content-Range') == (f'bytes {start}-{end - 1}/100' if status == 206 else None)


@pytest.mark.parametrize('range_', ['bytes=100-', 'bytes=-0', 'bytes=100-200', 'bytes=99999999999999999999-'])
def test_a_range_beyond_the_end_is_not_satisfiable(http, file_of_100, range_):
    response = http.get(file_of_100, headers={'Range': range_})
    assert response.status_code == 416 and response.headers['Content-Range'] == 'bytes */100'
    assert response.json()['code'] == 'range_not_satisfiable'


def test_what_a_client_has_already_is_not_sent_again(http, file_of_100):
    etag = http.get(file_of_100).headers['ETag']
    for known in (etag, f'"x", {etag}', f'W/{etag}', '*'):
        response = http.get(file_of_100, headers={'If-None-Match': known})
        assert (response.status_code, response.content, response.headers['ETag']) == (304, b'', etag)
        assert response.headers['Cache-Control'] == 'private'
    assert http.get(file_of_100, headers={'If-None-Match': '"x"'}).status_code == 200
    for known, status in ((etag, 206), ('"x"', 200), (f'W/{etag}', 200)):
        response = http.get(file_of_100, headers={'If-Range': known, 'Range': 'bytes=0-4'})
        assert (response.status_code, len(response.content)) == (status, 5 if status == 206 else 100)


def test_head_tells_what_get_would(http, file_of_100):
    got, told = http.get(file_of_100), http.request('HEAD', file_of_100)
    assert told.content == b'' and told.status_code == 200
    for name in ('Content-Length', 'Content-Type', 'ETag', 'Accept-Ranges', 'Content-Disposition', 'Cache-Control'):
        assert told.headers[name] == got.headers[name]


def test_a_large_file_arrives_whole_and_in_many_readers_hands(http, new_user, upload):
    data = bytes(range(256)) * 40_000
    url = upload(new_user(), data)['url']
    with ThreadPoolExecutor(4) as pool:
        assert all(response.content == data for response in pool.map(lambda _: http.get(url), range(4)))
    assert http.get(url, headers={'Range': 'bytes=5000000-5999999'}).content == data[5_000_000:6_000_000]


def test_a_file_is_for_its_uploader_and_the_members_of_its_room(http, pair, new_user, upload):
    ann, bob = pair
    eve = new_user()
    path = f'/api/uploads/{upload(ann, made.PDF)["id"]}'
    expect_error(http.get(path), 401, 'unauthorized')
    expect_error(http.get(path + '?signature=x'), 401, 'unauthorized')
    assert http.as_user(ann).get(path).status_code == 200
    for other in (bob, eve):
        expect_error(http.as_user(other).get(path), 404, 'not_found')
    room = http.as_user(ann).post('/api/rooms', {'name': 'x'}).json()['room']
    http.as_user(bob).post('/api/rooms/join', {'roomId': room['id']})
    http.as_user(ann).post(f'/api/rooms/{room["id"]}/messages', {'attachmentIds': [int(path.split('/')[-1])]})
    assert [http.as_user(user).get(path).status_code for user in (ann, bob, eve)] == [200, 200, 404]
    http.as_user(bob).delete(f'/api/rooms/{room["id"]}/members/{bob.id}')
    http.as_user(ann).delete(f'/api/rooms/{room["id"]}/members/{ann.id}')
    assert [http.as_user(user).get(path).status_code for user in (ann, bob, eve)] == [200, 404, 404]


def test_a_signature_opens_what_it_was_made_for_and_nothing_else(http, pair, upload):
    ann, bob = pair
    first, second = upload(ann, made.png()), upload(ann, made.PDF)
    signature = first['url'].partition('=')[2]
    assert http.get(first['url']).status_code == 200
    assert http.as_user(bob).get(first['url']).status_code == 200
    assert http.as_user('broken').get(first['url']).status_code == 200
    for path in (f'/api/uploads/{second["id"]}?signature={signature}', first['url'][:-1], first['url'] + 'x',
                 f'/api/uploads/{first["id"]}?signature=', f'/api/uploads/{first["id"]}?signature=é',
                 f'/api/users/{first["id"]}/avatar?signature={signature}'):
        expect_error(http.get(path), 401, 'unauthorized')
    stale = f'/api/uploads/{first["id"]}?signature=stale'
    assert http.as_user(ann).get(stale).status_code == 200
    expect_error(http.as_user(bob).get(stale), 404, 'not_found')
    expect_error(http.get(f'/api/users/me?signature={signature}'), 401, 'unauthorized')


@pytest.mark.parametrize('path', ['999999999', '999999999/thumbnail', 'x', '-1'])
def test_a_file_that_is_not_there_is_not_found(http, new_user, path):
    expect_error(http.as_user(new_user()).get(f'/api/uploads/{path}'), 404, 'not_found')


def test_only_pictures_have_a_thumbnail(http, new_user, upload):
    account = new_user()
    expect_error(http.as_user(account).get(f'/api/uploads/{upload(account, made.PDF)["id"]}/thumbnail'), 404, 'not_found')


def test_addresses_are_absolute_where_the_host_says_so(start_server, open_http):
    server = start_server(env={'PUBLIC_URL': 'https://chat.example.com/'})
    http = open_http(server)
    attachment = post_file(http.as_user(http.register()), '/api/uploads', made.png()).json()
    assert attachment['url'].startswith('https://chat.example.com/api/uploads/1?signature=')
    assert attachment['thumbnailUrl'].startswith('https://chat.example.com/api/uploads/1/thumbnail?')


def test_a_signature_is_the_same_for_an_hour_and_good_for_one_to_two():
    now = [100 * HOUR]
    signatures = Signatures('a secret', clock=lambda: now[0])
    first = signatures.url('/x', 5)
    signature = first.partition('=')[2]
    for moment, is_same, is_valid in ((0, True, True), (HOUR - 1, True, True), (HOUR, False, True), (2 * HOUR - 1, False, True),
                                      (2 * HOUR, False, False), (-1, False, False)):
        now[0] = 100 * HOUR + moment
        assert (signatures.url('/x', 5) == first) == is_same
        assert signatures.is_valid(signature, 5) == is_valid
    now[0] = 100 * HOUR
    assert not signatures.is_valid(signature, 6) and not signatures.is_valid(signature, '5 ') and not signatures.is_valid('', 5)
    assert not signatures.is_valid(None, 5) and not Signatures('another', clock=lambda: now[0]).is_valid(signature, 5)


@pytest.mark.parametrize('command', ['wsgi', 'gunicorn'])
def test_signatures_are_never_logged(start_server, open_http, command):
    options = {} if command == 'wsgi' else {'command': (
        sys.executable, '-m', 'gunicorn', '--worker-class', 'chat.gunicorn.Worker', '--workers', '1', '--access-logfile', '-',
        '--no-control-socket', '--bind', '127.0.0.1:{port}', 'wsgi:app')}
    server = start_server(env={'LOG_LEVEL': 'DEBUG'}, **options)
    http = open_http(server)
    url = post_file(http.as_user(http.register()), '/api/uploads', made.png()).json()['url']
    assert http.get(url).status_code == 200
    raw_request(server.port, f'GET {url} HTTP/9.9\r\nHost: x\r\n\r\n'.encode())
    raw_request(server.port, f'GET {url}{"x" * 20_000} HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
    http.close()
    server.stop()
    assert 'GET /api/uploads' in server.log() or command == 'wsgi'
    assert url.partition('=')[2] not in server.log()
