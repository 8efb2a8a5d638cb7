"""Video calls: signalling between real clients, rule by rule."""
import pytest

from tests.support.http import expect_error
from tests.support.sockets import expect_failure, expect_ok

OFFER = {'type': 'offer', 'sdp': 'v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n'}
ANSWER = {'type': 'answer', 'sdp': 'v=0\r\n'}


@pytest.fixture
def pair(new_user):
    return new_user(), new_user()


def ring(client, callee, **more):
    """Calls the user; the call's id."""
    return expect_ok(client.call('callUser', {'to': callee.id, 'offer': OFFER, **more}))['callId']


def answer(client, caller):
    expect_ok(client.call('makeAnswer', {'to': caller.id, 'answer': ANSWER}))


def set_up(client, caller, phone, callee):
    """A call of the two that has been answered; its id."""
    call_id = ring(client, callee)
    phone.expect('callUser')
    answer(phone, caller)
    client.expect('makeAnswer')
    return call_id


def expect_end(client, call_id, other, **rest):
    assert client.expect('endCall') == {'from': other.id, 'callId': call_id, **rest}


def expect_silence(*clients):
    for client in clients:
        for event in ('callUser', 'makeAnswer', 'iceCandidate', 'endCall'):
            client.expect_nothing(event)


# ---------------------------------------------------------------------- a call from its ringing to its end

@pytest.mark.parametrize('namespace', ['/', '/call'])
@pytest.mark.parametrize('name', ['to', 'receiverId', 'userId'])
def test_a_call_is_made_answered_and_hung_up(pair, connect, namespace, name):
    ann, bob = pair
    client, phone = connect(ann, namespace), connect(bob)
    call_id = expect_ok(client.call('callUser', {name: bob.id, 'offer': OFFER}))['callId']
    assert phone.expect('callUser') == {'from': ann.id, 'callId': call_id, 'offer': OFFER}
    expect_ok(phone.call('makeAnswer', {name: str(ann.id), 'answer': ANSWER}))
    assert client.expect('makeAnswer') == {'from': bob.id, 'callId': call_id, 'answer': ANSWER}
    for sender, receiver, to in ((client, phone, bob), (phone, client, ann)):
        expect_ok(sender.call('iceCandidate', {name: to.id, 'candidate': {'sdpMid': '0'}, 'callId': call_id}))
        told = receiver.expect('iceCandidate')
        assert told == {'from': bob.id if to is ann else ann.id, 'callId': call_id, 'candidate': {'sdpMid': '0'}}
    expect_ok(phone.call('endCall', {name: ann.id, 'reason': 'enough'}))
    expect_end(client, call_id, bob, reason='enough')
    expect_silence(client, phone)
    assert ring(phone, ann) > call_id


@pytest.mark.parametrize('offer', [
    None, 0, '', [], {}, 'x' * 60_000, ['nested', {'deep': [[[[1.5]]]]}], '👋 \u202e \0', 'half \ud83d', {'\ud83d': 1},
    b'', b'\x00\xff' * 1000, {'parts': [b'one', {'two': b'\xfe'}, 'half \ud83d']},
], ids=repr)
@pytest.mark.parametrize('transport', ['websocket', 'polling'])
def test_payloads_are_passed_on_untouched(pair, connect, offer, transport):
    ann, bob = pair
    client, phone, other = connect(ann, '/call'), connect(bob, transports=[transport]), connect(bob, '/call')
    call_id = ring(client, bob, offer=offer, userId='of the client', nothing=None)
    for receiver in (phone, other):
        assert receiver.expect('callUser') == {
            'from': ann.id, 'callId': call_id, 'offer': offer, 'userId': 'of the client', 'nothing': None}


def test_nobody_poses_as_another_caller_or_call(pair, connect):
    ann, bob = pair
    client, phone = connect(ann), connect(bob)
    call_id = expect_ok(client.call('callUser', {'to': bob.id, 'from': 1, 'callId': 'mine', 'offer': OFFER}))['callId']
    assert phone.expect('callUser') == {'from': ann.id, 'callId': call_id, 'offer': OFFER}


@pytest.mark.parametrize('event', ['callUser', 'makeAnswer', 'iceCandidate', 'endCall'])
def test_payloads_of_any_shape_are_answered(pair, connect, event):
    ann, bob = pair
    client, phone = connect(ann, '/call'), connect(bob)
    for payload in (None, 5, 'x', [], {}, {'offer': OFFER}, {'to': None}, {'to': 'bob'}, {'to': 1.5}, {'to': [bob.id]}):
        expect_failure(client.call(event, payload), 'validation_error')
    expect_failure(client.call(event), 'validation_error')
    deep = 'x'
    for _ in range(200):
        deep = [deep]
    expect_failure(client.call(event, {'to': bob.id, 'offer': deep}), 'validation_error')
    for large in ('x' * 66_000, 'é' * 33_000, b'x' * 66_000):
        expect_failure(client.call(event, {'to': bob.id, 'offer': large}), 'too_large')
    expect_silence(phone)


