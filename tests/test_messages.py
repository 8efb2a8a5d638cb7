"""Messages: over HTTP and sockets, stored first, delivered live, paged."""
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.http import expect_error
from tests.support.sockets import expect_failure, expect_ok

FIELDS = {'id', 'roomId', 'senderId', 'receiverId', 'type', 'content', 'attachments', 'replyToId', 'clientId', 'reactions', 'mentions',
          'createdAt', 'editedAt', 'deletedAt', 'deliveredAt', 'readAt'}


@pytest.fixture
def pair(new_user):
    return new_user(), new_user()


# ---------------------------------------------------------------------- sending over HTTP

def test_a_message_sent_over_http_is_answered_stored_and_listed_for_both(http, pair):
    ann, bob = pair
    response = http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': '  Grüße 👋  '})
    assert response.status_code == 201
    message = response.json()
    assert message.keys() == FIELDS
    assert (message['senderId'], message['receiverId'], message['content']) == (ann.id, bob.id, 'Grüße 👋')
    assert message['createdAt'].endswith('Z') and len(message['createdAt']) == 24
    for reader, other in ((ann, bob), (bob, ann)):
        assert [m['id'] for m in http.as_user(reader).get(f'/api/messages/{other.id}').json()] == [message['id']]


@pytest.mark.parametrize('receiver', ['receiverId', 'toUserId'])
@pytest.mark.parametrize('name', ['content', 'message'])
def test_the_receiver_can_stand_in_the_body(http, pair, receiver, name):
    ann, bob = pair
    for given in (bob.id, str(bob.id)):
        message = http.as_user(ann).post('/api/messages/send', {receiver: given, name: 'hello'}).json()
        assert (message['receiverId'], message['content']) == (bob.id, 'hello')


def test_a_room_id_names_a_conversation_of_the_sender(http, pair, new_user):
    ann, bob = pair
    room_id = http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'a'}).json()['roomId']
    answer = http.as_user(bob).post('/api/messages/send', {'roomId': room_id, 'content': 'b'})
    assert (answer.json()['receiverId'], answer.status_code) == (ann.id, 201)
    foreign = http.as_user(new_user()).post('/api/messages/send', {'roomId': room_id, 'content': 'c'})
    expect_error(foreign, 404, 'not_found')


def test_without_a_receiver_a_message_goes_to_the_lobby(http, pair, connect):
    ann, bob = pair
    listener = connect(bob)
    message = http.as_user(ann).post('/api/messages/send', {'content': 'to all', 'clientId': f'l{ann.id}'}).json()
    assert message['receiverId'] is None
    received = listener.expect('receive_message', where=lambda m: m['id'] == message['id'])
    assert received == message | {'userId': ann.id}


@pytest.mark.parametrize('body', [
    {'content': 'x', 'recieverId': 1}, {'content': 'x', 'to': 1}, {'content': 'x', 'toUserId': None},
    {'content': 'x', 'roomId': None}, {'content': 'x', 'toUserId': 1, 'roomId': 1},
    {'content': 'x', 'toUserId': 1, 'receiverId': 1}])
def test_a_misspelt_receiver_never_publishes_a_private_message(http, new_user, body):
    expect_error(http.as_user(new_user()).post('/api/messages/send', body), 422, 'validation_error')


@pytest.mark.parametrize(('body', 'status', 'code'), [
    ({}, 422, 'validation_error'), ({'content': ''}, 422, 'validation_error'), ({'content': ' \n '}, 422, 'validation_error'),
    ({'content': 5}, 422, 'validation_error'), ({'content': None}, 422, 'validation_error'),
    ({'content': ['a']}, 422, 'validation_error'), ({'content': 'a\0b'}, 422, 'validation_error'),
    ({'content': 'x' * 4001}, 413, 'too_large'), ({'content': '👋' * 4001}, 413, 'too_large'),
    ({'content': 'a', 'clientId': ''}, 422, 'validation_error'),
    ({'content': 'a', 'clientId': 'x' * 65}, 422, 'validation_error'),
    ({'content': 'a', 'clientId': 5}, 422, 'validation_error'), ({'content': 'a', 'replyToId': 2**50}, 422, 'validation_error'),
    ([], 422, 'validation_error'), ('text', 422, 'validation_error')])
def test_a_message_that_can_not_be_taken_is_refused_and_not_stored(http, pair, body, status, code):
    ann, bob = pair
    expect_error(http.as_user(ann).post(f'/api/messages/send/{bob.id}', body), status, code)
    assert http.as_user(ann).get(f'/api/messages/{bob.id}').json() == []


