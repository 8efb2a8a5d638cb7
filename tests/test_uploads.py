"""Uploads: what is taken in, what is refused, and nothing that stays behind."""
import io
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from tests.support import media as made
from tests.support.files import kept, post_file
from tests.support.http import expect_error, raw_request, raw_status
from tests.support.sockets import expect_ok
from tests.support.waiting import wait_until

FIELDS = {'id', 'kind', 'filename', 'contentType', 'size', 'url', 'thumbnailUrl', 'width', 'height', 'durationMs'}
FORM = 'multipart/form-data; boundary=b'


@pytest.fixture
def pair(new_user):
    return new_user(), new_user()


@pytest.fixture
def nothing_left(server):
    """The test fails if the storage holds another file after it than before."""
    before = kept(server)
    yield
    assert kept(server) == before


@pytest.mark.parametrize(('data', 'fields', 'expected'), [
    (made.jpeg((600, 300)), {}, ('image', 'image/jpeg', 600, 300, None)),
    (made.png(), {}, ('image', 'image/png', 64, 40, None)), (made.animated('GIF'), {}, ('image', 'image/gif', 32, 32, None)),
    (made.webp(), {}, ('image', 'image/webp', 64, 40, None)), (made.PDF, {}, ('file', 'application/pdf', None, None, None)),
    (made.wav(1.0), {'kind': 'voice'}, ('voice', 'audio/wav', None, None, 1000)),
    (made.wav(1.0), {}, ('file', 'audio/wav', None, None, 1000)),
    (made.webm(0, told=False), {'kind': 'voice', 'durationMs': '4200'}, ('voice', 'audio/webm', None, None, 4200)),
    (made.m4a(0), {'kind': 'voice'}, ('voice', 'audio/mp4', None, None, None)),
    (made.PDF, {'durationMs': '5'}, ('file', 'application/pdf', None, None, None))])
def test_an_upload_is_answered_with_what_its_bytes_say(http, new_user, upload, data, fields, expected):
    account = new_user()
    attachment = upload(account, data, 'name.html', **fields)
    assert attachment.keys() == FIELDS
    assert tuple(attachment[name] for name in ('kind', 'contentType', 'width', 'height', 'durationMs')) == expected
    assert attachment['filename'] == 'name.html' and attachment['url'].startswith(f'/api/uploads/{attachment["id"]}?signature=')
    fetched = http.get(attachment['url'])
    assert fetched.status_code == 200 and len(fetched.content) == attachment['size']
    if attachment['kind'] == 'image':
        assert Image.open(io.BytesIO(fetched.content)).size == (attachment['width'], attachment['height'])
        small = http.get(attachment['thumbnailUrl'])
        assert small.headers['Content-Type'] == 'image/webp' and Image.open(io.BytesIO(small.content)).width <= 480
    else:
        assert fetched.content == data and attachment['thumbnailUrl'] is None


def test_pictures_lose_where_they_were_taken(http, new_user, upload):
    attachment = upload(new_user(), made.jpeg(orientation=6), 'photo.jpg')
    assert (attachment['width'], attachment['height']) == (40, 64)
    data = http.get(attachment['url']).content
    assert made.SECRET not in data and not Image.open(io.BytesIO(data)).getexif()


@pytest.mark.parametrize(('data', 'fields', 'status', 'code'), [
    (b'', {}, 422, 'validation_error'), (made.jpeg()[:400], {}, 422, 'validation_error'), (made.bomb(), {}, 413, 'too_large'),
    (made.TIFF, {}, 415, 'unsupported_media_type'), (made.heif(), {}, 415, 'unsupported_media_type'),
    (made.PROGRAM, {'kind': 'voice'}, 415, 'unsupported_media_type'),
    (made.png(), {'kind': 'voice'}, 415, 'unsupported_media_type'), (made.png(), {'kind': 'x'}, 422, 'validation_error'),
    (made.wav(), {'durationMs': '-1'}, 422, 'validation_error'), (made.wav(), {'durationMs': '1e3'}, 422, 'validation_error'),
    (made.wav(), {'durationMs': '86400001'}, 422, 'validation_error')])
@pytest.mark.parametrize('way', ['upload', 'message'])
def test_a_file_that_can_not_be_taken_is_refused_and_not_left_behind(http, pair, nothing_left, data, fields, status, code, way):
    ann, bob = pair
    path = '/api/uploads' if way == 'upload' else f'/api/messages/send/{bob.id}'
    if way == 'message' and not data:
        expect_error(post_file(http.as_user(ann), path, (b'', 'x.jpg'), content='hi'), status, code)
    else:
        expect_error(post_file(http.as_user(ann), path, data, 'x.jpg', **fields), status, code)
    assert http.as_user(ann).get(f'/api/messages/{bob.id}').json() == []