def test_nobody_calls_itself(new_user, connect):
    ann = new_user()
    client = connect(ann)
    expect_failure(client.call('callUser', {'to': ann.id, 'offer': OFFER}), 'validation_error')


@pytest.mark.parametrize('event', ['makeAnswer', 'iceCandidate', 'endCall'])
def test_without_a_call_its_events_are_not_found(pair, connect, event):
    ann, bob = pair
    client, phone = connect(ann, '/call'), connect(bob)
    expect_failure(client.call(event, {'to': bob.id}), 'not_found')
    assert client.expect('error')['event'] == event
    expect_silence(phone)


# ---------------------------------------------------------------------- several devices

def test_all_devices_ring_and_the_first_to_answer_wins(pair, connect):
    ann, bob = pair
    client, phones = connect(ann), [connect(bob), connect(bob, '/call'), connect(bob)]
    call_id = ring(client, bob)
    for phone in phones:
        assert phone.expect('callUser')['callId'] == call_id
    answer(phones[1], ann)
    assert client.expect('makeAnswer')['callId'] == call_id
    for phone in (phones[0], phones[2]):
        expect_end(phone, call_id, ann, reason='answered_elsewhere')
        for event in ('makeAnswer', 'iceCandidate', 'endCall'):
            expect_failure(phone.call(event, {'to': ann.id, 'callId': call_id}), 'not_found')
    expect_silence(client, *phones)
    expect_ok(client.call('iceCandidate', {'to': bob.id, 'candidate': 1}))
    assert phones[1].expect('iceCandidate')['candidate'] == 1
    expect_silence(*phones)


def test_of_answers_at_the_same_moment_one_counts(pair, connect):
    ann, bob = pair
    client, phones = connect(ann), [connect(bob) for _ in range(4)]
    call_id = ring(client, bob)
    for phone in phones:
        phone.expect('callUser')
    pending = [phone.call_async('makeAnswer', {'to': ann.id, 'answer': index}) for index, phone in enumerate(phones)]
    acks = [answered.result() for answered in pending]
    winner = [ack['ok'] for ack in acks].index(True)
    assert client.expect('makeAnswer')['answer'] == winner
    client.expect_nothing('makeAnswer')
    for index, phone in enumerate(phones):
        if index != winner:
            expect_failure(acks[index], 'not_found')
            expect_end(phone, call_id, ann, reason='answered_elsewhere')
    expect_silence(*phones)


def test_a_client_with_both_namespaces_rings_on_both(pair, connect):
    ann, bob = pair
    client, phone = connect(ann), connect(bob)
    same_phone = connect(bob, '/call', share_with=phone)
    call_id = ring(client, bob)
    assert phone.expect('callUser')['callId'] == same_phone.expect('callUser')['callId'] == call_id
    answer(same_phone, ann)
    assert client.expect('makeAnswer')['callId'] == call_id


def test_declining_on_one_device_ends_the_call_on_all(pair, connect):
    ann, bob = pair
    client, phones = connect(ann), [connect(bob), connect(bob)]
    call_id = ring(client, bob)
    expect_ok(phones[0].call('endCall', {'to': ann.id}))
    expect_end(client, call_id, bob)
    expect_end(phones[1], call_id, ann, reason='declined_elsewhere')
    expect_failure(phones[1].call('makeAnswer', {'to': ann.id}), 'not_found')
    phones[0].expect_nothing('endCall')
    assert ring(client, bob)


def test_the_caller_hangs_up_while_it_rings(pair, connect):
    ann, bob = pair
    client, other, phones = connect(ann), connect(ann), [connect(bob), connect(bob)]
    call_id = ring(client, bob)
    expect_failure(other.call('endCall', {'to': bob.id}), 'not_found')
    expect_ok(client.call('endCall', {'to': bob.id, 'reason': 'wrong number'}))
    for phone in phones:
        expect_end(phone, call_id, ann, reason='wrong number')
    expect_failure(phones[0].call('makeAnswer', {'to': ann.id}), 'not_found')
    expect_silence(client, other)


# ---------------------------------------------------------------------- candidates