CONTROL = ''.join(map(chr, (*range(1, 32), *range(127, 160))))


@pytest.mark.parametrize('content', [
    'x' * 4000, '👋' * 4000, '<b>&amp;</b>', 'a\u202eb\u200d', '\U0010ffff', f'a{CONTROL}b', '"\\\'/\\u0041\\', '[1, {"a": null}]',
    '100 % of %s and %(x)s', '\ufeff\u2028\u2029\ufffe', "'); DROP TABLE messages; --"])
def test_content_is_kept_as_typed(http, pair, content):
    ann, bob = pair
    room = http.as_user(ann).post('/api/rooms', {'name': 'x'}).json()['room']['id']
    sent = {'content': content, 'clientId': content[:64]}
    direct = http.as_user(ann).post(f'/api/messages/send/{bob.id}', sent).json()
    in_room = http.as_user(ann).post(f'/api/rooms/{room}/messages', sent | {'clientId': f'r{content[:63]}'}).json()['message']
    assert (direct['content'], direct['clientId'], in_room['content']) == (content, content[:64], content)
    assert http.as_user(bob).get(f'/api/messages/{ann.id}').json() == [direct]
    assert http.as_user(ann).get(f'/api/rooms/{room}/messages').json() == {'messages': [in_room]}


@pytest.mark.parametrize(('data', 'kind', 'status', 'code'), [
    (b'{"content": "x"', 'application/json', 400, 'bad_request'), (b'', 'application/json', 400, 'bad_request'),
    (b'\xff\xfe', 'application/json', 400, 'bad_request'), (b'{"content": NaN}', 'application/json', 400, 'bad_request'),
    (b'[' * 100_000, 'application/json', 400, 'bad_request'), (b'content=x', 'text/plain', 400, 'bad_request'),
    (b'content=x', 'application/x-www-form-urlencoded', 400, 'bad_request'),
    (b'{"content": "\\ud83d"}', 'application/json', 422, 'validation_error'),
    (b'{"content": "' + b'x' * 262_144 + b'"}', 'application/json', 413, 'too_large')])
def test_a_body_that_can_not_be_read_is_refused(http, pair, data, kind, status, code):
    ann, bob = pair
    headers = {'Content-Type': kind}
    response = http.as_user(ann).request('POST', f'/api/messages/send/{bob.id}', data=data, headers=headers)
    expect_error(response, status, code)


def test_nobody_writes_to_a_missing_user_or_to_themselves(http, new_user):
    account = new_user()
    me = http.as_user(account)
    expect_error(me.post('/api/messages/send/999999999', {'content': 'x'}), 404, 'not_found')
    expect_error(me.get('/api/messages/999999999'), 404, 'not_found')
    expect_error(me.post(f'/api/messages/send/{account.id}', {'content': 'x'}), 422, 'validation_error')


def test_a_reply_names_a_message_of_its_conversation(http, pair, new_user):
    ann, bob = pair
    me = http.as_user(ann)
    first = me.post(f'/api/messages/send/{bob.id}', {'content': 'a'}).json()
    reply = me.post(f'/api/messages/send/{bob.id}', {'content': 'b', 'replyToId': first['id']})
    assert reply.json()['replyToId'] == first['id']
    elsewhere = me.post(f'/api/messages/send/{new_user().id}', {'content': 'b', 'replyToId': first['id']})
    assert 'replyToId' in expect_error(elsewhere, 422, 'validation_error')['errors']


# ---------------------------------------------------------------------- clientId

def test_the_same_client_id_again_answers_the_first_message_and_delivers_nothing(http, pair, connect):
    ann, bob = pair
    listener, me = connect(bob), http.as_user(ann)
    first = me.post(f'/api/messages/send/{bob.id}', {'content': 'once', 'clientId': 'c-1'})
    again = me.post(f'/api/messages/send/{bob.id}', {'content': 'changed', 'clientId': 'c-1'})
    assert (first.status_code, again.status_code) == (201, 200) and first.json() == again.json()
    listener.expect('newMessage')
    listener.expect_nothing('newMessage')


def test_client_ids_are_compared_byte_by_byte_and_by_sender(http, pair):
    ann, bob = pair
    ids = ['ab', 'aB', 'ab ', 'äb', 'a\u0308b', '👋', '👍']
    for sender, receiver in ((ann, bob), (bob, ann)):
        for client_id in ids:
            answer = http.as_user(sender).post(f'/api/messages/send/{receiver.id}', {'content': 'x', 'clientId': client_id})
            assert answer.status_code == 201 and answer.json()['clientId'] == client_id
    assert len(http.as_user(ann).get(f'/api/messages/{bob.id}').json()) == 2 * len(ids)


