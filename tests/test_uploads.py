"""Files over HTTP and in messages: who may send and fetch what, and nothing that stays behind."""
import io
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pymysql
import pytest
from PIL import Image
from sqlalchemy import make_url

from chat.core.signatures import HOUR, Signatures
from tests.support import media as made
from tests.support.http import expect_error, raw_request, raw_status
from tests.support.sockets import expect_failure, expect_ok
from tests.support.waiting import wait_until

FIELDS = {'id', 'kind', 'filename', 'contentType', 'size', 'url', 'thumbnailUrl', 'width', 'height', 'durationMs'}
BOUNDARY = 'boundary'


@pytest.fixture
def pair(new_user):
    return new_user(), new_user()


@pytest.fixture
def upload(http):
    """Uploads bytes as a user: `upload(account, data, filename)`, further arguments are fields; returns the Attachment."""
    def send(account, data, filename='file.bin', **fields):
        response = post_file(http.as_user(account), '/api/uploads', data, filename, **fields)
        assert response.status_code == 201, response.text
        return response.json()
    return send


def post_file(client, path, *files, **fields):
    """A form with files, each bytes or (bytes, filename)."""
    if len(files) == 2 and isinstance(files[1], str):
        files = [files]
    files = [(file, 'file.bin') if isinstance(file, bytes) else file for file in files]
    parts = [('file', (name, data)) for data, name in files] or [('content', (None, fields.pop('content', '')))]
    return client.request('POST', path, files=parts, data=fields)


def kept(server):
    """The files in the server's storage, temporary ones too."""
    return sorted(path.name for path in (server.folder / 'uploads').rglob('*') if path.is_file())


@pytest.fixture
def nothing_left(server):
    """The test fails if the storage holds another file after it than before."""
    before = kept(server)
    yield
    assert kept(server) == before