def test_candidates_before_the_answer_reach_every_ringing_connection_in_order(pair, connect):
    ann, bob = pair
    client, phones = connect(ann), [connect(bob), connect(bob, '/call')]
    call_id = ring(client, bob)
    sent = [{'to': bob.id, 'callId': call_id, 'candidate': index} for index in range(50)]
    assert all(ack['ok'] for _, ack in client.send_many('iceCandidate', sent))
    for phone in phones:
        assert [phone.expect('iceCandidate')['candidate'] for _ in sent] == list(range(50))


def test_candidates_of_ringing_devices_reach_the_caller_before_the_answer(pair, connect):
    ann, bob = pair
    client, phones = connect(ann, '/call'), [connect(bob), connect(bob, '/call')]
    call_id = ring(client, bob)
    for index, phone in enumerate(phones):
        phone.expect('callUser')
        expect_ok(phone.call('iceCandidate', {'to': ann.id, 'candidate': index}))
        assert client.expect('iceCandidate') == {'from': bob.id, 'callId': call_id, 'candidate': index}
    expect_silence(*phones)


def test_candidates_and_the_answer_arrive_in_the_order_in_which_they_were_sent(pair, connect):
    ann, bob = pair
    client, phone = connect(ann), connect(bob)
    ring(client, bob)
    phone.expect('callUser')
    for index in range(3):
        phone.emit('iceCandidate', {'to': ann.id, 'candidate': index})
    phone.emit('makeAnswer', {'to': ann.id, 'answer': ANSWER})
    phone.emit('iceCandidate', {'to': ann.id, 'candidate': 3})
    phone.emit('endCall', {'to': ann.id})
    client.expect('endCall')
    names = [name for name, _ in client.transcript]
    assert names == ['iceCandidate'] * 3 + ['makeAnswer', 'iceCandidate', 'endCall']


# ---------------------------------------------------------------------- busy and offline

@pytest.mark.parametrize('answered', [False, True])
def test_who_is_in_a_call_or_rings_is_busy(pair, connect, new_user, answered):
    ann, bob = pair
    eve = new_user()
    client, phone, third = connect(ann), connect(bob), connect(eve)
    call_id = ring(client, bob)
    phone.expect('callUser')
    if answered:
        answer(phone, ann)
        client.expect('makeAnswer')
    for callee in (ann, bob):
        expect_failure(third.call('callUser', {'to': callee.id, 'offer': OFFER}), 'busy')
    for caller, to in ((client, bob), (connect(ann), bob), (client, eve), (phone, eve), (connect(bob), eve)):
        expect_failure(caller.call('callUser', {'to': to.id, 'offer': OFFER}), 'busy')
    if answered:
        expect_failure(phone.call('callUser', {'to': ann.id, 'offer': OFFER}), 'busy')
    expect_silence(client, phone, third)
    expect_ok(client.call('endCall', {'to': bob.id, 'callId': call_id}))
    assert ring(third, ann)


def test_without_a_standard_connection_for_calls_a_user_is_offline(pair, connect):
    ann, bob = pair
    client = connect(ann)
    expect_failure(client.call('callUser', {'to': bob.id, 'offer': OFFER}), 'offline')
    in_other_words = [connect(bob, '/chat'), *(connect(bob, namespace, auth={'token': bob.token, 'dialect': dialect})
                      for namespace in ('/', '/call') for dialect in ('chat-app-api', 'chat-io', 'realtime-chat'))]
    late = connect(None)
    expect_ok(late.call('auth:login', {'token': bob.token}))
    expect_failure(client.call('callUser', {'to': bob.id, 'offer': OFFER}), 'offline')
    phone = connect(bob, '/call')
    assert ring(client, bob) == phone.expect('callUser')['callId']
    expect_silence(late, *in_other_words)
    for other in (late, *in_other_words[1:]):
        expect_failure(other.call('makeAnswer', {'to': ann.id}), 'not_found')
        expect_failure(other.call('callUser', {'to': ann.id}), 'forbidden')
    expect_failure(in_other_words[0].call('callUser', {'to': ann.id}), 'not_found')


def test_whoever_blocked_the_caller_is_offline_to_it(pair, connect, http):
    ann, bob = pair
    client, phone = connect(ann), connect(bob)
    http.as_user(bob).put(f'/api/users/{ann.id}/block')
    expect_failure(client.call('callUser', {'to': bob.id, 'offer': OFFER}), 'offline')
    set_up(phone, bob, client, ann)
    expect_ok(phone.call('endCall', {'to': ann.id}))
    client.expect('endCall')
    http.as_user(bob).delete(f'/api/users/{ann.id}/block')
    assert ring(client, bob)


