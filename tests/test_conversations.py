"""The inbox."""


def test_the_inbox_lists_every_conversation_newest_first(http, new_user):
    me, bob, eve = new_user(), new_user(), new_user()
    room = http.as_user(me).post('/api/rooms', {'name': 'mine', 'isPrivate': True}).json()['room']
    http.as_user(bob).post(f'/api/messages/send/{me.id}', {'content': 'from bob'})
    http.as_user(me).post(f'/api/messages/send/{eve.id}', {'content': 'to eve'})
    http.as_user(me).post(f'/api/rooms/{room["id"]}/messages', {'content': 'in the room'})
    listed = [r for r in http.as_user(me).get('/api/conversations').json() if r['kind'] != 'lobby']
    assert [r['lastMessage']['content'] for r in listed] == ['in the room', 'to eve', 'from bob']
    assert [r['unreadCount'] for r in listed] == [0, 0, 1]
    assert [r['kind'] for r in listed] == ['private', 'direct', 'direct']
    assert [r.get('otherUser', {}).get('id') for r in listed] == [None, eve.id, bob.id]
    assert [r['name'] for r in listed] == ['mine', eve.user['displayName'], bob.user['displayName']]
    assert listed[1].keys() == listed[0].keys() - {'inviteCode'} | {'otherUser'}
    assert listed[2]['lastMessage']['receiverId'] == me.id


def test_the_lobby_is_in_every_inbox_and_in_no_list_of_rooms(http, new_user):
    me = http.as_user(new_user())
    lobby = [r for r in me.get('/api/conversations').json() if r['kind'] == 'lobby']
    assert len(lobby) == 1 and lobby[0]['memberCount'] >= 1
    assert 'lobby' not in {r['kind'] for path in ('/api/rooms', '/api/rooms/mine') for r in me.get(path).json()['rooms']}


def test_a_room_without_messages_is_listed_once_joined(http, new_user):
    ann, bob = new_user(), new_user()
    room = http.as_user(ann).post('/api/rooms', {'name': 'quiet'}).json()['room']
    http.as_user(bob).post('/api/rooms/join', {'roomId': room['id']})
    listed = {r['id']: r for r in http.as_user(bob).get('/api/conversations').json()}
    assert listed[room['id']]['lastMessage'] is None


def test_the_inbox_continues_after_a_room(http, new_user):
    me, others = new_user(), [new_user() for _ in range(3)]
    for other in others:
        http.as_user(other).post(f'/api/messages/send/{me.id}', {'content': 'x'})
    http.as_user(me).post('/api/rooms', {'name': 'empty'})
    http.as_user(me).post('/api/rooms', {'name': 'empty too'})
    ids = [room['id'] for room in http.as_user(me).get('/api/conversations').json()]
    for cut, room_id in enumerate(ids):
        after = http.as_user(me).get('/api/conversations', params={'after': room_id}).json()
        assert [room['id'] for room in after] == ids[cut + 1:]
