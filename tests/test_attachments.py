"""Attachments: files in messages, each in one, and gone with what was refused."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import media as made
from tests.support.files import execute, kept, post_file
from tests.support.http import expect_error
from tests.support.sockets import expect_failure, expect_ok

FIELDS = {'id', 'kind', 'filename', 'contentType', 'size', 'url', 'thumbnailUrl', 'width', 'height', 'durationMs'}


@pytest.fixture
def pair(new_user):
    return new_user(), new_user()


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


@pytest.mark.parametrize(('content', 'kind'), [
    ('😀', 'emoji'), (' 👍🏽🇫🇷1️⃣ ', 'emoji'), ('😀😀😀😀', 'text'), ('1', 'text'), ('ok 😀', 'text')])
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
        response = http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'attachmentIds': ids})
        error = expect_error(response, 422, 'validation_error')
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