def test_whom_nobody_knows_can_not_be_called(new_user, connect):
    expect_failure(connect(new_user()).call('callUser', {'to': 999_999_999, 'offer': OFFER}), 'not_found')


# ---------------------------------------------------------------------- both at once

@pytest.mark.parametrize('answers', ['the same', 'another'])
def test_when_both_call_each_other_the_first_call_counts_and_nothing_rings_again(pair, connect, answers):
    ann, bob = pair
    client, phones = connect(ann), [connect(bob), connect(bob)]
    call_id = ring(client, bob)
    ack = expect_ok(phones[0].call('callUser', {'to': ann.id, 'offer': OFFER}))
    assert (ack['callId'], ack['incoming']) == (call_id, True)
    expect_silence(client)
    expect_failure(client.call('makeAnswer', {'to': bob.id, 'answer': ANSWER}), 'not_found')
    first, second = phones if answers == 'the same' else phones[::-1]
    for phone in phones:
        assert phone.expect('callUser')['offer'] == OFFER
    answer(first, ann)
    assert client.expect('makeAnswer')['callId'] == call_id
    expect_end(second, call_id, ann, reason='answered_elsewhere')
    expect_failure(client.call('makeAnswer', {'to': bob.id, 'answer': ANSWER}), 'not_found')
    expect_failure(second.call('makeAnswer', {'to': ann.id, 'answer': ANSWER}), 'not_found')
    expect_ok(client.call('iceCandidate', {'to': bob.id, 'candidate': 1}))
    assert first.expect('iceCandidate')['candidate'] == 1
    expect_silence(client, *phones)


def test_a_device_that_came_after_the_ringing_joins_it_by_calling_back(pair, connect):
    ann, bob = pair
    client, phone = connect(ann), connect(bob)
    call_id = ring(client, bob)
    late = connect(bob, '/call')
    expect_failure(late.call('makeAnswer', {'to': ann.id}), 'not_found')
    assert expect_ok(late.call('callUser', {'to': ann.id}))['incoming'] is True
    phone.expect('callUser')
    expect_silence(late, client)
    answer(late, ann)
    assert client.expect('makeAnswer')['callId'] == call_id
    expect_end(phone, call_id, ann, reason='answered_elsewhere')


def test_calls_at_the_very_same_moment_become_one(pair, connect):
    people = pair
    clients = [connect(user) for user in people]
    for _ in range(5):
        pending = [client.call_async('callUser', {'to': other.id, 'offer': other.id})
                   for client, other in zip(clients, reversed(people), strict=True)]
        acks = [expect_ok(call.result()) for call in pending]
        assert len({ack['callId'] for ack in acks}) == 1
        assert [ack.get('incoming', False) for ack in acks].count(True) == 1
        caller = 0 if acks[1].get('incoming') else 1
        callee = 1 - caller
        assert clients[callee].expect('callUser')['from'] == people[caller].id
        expect_failure(clients[caller].call('makeAnswer', {'to': people[callee].id}), 'not_found')
        answer(clients[callee], people[caller])
        assert clients[caller].expect('makeAnswer')['callId'] == acks[0]['callId']
        expect_ok(clients[caller].call('endCall', {'to': people[callee].id}))
        clients[callee].expect('endCall')
    expect_silence(*clients)


# ---------------------------------------------------------------------- what ends a call by itself

@pytest.fixture
def quick_server(start_server, database):
    return start_server(env={'CALL_TIMEOUT': 1, 'LOG_LEVEL': 'DEBUG'}, database=database)


def test_who_does_not_answer_in_time_is_not_reached(quick_server, open_http, open_socket):
    ann, bob = (open_http(quick_server).register() for _ in range(2))
    client, phones = open_socket(quick_server, ann), [open_socket(quick_server, bob) for _ in range(2)]
    for _ in range(2):
        call_id = ring(client, bob)
        expect_end(client, call_id, bob, reason='timeout')
        for phone in phones:
            assert phone.expect('callUser')['callId'] == call_id
            expect_end(phone, call_id, ann, reason='timeout')
    expect_failure(phones[0].call('makeAnswer', {'to': ann.id, 'callId': call_id}), 'not_found')
    assert OFFER['sdp'].strip() not in quick_server.log() and 'IN IP4' not in quick_server.log()