def execute(server, sql, *values):
    """Runs a statement on the server's database, beside it, and returns its rows."""
    url = make_url(server.environment['DATABASE_URL'])
    if url.get_backend_name() == 'sqlite':
        with closing(sqlite3.connect(url.database)) as connection, connection:
            return connection.execute(sql, values).fetchall()
    with closing(pymysql.connect(host=url.host, port=url.port, user=url.username, password=url.password,
                                 database=url.database, autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute(sql.replace('?', '%s'), values)
        return cursor.fetchall()


# ---------------------------------------------------------------------- uploading

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
    body = b'--%s\r\n%s\r\n\r\n%s\r\n--%s--\r\n' % (BOUNDARY.encode(), head, data, BOUNDARY.encode())
    return client.request('POST', path, data=body, headers={'Content-Type': f'multipart/form-data; boundary={BOUNDARY}'})


@pytest.mark.parametrize(('body', 'kind', 'status', 'code'), [
    (b'{}', 'application/json', 400, 'bad_request'), (b'x', 'image/png', 400, 'bad_request'),
    (b'x', 'multipart/form-data', 400, 'bad_request'), (b'', 'multipart/form-data; boundary=b', 400, 'bad_request'),
    (b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx', 'multipart/form-data; boundary=b', 400, 'bad_request'),
    (b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n', 'multipart/form-data; boundary=b', 422, 'validation_error'),
    (b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nx\r\n--b--\r\n', 'multipart/form-data; boundary=b', 422,
     'validation_error'),
    (b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n' + b'x' * 300_000 + b'\r\n--b--\r\n', 'multipart/form-data; boundary=b',
     413, 'too_large'),
    (b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n' * 100 + b'--b--\r\n', 'multipart/form-data; boundary=b', 413, 'too_large')])
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
    chunked = me.request('POST', '/api/uploads', data=iter(pieces), headers={'Content-Type': 'multipart/form-data; boundary=b'})
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


# ---------------------------------------------------------------------- in messages

def test_one_request_sends_a_picture(http, pair, connect):
    ann, bob = pair
    listener, own = connect(bob), connect(ann)
    response = post_file(http.as_user(ann), f'/api/messages/send/{bob.id}', made.jpeg(), 'photo.jpg', content=' look ')
    assert response.status_code == 201
    message = response.json()
    attachment, = message['attachments']
    assert attachment.keys() == FIELDS and attachment['filename'] == 'photo.jpg'
    assert (message['type'], message['content']) == ('image', 'look')
    assert listener.expect('newMessage') == message == own.expect('message_sent')
    for reader, other in ((ann, bob), (bob, ann)):
        assert http.as_user(reader).get(f'/api/messages/{other.id}').json() == [message]
        assert http.as_user(reader).get('/api/conversations').json()[0]['lastMessage'] == message
        assert http.as_user(reader).get('/api/messages').json()[-1] == message
        assert http.as_user(reader).get(f'/api/uploads/{attachment["id"]}').status_code == 200
    assert http.get(attachment['url']).status_code == 200


@pytest.mark.parametrize('way', ['http', 'socket', 'private'])
def test_uploads_are_sent_by_their_ids_in_their_order(http, pair, connect, upload, way):
    ann, bob = pair
    listener = connect(bob)
    note, picture = upload(ann, made.wav(), kind='voice'), upload(ann, made.png())
    body = {'attachmentIds': [str(picture['id']), note['id']], 'toUserId': bob.id}
    if way == 'http':
        message = http.as_user(ann).post('/api/messages/send', body).json()
    else:
        event = 'send_message' if way == 'socket' else 'message:private'
        message = expect_ok(connect(ann).call(event, body))['message']
    assert (message['type'], message['content'], message['attachments']) == ('image', '', [picture, note])
    assert listener.expect('newMessage') == message
    assert http.as_user(bob).get(f'/api/messages/{ann.id}').json() == [message]


@pytest.mark.parametrize(('make', 'fields', 'kind'), [
    (made.wav, {'kind': 'voice'}, 'voice'), (made.png, {}, 'image'), (made.mp3, {}, 'file'), (lambda: made.PDF, {}, 'file')])
def test_the_type_of_a_message_is_that_of_its_first_attachment(http, pair, upload, make, fields, kind):
    ann, bob = pair
    first, second = upload(ann, make(), **fields), upload(ann, made.PDF)
    body = {'attachmentIds': [first['id'], second['id']], 'content': '😀'}
    assert http.as_user(ann).post(f'/api/messages/send/{bob.id}', body).json()['type'] == kind


@pytest.mark.parametrize(('content', 'kind'), [('😀', 'emoji'), (' 👍🏽🇫🇷1️⃣ ', 'emoji'), ('😀😀😀😀', 'text'), ('1', 'text'), ('ok 😀', 'text')])
def test_up_to_three_emoji_and_nothing_else_are_a_message_of_their_own_type(http, pair, connect, content, kind):
    ann, bob = pair
    listener = connect(bob)
    message = expect_ok(connect(ann).call('send_message', {'toUserId': bob.id, 'content': content}))['message']
    assert message['type'] == kind == listener.expect('newMessage')['type']
    assert [m['type'] for m in http.as_user(bob).get(f'/api/messages/{ann.id}').json()] == [kind]


@pytest.mark.parametrize('where', ['room', 'lobby'])
def test_pictures_are_sent_to_rooms_and_to_the_lobby(http, pair, connect, where):
    ann, bob = pair
    room = http.as_user(ann).post('/api/rooms', {'name': 'x'}).json()['room']
    http.as_user(bob).post('/api/rooms/join', {'roomId': room['id']})
    listener = connect(bob)
    path = f'/api/rooms/{room["id"]}/messages' if where == 'room' else '/api/messages/send'
    response = post_file(http.as_user(ann), path, (made.png(), 'a.png'), (made.wav(), 'b.wav'))
    assert response.status_code == 201
    message = response.json()['message'] if where == 'room' else response.json()
    assert [attachment['filename'] for attachment in message['attachments']] == ['a.png', 'b.wav']
    assert listener.expect('receive_message', where=lambda m: m['id'] == message['id']) == message | {'userId': ann.id}
    assert http.as_user(bob).get(f'/api/uploads/{message["attachments"][1]["id"]}').content == made.wav()


def test_a_form_may_name_a_receiver_and_may_come_without_a_file(http, pair):
    ann, bob = pair
    me = http.as_user(ann)
    response = post_file(me, '/api/messages/send', made.png(), receiverId=str(bob.id), clientId='c', message='hi')
    assert (response.status_code, response.json()['receiverId'], response.json()['clientId']) == (201, bob.id, 'c')
    reply = post_file(me, f'/api/messages/send/{bob.id}', content='just text')
    assert (reply.status_code, reply.json()['content'], reply.json()['attachments']) == (201, 'just text', [])


def test_a_form_sends_what_was_uploaded_before_as_well(http, pair, upload):
    ann, bob = pair
    before = upload(ann, made.PDF)
    message = post_file(http.as_user(ann), f'/api/messages/send/{bob.id}', made.png(), attachmentIds=[str(before['id'])]).json()
    assert [attachment['contentType'] for attachment in message['attachments']] == ['application/pdf', 'image/png']


@pytest.mark.parametrize('ids', [[2**50], ['x'], [True], 5, [1.5], 'x', {}, [-1], [None]])
@pytest.mark.parametrize('way', ['http', 'socket'])
def test_attachment_ids_that_are_none_are_refused(http, pair, connect, ids, way):
    ann, bob = pair
    if way == 'http':
        error = expect_error(http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'attachmentIds': ids}), 422, 'validation_error')
    else:
        error = expect_failure(connect(ann).call('send_message', {'toUserId': bob.id, 'attachmentIds': ids}), 'validation_error')
    assert any(field.startswith('attachmentIds') for field in error['errors'])


def test_nobody_sends_the_upload_of_another_nor_learns_that_it_exists(http, pair, upload):
    ann, bob = pair
    own, foreign = upload(ann, made.PDF), upload(bob, made.png())
    me, path = http.as_user(ann), f'/api/messages/send/{bob.id}'
    refusals = [expect_error(me.post(path, {'content': 'x', 'attachmentIds': [own['id'], number]}), 422, 'validation_error')
                for number in (foreign['id'], 2**50)]
    assert refusals[0] == refusals[1]
    for name in ('', '/thumbnail'):
        refusals = [expect_error(me.get(f'/api/uploads/{number}{name}'), 404, 'not_found') for number in (foreign['id'], 2**50)]
        assert refusals[0] == refusals[1]
    assert me.get(f'/api/messages/{bob.id}').json() == []
    assert me.post(path, {'attachmentIds': [own['id']]}).status_code == 201
    assert http.as_user(bob).post(f'/api/messages/send/{ann.id}', {'attachmentIds': [foreign['id']]}).status_code == 201


def test_an_attachment_belongs_to_one_message(http, pair, upload):
    ann, bob = pair
    sent, fresh = upload(ann, made.PDF), upload(ann, made.png())
    me, path = http.as_user(ann), f'/api/messages/send/{bob.id}'
    expect_error(me.post(path, {'attachmentIds': [sent['id'], sent['id']]}), 422, 'validation_error')
    assert me.post(path, {'attachmentIds': [sent['id']]}).status_code == 201
    error = expect_error(me.post(path, {'content': 'x', 'attachmentIds': [fresh['id'], sent['id']]}), 422, 'validation_error')
    assert 'attachmentIds' in error['errors']
    assert me.post(path, {'attachmentIds': [fresh['id']]}).status_code == 201
    assert len(me.get(f'/api/messages/{bob.id}').json()) == 2


def test_of_sends_that_race_for_an_attachment_one_has_it(http, pair, upload, connect):
    ann, bob = pair
    me, client = http.as_user(ann), connect(ann)
    for _ in range(5):
        attachment = upload(ann, made.PDF)
        body = {'toUserId': bob.id, 'attachmentIds': [attachment['id']]}
        acks = [client.call_async('send_message', body) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _, body=body: me.post('/api/messages/send', body), range(4)))
        outcomes = [ack.result(5)['ok'] for ack in acks] + [answer.status_code == 201 for answer in answers]
        assert outcomes.count(True) == 1
        assert {answer.status_code for answer in answers} <= {201, 422}
    messages = me.get(f'/api/messages/{bob.id}').json()
    assert [len(message['attachments']) for message in messages] == [1] * 5


def test_a_failed_attachment_among_pipelined_messages_fails_alone(connect, pair, upload, http):
    ann, bob = pair
    attachment = upload(ann, made.PDF)
    payloads = [{'toUserId': bob.id, 'content': str(number)} | ({'attachmentIds': [attachment['id']]} if number % 5 == 0 else {})
                for number in range(20)]
    acks = connect(ann).send_many('send_message', payloads)
    assert [ack['ok'] for _, ack in acks] == [number == 0 or number % 5 != 0 for number in range(20)]
    stored = http.as_user(bob).get(f'/api/messages/{ann.id}').json()
    assert [(m['content'], len(m['attachments'])) for m in stored] == [
        (str(number), int(number == 0)) for number in range(20) if number == 0 or number % 5 != 0]


def test_at_most_ten_files_go_into_a_message(http, pair, upload, server):
    ann, bob = pair
    me, path = http.as_user(ann), f'/api/messages/send/{bob.id}'
    ids = [upload(ann, made.PDF + bytes([number]))['id'] for number in range(11)]
    expect_error(me.post(path, {'attachmentIds': ids}), 422, 'validation_error')
    before = kept(server)
    expect_error(post_file(me, path, *[made.SVG + bytes([number]) for number in range(11)]), 422, 'validation_error')
    too_many = post_file(me, path, made.SVG, attachmentIds=[str(number) for number in ids[:10]])
    assert 'attachmentIds' in expect_error(too_many, 422, 'validation_error')['errors']
    assert kept(server) == before
    assert len(me.post(path, {'attachmentIds': ids[:10]}).json()['attachments']) == 10
    assert len(post_file(me, path, *[made.SVG + bytes([number]) for number in range(10)]).json()['attachments']) == 10


def test_the_same_client_id_again_answers_with_the_first_files_and_keeps_no_others(http, pair, upload, connect, server):
    ann, bob = pair
    listener, me, path = connect(bob), http.as_user(ann), f'/api/messages/send/{bob.id}'
    first = post_file(me, path, made.png(), 'a.png', clientId='c-1')
    before = kept(server)
    again = post_file(me, path, made.jpeg(), 'other.jpg', clientId='c-1')
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    body = {'attachmentIds': [upload(ann, made.PDF + b'once')['id']], 'clientId': 'c-2'}
    answers = [me.post(path, body) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert answers[0].json() == answers[1].json() == answers[2].json()
    assert expect_ok(connect(ann).call('send_message', body | {'toUserId': bob.id}))['message'] == answers[0].json()
    with ThreadPoolExecutor(6) as pool:
        raced = list(pool.map(lambda number: post_file(me, path, bytes([number]) * 99, clientId='c-3'), range(6)))
    assert sorted(answer.status_code for answer in raced) == [200] * 5 + [201]
    assert len({str(answer.json()) for answer in raced}) == 1
    listener.settle()
    assert len(listener.received('newMessage')) == 3
    assert len(kept(server)) == len(before) + 2


@pytest.mark.parametrize('case', ['missing', 'blocked', 'long', 'reply', 'conflict', 'outside', 'self', 'misspelt', 'nul'])
def test_files_of_a_refused_message_are_not_left_behind(http, pair, new_user, server, case):
    ann, bob = pair
    me, path = http.as_user(ann), f'/api/messages/send/{bob.id}'
    me.post(f'/api/messages/send/{new_user().id}', {'content': 'x', 'clientId': 'taken'})
    room = http.as_user(bob).post('/api/rooms', {'name': 'x'}).json()['room']
    before, fields, status = kept(server), {'content': 'x'}, 422
    if case == 'blocked':
        http.as_user(bob).put(f'/api/users/{ann.id}/block')
        status = 403
    path = {'missing': '/api/messages/send/999999999', 'outside': f'/api/rooms/{room["id"]}/messages',
            'self': f'/api/messages/send/{ann.id}', 'misspelt': '/api/messages/send'}.get(case, path)
    status = {'missing': 404, 'outside': 403, 'long': 413, 'conflict': 409}.get(case, status)
    fields |= {'long': {'content': 'x' * 4001}, 'reply': {'replyToId': str(2**50)}, 'conflict': {'clientId': 'taken'},
               'misspelt': {'recieverId': '1'}, 'nul': {'content': 'a\0b'}}.get(case, {})
    assert post_file(me, path, made.png(), made.PDF, **fields).status_code == status
    assert kept(server) == before
    assert execute(server, 'SELECT COUNT(*) FROM attachments WHERE uploader_id = ?', ann.id)[0][0] == 0


def test_files_of_a_message_over_the_limit_are_not_left_behind(start_server, open_http):
    server = start_server(env={'RATE_LIMIT_DIRECT': '1/60'})
    http = open_http(server)
    ann, bob = http.register(), http.register()
    answers = [post_file(http.as_user(ann), f'/api/messages/send/{bob.id}', bytes([number])) for number in range(3)]
    assert [answer.status_code for answer in answers] == [201, 429, 429] and len(kept(server)) == 1


# ---------------------------------------------------------------------- fetching

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


@pytest.mark.parametrize('path', ['/api/uploads/999999999', '/api/uploads/999999999/thumbnail', '/api/uploads/x', '/api/uploads/-1'])
def test_a_file_that_is_not_there_is_not_found(http, new_user, path):
    expect_error(http.as_user(new_user()).get(path), 404, 'not_found')


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
    import sys
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


# ---------------------------------------------------------------------- what stays and what goes

def test_equal_bytes_are_stored_once_and_go_with_the_last_who_has_them(start_server, open_http, database):
    server = start_server(database=database)
    http = open_http(server)
    ann, bob = http.register(), http.register()
    me = http.as_user(ann)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post_file(me, '/api/uploads', made.png()), range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len(kept(server)) == 2  # the picture and its thumbnail
    assert len({answer.json()['id'] for answer in answers}) == 8
    assert post_file(http.as_user(bob), '/api/uploads', made.png()).status_code == 201 and len(kept(server)) == 2
    rooms = [me.post('/api/rooms', {'name': 'x'}).json()['room']['id'] for _ in range(2)]
    for room, answer in zip(rooms, answers, strict=False):
        assert me.post(f'/api/rooms/{room}/messages', {'attachmentIds': [answer.json()['id']]}).status_code == 201
    me.delete(f'/api/rooms/{rooms[0]}')
    wait_until(lambda: http.get(answers[0].json()['url']).status_code == 401 or
               me.get(f'/api/uploads/{answers[0].json()["id"]}').status_code == 404, timeout=20)
    assert len(kept(server)) == 2 and http.get(answers[1].json()['url']).content == http.get(answers[2].json()['url']).content


def test_the_files_of_a_removed_room_go_with_its_messages(start_server, open_http, database):
    server = start_server(database=database)
    http = open_http(server)
    me = http.as_user(http.register())
    room = me.post('/api/rooms', {'name': 'x'}).json()['room']['id']
    for number in range(3):
        assert post_file(me, f'/api/rooms/{room}/messages', made.png((30 + number, 30)), made.PDF).status_code == 201
    other = post_file(me, '/api/messages/send', made.wav()).json()['attachments'][0]
    assert len(kept(server)) == 8
    assert me.delete(f'/api/rooms/{room}').status_code == 204
    wait_until(lambda: len(kept(server)) == 1, timeout=20)
    assert http.get(other['url']).content == made.wav()
    assert execute(server, 'SELECT COUNT(*) FROM attachments')[0][0] == execute(server, 'SELECT COUNT(*) FROM stored_files')[0][0] == 1


def test_uploads_that_are_not_sent_within_a_day_are_pruned(start_server, open_http, database):
    import os
    import subprocess
    import sys

    from tests.support.server import REPOSITORY
    server = start_server(database=database)
    http = open_http(server)
    me = http.as_user(http.register())
    sent = post_file(me, '/api/messages/send', made.png()).json()['attachments'][0]
    old, fresh = (post_file(me, '/api/uploads', data).json() for data in (made.png(), made.PDF))
    execute(server, 'UPDATE attachments SET created_at = created_at - 90000000 WHERE id IN (?, ?)', sent['id'], old['id'])
    stray, recent = server.folder / 'uploads' / 'ab' / f'ab{"0" * 62}.12345678', server.folder / 'uploads' / 'tmp' / 'recent'
    stray.parent.mkdir(exist_ok=True)
    for path in (stray, recent):
        path.write_bytes(b'x')
    os.utime(stray, (0, 0))

    def prune():
        done = subprocess.run([sys.executable, '-m', 'flask', 'uploads', 'prune'], cwd=REPOSITORY, env=server.environment,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert '1 uploads' in prune() and '0 uploads' in prune()
    assert me.get(f'/api/uploads/{old["id"]}').status_code == 404
    assert me.get(f'/api/uploads/{fresh["id"]}').content == made.PDF
    assert http.get(sent['url']).status_code == http.get(sent['thumbnailUrl']).status_code == 200
    assert not stray.exists() and recent.exists() and len(kept(server)) == 4


def test_files_survive_a_kill_and_a_restart(start_server, open_http, database):
    server = start_server(database=database)
    http = open_http(server)
    ann, bob = http.register(), http.register()
    message = post_file(http.as_user(ann), f'/api/messages/send/{bob.id}', made.PDF).json()
    server.kill()
    server.start()
    assert http.as_user(bob).get(f'/api/messages/{ann.id}').json() == [message]
    assert http.get(message['attachments'][0]['url']).content == made.PDF


def test_a_disk_that_takes_no_files_is_said_and_chat_goes_on(start_server, open_http, tmp_path):
    (tmp_path / 'file').write_text('no folder')
    server = start_server(env={'UPLOAD_FOLDER': str(tmp_path / 'file')})
    http = open_http(server)
    ann, bob = http.register(), http.register()
    expect_error(post_file(http.as_user(ann), '/api/uploads', made.PDF), 503, 'unavailable')
    assert http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'x'}).status_code == 201


def test_chat_goes_on_while_pictures_are_taken_in(http, pair, connect):
    ann, bob = pair
    big = made.saved(Image.effect_noise((4000, 3000), 50).convert('RGB'), 'JPEG')
    client = connect(ann)
    with ThreadPoolExecutor(2) as pool:
        busy = [pool.submit(post_file, http.as_user(bob), '/api/uploads', big) for _ in range(4)]
        while not all(future.done() for future in busy):
            expect_ok(client.call('send_message', {'toUserId': bob.id, 'content': 'x'}, timeout=2))
        assert {future.result().status_code for future in busy} == {201}