def test_the_same_client_id_in_another_conversation_is_a_conflict(http, pair, new_user):
    ann, bob = pair
    me = http.as_user(ann)
    me.post(f'/api/messages/send/{bob.id}', {'content': 'x', 'clientId': 'c'})
    expect_error(me.post(f'/api/messages/send/{new_user().id}', {'content': 'x', 'clientId': 'c'}), 409, 'conflict')


def test_identical_requests_that_race_are_stored_once(http, pair, connect):
    ann, bob = pair
    listener = connect(bob)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: http.as_user(ann).post(
            f'/api/messages/send/{bob.id}', {'content': 'race', 'clientId': 'r'}), range(16)))
    assert sorted(answer.status_code for answer in answers) == [200] * 15 + [201]
    assert len({answer.json()['id'] for answer in answers}) == 1
    listener.expect('newMessage')
    listener.expect_nothing('newMessage')


# ---------------------------------------------------------------------- sending over sockets

@pytest.mark.parametrize('namespace', ['/', '/chat'])
@pytest.mark.parametrize('event', ['send_message', 'message:private'])
def test_a_direct_message_reaches_every_connection_of_the_receiver_and_the_senders_others(
        connect, pair, http, namespace, event):
    ann, bob = pair
    sender, second, receivers = connect(ann, namespace), connect(ann, '/chat'), [connect(bob), connect(bob, '/chat')]
    ack = expect_ok(sender.call(event, {'toUserId': bob.id, 'content': ' hi ', 'clientId': 'x'}))
    message = ack['message']
    assert message.keys() == FIELDS and message['content'] == 'hi'
    for receiver in receivers:
        assert receiver.expect('newMessage') == message
        receiver.expect_nothing('newMessage')
        receiver.expect_nothing('message_sent')
    assert second.expect('message_sent') == message
    sender.expect_nothing('message_sent')
    sender.expect_nothing('newMessage')
    assert http.as_user(bob).get(f'/api/messages/{ann.id}').json() == [message]


def test_a_message_sent_over_http_reaches_every_connection_of_the_sender_too(connect, pair, http):
    ann, bob = pair
    own, other = connect(ann), connect(bob)
    message = http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'x'}).json()
    assert own.expect('message_sent') == message == other.expect('newMessage')


def test_a_message_sent_without_asking_for_an_acknowledgement_arrives(connect, pair):
    ann, bob = pair
    sender, receiver = connect(ann), connect(bob)
    sender.emit('send_message', {'toUserId': bob.id, 'content': 'quiet'})
    assert receiver.expect('newMessage')['content'] == 'quiet'


@pytest.mark.parametrize('transports', [['websocket'], ['polling'], ['polling', 'websocket']])
def test_500_messages_sent_at_once_are_stored_delivered_and_acknowledged_in_order(connect, pair, http, transports):
    ann, bob = pair
    sender, receiver = connect(ann, transports=transports), connect(bob, transports=transports)
    contents = [f'message {number}' for number in range(500)]
    acks = sender.send_many('send_message', [{'toUserId': bob.id, 'content': content} for content in contents])
    assert [index for index, _ in acks] == list(range(500))
    assert [expect_ok(ack)['message']['content'] for _, ack in acks] == contents
    assert [receiver.expect('newMessage')['content'] for _ in contents] == contents
    stored = http.as_user(bob).get(f'/api/messages/{ann.id}').json()
    assert [message['content'] for message in stored] == contents


def test_messages_of_many_senders_at_once_keep_each_senders_order(connect, new_user):
    receiver, senders = new_user(), [new_user() for _ in range(8)]
    listener, clients = connect(receiver), [connect(sender) for sender in senders]
    threads = [threading.Thread(target=client.send_many, args=('send_message', [
        {'toUserId': receiver.id, 'content': str(number)} for number in range(100)])) for client in clients]
    for thread in threads:
        thread.start()
    received = [listener.expect('newMessage', timeout=20) for _ in range(800)]
    for thread in threads:
        thread.join()
    for sender in senders:
        of_sender = [message for message in received if message['senderId'] == sender.id]
        assert [message['content'] for message in of_sender] == [str(number) for number in range(100)]
        assert [message['id'] for message in of_sender] == sorted(message['id'] for message in of_sender)


def test_a_failure_among_pipelined_messages_is_answered_in_its_place(connect, pair):
    ann, bob = pair
    payloads = [{'toUserId': bob.id, 'content': 'a'}, {'toUserId': bob.id, 'content': ''}, {'toUserId': bob.id, 'content': 'c'}]
    acks = connect(ann).send_many('send_message', payloads * 20)
    assert [index for index, _ in acks] == list(range(60))
    assert [ack['ok'] for _, ack in acks] == [True, False, True] * 20