@pytest.mark.parametrize('way', ['disconnect', 'drop'])
@pytest.mark.parametrize('answered', [False, True])
@pytest.mark.parametrize('leaver', ['caller', 'callee'])
def test_a_call_ends_with_the_connection_of_either_party(pair, connect, way, answered, leaver):
    ann, bob = pair
    client, phone = connect(ann), connect(bob)
    call_id = ring(client, bob)
    phone.expect('callUser')
    bystanders = [connect(user, namespace) for user in pair for namespace in ('/', '/call')]
    if answered:
        answer(phone, ann)
    gone, left, other = (client, phone, ann) if leaver == 'caller' else (phone, client, bob)
    getattr(gone, way)()
    expect_end(left, call_id, other, reason='disconnected')
    expect_silence(*bystanders)
    expect_failure(left.call('endCall', {'to': other.id}), 'not_found')
    assert ring(left, other)


def test_the_ringing_goes_on_until_the_last_device_has_gone(pair, connect):
    ann, bob = pair
    client, phones = connect(ann), [connect(bob), connect(bob, '/call'), connect(bob)]
    call_id = ring(client, bob)
    phones[0].drop()
    phones[1].disconnect()
    phones[2].settle()
    client.expect_nothing('endCall')
    connect(bob)
    phones[2].drop()
    expect_end(client, call_id, bob, reason='disconnected')


def test_devices_that_take_no_part_may_go(pair, connect):
    ann, bob = pair
    client, other, phones = connect(ann), connect(ann), [connect(bob), connect(bob)]
    set_up(client, ann, phones[0], bob)
    phones[1].disconnect()
    other.drop()
    expect_ok(client.call('iceCandidate', {'to': bob.id, 'candidate': 1}))
    assert phones[0].expect('iceCandidate')['candidate'] == 1
    expect_silence(client, phones[0])


def test_signing_out_ends_the_call(pair, connect, http):
    ann, bob = pair
    client, phone = connect(ann), connect(bob)
    call_id = set_up(client, ann, phone, bob)
    http.as_user(ann).post('/api/auth/logout')
    expect_end(phone, call_id, ann, reason='disconnected')


# ---------------------------------------------------------------------- those who take no part

def test_a_late_event_of_an_older_call_does_not_touch_the_newer_one(pair, connect):
    ann, bob = pair
    client, phone = connect(ann), connect(bob)
    old = set_up(client, ann, phone, bob)
    expect_ok(phone.call('endCall', {'to': ann.id, 'callId': old}))
    client.expect('endCall')
    new = ring(phone, ann)
    client.expect('callUser')
    for event in ('makeAnswer', 'iceCandidate', 'endCall'):
        expect_failure(client.call(event, {'to': bob.id, 'callId': old}), 'not_found')
        expect_failure(phone.call(event, {'to': ann.id, 'callId': str(old)}), 'not_found')
    expect_silence(client, phone)
    expect_ok(client.call('makeAnswer', {'to': bob.id, 'callId': new, 'answer': ANSWER}))
    assert phone.expect('makeAnswer')['callId'] == new


@pytest.mark.parametrize('answered', [False, True])
def test_events_of_third_parties_never_reach_a_call(pair, connect, new_user, answered):
    ann, bob = pair
    eve = new_user()
    client, phone, third, own = connect(ann), connect(bob), connect(eve), connect(ann, '/call')
    call_id = set_up(client, ann, phone, bob) if answered else ring(client, bob)
    if not answered:
        phone.expect('callUser')
    for event in ('makeAnswer', 'iceCandidate', 'endCall'):
        for to in (ann, bob):
            expect_failure(third.call(event, {'to': to.id, 'callId': call_id}), 'not_found')
            expect_failure(third.call(event, {'to': to.id}), 'not_found')
        expect_failure(own.call(event, {'to': bob.id, 'callId': call_id}), 'not_found')
        expect_failure(client.call(event, {'to': eve.id, 'callId': call_id}), 'not_found')
    expect_silence(client, phone, third, own)


def test_calls_are_no_events_of_the_chat_namespace(pair, connect):
    ann, bob = pair
    client, phone, chat = connect(ann), connect(bob), connect(bob, '/chat')
    set_up(client, ann, phone, bob)
    for event in ('callUser', 'makeAnswer', 'iceCandidate', 'endCall'):
        expect_failure(chat.call(event, {'to': ann.id}), 'not_found')
    expect_silence(chat, client)


def test_before_signing_in_there_are_no_calls(pair, connect):
    client = connect(None)
    for event in ('callUser', 'makeAnswer', 'iceCandidate', 'endCall'):
        expect_failure(client.call(event, {'to': pair[0].id}), 'unauthorized')


def test_the_list_and_the_servers_need_a_token(http):
    for path in ('/api/calls', '/api/calls/ice-servers'):
        expect_error(http.get(path), 401, 'unauthorized')