def test_a_renamed_program_is_a_file_that_is_only_ever_saved(http, new_user, upload):
    attachment = upload(new_user(), made.PROGRAM, 'holiday.jpg')
    assert attachment['kind'] == 'file' and attachment['thumbnailUrl'] is None
    expect_only_saved(http.get(attachment['url']), made.PROGRAM)


@pytest.mark.parametrize('data', [made.SVG, made.HTML, b'%!PS', b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>',
                                  made.m4a(handlers=(b'vide', b'soun')), made.PDF])
def test_nothing_that_a_browser_would_run_is_served_as_such(http, new_user, upload, data):
    expect_only_saved(http.get(upload(new_user(), data, 'picture.svg')['url']), data)


def expect_only_saved(response, data):
    assert response.content == data and response.headers['Content-Type'] == 'application/octet-stream'
    assert response.headers['Content-Disposition'].startswith('attachment;')
    assert response.headers['X-Content-Type-Options'] == 'nosniff'
    assert response.headers['Content-Security-Policy'] == "sandbox; default-src 'none'"
    assert response.headers['Cache-Control'] == 'private'


@pytest.mark.parametrize('data', [made.png(), made.jpeg(), made.wav(), made.webm(), made.ogg(), made.mp3(), made.m4a()])
def test_pictures_and_sound_are_shown_in_place(http, new_user, upload, data):
    attachment = upload(new_user(), data, 'a.bin')
    response = http.get(attachment['url'])
    assert response.headers['Content-Type'] == attachment['contentType']
    assert response.headers['Content-Disposition'] == 'inline; filename="a.bin"'
    assert response.headers['X-Content-Type-Options'] == 'nosniff' and response.headers['Cache-Control'] == 'private'


@pytest.mark.parametrize(('sent', 'stored', 'disposition'), [
    ('../../x.txt', 'x.txt', 'filename="x.txt"'), ('a\u202etxt.exe', 'atxt.exe', 'filename="atxt.exe"'),
    ('Grüße.txt', 'Grüße.txt', 'filename="Gr__e.txt"; filename*=UTF-8\'\'Gr%C3%BC%C3%9Fe.txt'),
    ('x' * 500 + '.txt', 'x' * 146 + '.txt', f'filename="{"x" * 146}.txt"'), ('100%;a.txt', '100%;a.txt',
     'filename="100__a.txt"; filename*=UTF-8\'\'100%25%3Ba.txt'),
    ('a\\"b.txt', '_b.txt', 'filename="_b.txt"'), ('a%0d%0aSet-Cookie: x', 'a%0d%0aSet-Cookie_ x',
     'filename="a_0d_0aSet-Cookie_ x"; filename*=UTF-8\'\'a%250d%250aSet-Cookie_%20x')])
def test_a_file_name_can_do_no_harm(http, new_user, server, sent, stored, disposition):
    account = new_user()
    head = f'Content-Disposition: form-data; name="file"; filename="{sent}"'.replace('\\"', '\\\\\\"')
    attachment = post_raw(http.as_user(account), head.encode(), b'x').json()
    assert attachment['filename'] == stored
    response = http.get(attachment['url'])
    assert response.headers['Content-Disposition'] == f'attachment; {disposition}' and 'Set-Cookie' not in response.headers


def test_line_breaks_in_a_file_name_break_nothing(http, new_user):
    me = http.as_user(new_user())
    for name in (b'a\r\nX-Evil: 1\r\n.txt', b'a\n.txt', b'a\rb.txt', b'\xff\xfe.txt', b'a\0.txt'):
        response = post_raw(me, b'Content-Disposition: form-data; name="file"; filename="' + name + b'"', b'x')
        assert response.status_code in (201, 400, 422)
        if response.status_code == 201:
            shown = http.get(response.json()['url']).headers
            assert 'X-Evil' not in shown and not re.search(r'[\r\n\0]', shown['Content-Disposition'])


def post_raw(client, head, data, path='/api/uploads'):
    body = b'--%s\r\n%s\r\n\r\n%s\r\n--%s--\r\n' % (b'b', head, data, b'b')
    return client.request('POST', path, data=body, headers={'Content-Type': FORM})