@pytest.mark.parametrize('payload', [
    None, 5, 'text', [], {}, {'content': 'x'}, {'toUserId': 'x', 'content': 'x'}, {'toUserId': True, 'content': 'x'},
    {'toUserId': 1, 'roomId': 1, 'content': 'x'}, {'toUserId': -1, 'content': 'x'}, {'toUserId': {'a': 1}, 'content': 'x'},
    {'toUserId': 1, 'content': {'a': [1]}}, {'toUserId': 1.5, 'content': 'x'}, {'toUserId': '1e3', 'content': 'x'}])
def test_a_payload_of_any_shape_gets_an_error_and_the_connection_stays(connect, new_user, payload):
    client = connect(new_user())
    expect_failure(client.call('send_message', payload), 'validation_error')
    assert client.expect('error')['event'] == 'send_message'
    assert client.connected


def test_a_failure_is_acknowledged_and_sent_as_an_event_with_the_client_id(connect, new_user):
    client = connect(new_user())
    ack = expect_failure(client.call('send_message', {'toUserId': 999999999, 'content': 'x', 'clientId': 'c9'}), 'not_found')
    assert ack.keys() == {'ok', 'code', 'message'}
    error = client.expect('error')
    assert error == {'code': 'not_found', 'message': ack['message'], 'event': 'send_message', 'clientId': 'c9'}


# ---------------------------------------------------------------------- histories

def test_a_history_pages_both_ways_by_message_id_with_links(http, pair):
    ann, bob = pair
    me = http.as_user(ann)
    ids = [me.post(f'/api/messages/send/{bob.id}', {'content': str(number)}).json()['id'] for number in range(7)]

    def pages(path):
        found = []
        while path:
            response = me.get(path)
            found.append([message['id'] for message in response.json()])
            path = response.links.get('next', {}).get('url')
        return found

    assert pages(f'/api/messages/{bob.id}?limit=3') == [ids[4:], ids[1:4], ids[:1]]
    assert pages(f'/api/messages/{bob.id}?limit=3&after=0') == [ids[:3], ids[3:6], ids[6:]]
    assert pages(f'/api/messages/{bob.id}?limit=7') == [ids]
    assert pages(f'/api/messages/{bob.id}?before={ids[3]}') == [ids[:3]]
    assert pages(f'/api/messages/{bob.id}?after={ids[3]}') == [ids[4:]]
    assert pages(f'/api/messages/{bob.id}?after={ids[0]}&before={ids[3]}') == [ids[1:3]]


@pytest.mark.parametrize('query', ['limit=0', 'limit=101', 'limit=x', 'limit=-1', 'limit=1.0', 'before=x', 'after=-1',
                                   'before=9007199254740993', 'limit=', 'before=٣'])
def test_a_bad_page_is_refused(http, pair, query):
    ann, bob = pair
    field = query.split('=')[0]
    error = expect_error(http.as_user(ann).get(f'/api/messages/{bob.id}?{query}'), 422, 'validation_error')
    assert list(error['errors']) == [field]


def test_all_conversations_are_merged_by_message_id(http, new_user):
    me, others = new_user(), [new_user() for _ in range(4)]
    ids = []
    for number in range(12):
        other = others[number % 3]
        sender, receiver = (me, other) if number % 2 else (other, me)
        ids.append(http.as_user(sender).post(f'/api/messages/send/{receiver.id}', {'content': str(number)}).json()['id'])
    http.as_user(others[0]).post(f'/api/messages/send/{others[1].id}', {'content': 'foreign'})
    reader, found, path = http.as_user(me), [], f'/api/messages?limit=5&after={ids[0] - 1}'
    while path:
        response = reader.get(path)
        found += [message['id'] for message in response.json() if message['receiverId']]
        path = response.links.get('next', {}).get('url')
    assert found == ids
    newest = [message['id'] for message in reader.get('/api/messages?limit=100').json() if message['receiverId']]
    assert newest == ids


def test_a_direct_history_without_a_limit_gives_the_newest_500(connect, pair, http):
    ann, bob = pair
    connect(ann).send_many('send_message', [{'toUserId': bob.id, 'content': str(number)} for number in range(503)])
    response = http.as_user(bob).get(f'/api/messages/{ann.id}')
    assert [message['content'] for message in response.json()] == [str(number) for number in range(3, 503)]
    assert 'next' in response.links