@pytest.mark.parametrize(('body', 'kind', 'status', 'code'), [
    (b'{}', 'application/json', 400, 'bad_request'), (b'x', 'image/png', 400, 'bad_request'),
    (b'x', 'multipart/form-data', 400, 'bad_request'), (b'', FORM, 400, 'bad_request'),
    (b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx', FORM, 400, 'bad_request'),
    (b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n', FORM, 422, 'validation_error'),
    (b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nx\r\n--b--\r\n', FORM, 422,
     'validation_error'),
    (b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n' + b'x' * 300_000 + b'\r\n--b--\r\n', FORM,
     413, 'too_large'),
    (b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n' * 100 + b'--b--\r\n', FORM, 413, 'too_large')])
def test_a_form_that_can_not_be_read_is_refused(http, new_user, nothing_left, body, kind, status, code):
    response = http.as_user(new_user()).request('POST', '/api/uploads', data=body, headers={'Content-Type': kind})
    expect_error(response, status, code)


def test_two_files_are_no_upload_but_a_message(http, pair, nothing_left):
    error = expect_error(post_file(http.as_user(pair[0]), '/api/uploads', made.PDF, made.SVG), 422, 'validation_error')
    assert 'file' in error['errors']


def test_a_body_that_ends_too_early_leaves_nothing_behind(http, new_user, server, nothing_left):
    head = (f'POST /api/uploads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {new_user().token}\r\n'
            'Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n'
            '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n')
    answer = raw_request(server.port, head.encode() + b'x' * 5000, finish=True)
    assert raw_status(answer) == 400
    wait_until(lambda: not list((server.folder / 'uploads' / 'tmp').iterdir()))


def test_uploading_needs_a_token(http, nothing_left):
    expect_error(post_file(http, '/api/uploads', made.PDF), 401, 'unauthorized')


def test_files_are_limited_by_size_and_everything_else_as_ever(start_server, open_http, database):
    server = start_server(env={'MAX_UPLOAD_BYTES': '300000'}, database=database)
    http = open_http(server)
    ann, bob = http.register(), http.register()
    me, send = http.as_user(ann), f'/api/messages/send/{bob.id}'
    assert post_file(me, '/api/uploads', b'x' * 300_000).status_code == 201
    for size in (300_001, 400_000, 2_000_000):
        expect_error(post_file(me, '/api/uploads', b'x' * size), 413, 'too_large')
    assert post_file(me, send, b'a' * 300_000, b'b' * 300_000, content='two').status_code == 201
    expect_error(post_file(me, send, b'a' * 300_000, b'b' * 300_001), 413, 'too_large')
    expect_error(me.put('/api/users/me/avatar', files={'file': b'x' * 300_001}), 413, 'too_large')
    pieces = (b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n', *[b'x' * 50_000] * 20)
    chunked = me.request('POST', '/api/uploads', data=iter(pieces), headers={'Content-Type': FORM})
    expect_error(chunked, 413, 'too_large')
    expect_error(me.post(send, {'content': 'x' * 300_000}), 413, 'too_large')
    expect_error(me.post('/api/rooms', {'name': 'x' * 300_000}), 413, 'too_large')
    assert len(kept(server)) == 3


def test_the_files_of_a_user_are_limited_together(start_server, open_http, database):
    server = start_server(env={'UPLOAD_QUOTA_BYTES': '1000'}, database=database)
    http = open_http(server)
    ann, bob = http.as_user(http.register()), http.as_user(http.register())
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda number: post_file(ann, '/api/uploads', bytes([number]) * 300), range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [413] * 3
    expect_error(post_file(ann, '/api/uploads', b'x' * 101), 413, 'too_large')
    assert len(kept(server)) == 3
    assert post_file(ann, '/api/uploads', b'x' * 100).status_code == 201
    expect_error(post_file(ann, '/api/uploads', b'x'), 413, 'too_large')
    assert post_file(bob, '/api/uploads', b'x' * 1000).status_code == 201


def test_chat_goes_on_while_pictures_are_taken_in(http, pair, connect):
    ann, bob = pair
    big = made.saved(Image.effect_noise((4000, 3000), 50).convert('RGB'), 'JPEG')
    client = connect(ann)
    with ThreadPoolExecutor(2) as pool:
        busy = [pool.submit(post_file, http.as_user(bob), '/api/uploads', big) for _ in range(4)]
        while not all(future.done() for future in busy):
            expect_ok(client.call('send_message', {'toUserId': bob.id, 'content': 'x'}, timeout=2))
        assert {future.result().status_code for future in busy} == {201}
