"""What each member sets for itself in a room: what it wants to be told of while away, and whether the room is pinned."""
import pytest

from tests.support.http import expect_error


@pytest.fixture
def make_room(http):
    def make(owner, *members, private=False):
        room = http.as_user(owner).post('/api/rooms', {'name': 'room', 'isPrivate': private}).json()['room']
        for member in members:
            http.as_user(member).post('/api/rooms/join', {'inviteCode': room['inviteCode']})
        return room['id']
    return make


@pytest.fixture
def set_in(http):
    """Changes settings: `set_in(account, room_id, isPinned=True)`; returns the Room."""
    def change(account, room_id, **settings):
        response = http.as_user(account).patch(f'/api/rooms/{room_id}/settings', settings)
        assert response.status_code == 200, response.text
        return response.json()['room']
    return change


def conversations(http, account, **params):
    return http.as_user(account).get('/api/conversations', params=params).json()


def settings_of(room):
    return room['notify'], room['isPinned']


# ---------------------------------------------------------------------- what they are

def test_direct_rooms_tell_of_everything_and_others_of_mentions_unless_one_wants_otherwise(http, new_user, make_room):
    ann, bob = new_user(), new_user()
    http.as_user(bob).post(f'/api/messages/send/{ann.id}', {'content': 'x'})
    make_room(ann), make_room(ann, private=True)
    found = {room['kind']: settings_of(room) for room in conversations(http, ann)}
    assert found == {'direct': ('all', False), 'public': ('mentions', False), 'private': ('mentions', False), 'lobby': ('mentions', False)}


def test_who_is_not_in_a_room_has_no_settings_there(http, new_user, make_room):
    ann, bob = new_user(), new_user()
    room = make_room(ann)
    shown = http.as_user(bob).get(f'/api/rooms/{room}').json()['room']
    assert (*settings_of(shown), shown['mentionCount']) == (None, False, 0)


def test_each_setting_is_changed_by_itself_and_shown_wherever_the_room_is(http, new_user, make_room, set_in):
    ann = new_user()
    room = make_room(ann)
    assert settings_of(set_in(ann, room, notify='none')) == ('none', False)
    assert settings_of(set_in(ann, room, isPinned=True)) == ('none', True)
    changed = set_in(ann, room, notify='all', isPinned=True)
    assert settings_of(changed) == ('all', True)
    me = http.as_user(ann)
    assert me.get(f'/api/rooms/{room}').json() == {'room': changed}
    assert changed in me.get('/api/rooms/mine').json()['rooms'] and changed in conversations(http, ann)
    assert settings_of(set_in(ann, room, notify='mentions', isPinned=False)) == ('mentions', False)


def test_they_are_the_callers_own(http, new_user, make_room, set_in):
    ann, bob = new_user(), new_user()
    room = make_room(ann, bob)
    set_in(ann, room, notify='none', isPinned=True)
    assert settings_of(http.as_user(bob).get(f'/api/rooms/{room}').json()['room']) == ('mentions', False)


def test_direct_rooms_and_the_lobby_have_them_too(http, new_user, set_in):
    ann, bob = new_user(), new_user()
    http.as_user(bob).post(f'/api/messages/send/{ann.id}', {'content': 'x'})
    for room in conversations(http, ann):
        assert settings_of(set_in(ann, room['id'], notify='none', isPinned=True)) == ('none', True)


def test_whoever_leaves_and_comes_back_begins_anew(http, new_user, make_room, set_in):
    ann, bob = new_user(), new_user()
    room = make_room(ann, bob)
    set_in(bob, room, notify='all', isPinned=True)
    http.as_user(bob).delete(f'/api/rooms/{room}/members/{bob.id}')
    assert settings_of(http.as_user(bob).get(f'/api/rooms/{room}').json()['room']) == (None, False)
    back = http.as_user(bob).post('/api/rooms/join', {'roomId': room}).json()['room']
    assert settings_of(back) == ('mentions', False)


# ---------------------------------------------------------------------- what is refused

@pytest.mark.parametrize(('body', 'field'), [
    ({}, 'notify'), ({'notify': None}, 'notify'), ({'notify': 'some'}, 'notify'), ({'notify': ''}, 'notify'), ({'notify': True}, 'notify'),
    ({'notify': ['all']}, 'notify'), ({'isPinned': 'true'}, 'isPinned'), ({'isPinned': 1}, 'isPinned'), ({'pinned': True}, 'notify'),
    ({'notify': 'all', 'isPinned': 'no'}, 'isPinned'), ({'notify': 'All', 'isPinned': True}, 'notify'), (['all'], 'body'),
])
def test_wrong_settings_are_refused_and_change_nothing(http, new_user, make_room, body, field):
    ann = new_user()
    room = make_room(ann)
    refused = http.as_user(ann).patch(f'/api/rooms/{room}/settings', body)
    assert field in expect_error(refused, 422, 'validation_error')['errors']
    assert settings_of(http.as_user(ann).get(f'/api/rooms/{room}').json()['room']) == ('mentions', False)


def test_they_are_for_members(http, new_user, make_room):
    ann, eve = new_user(), new_user()
    http.as_user(ann).post(f'/api/messages/send/{new_user().id}', {'content': 'x'})
    direct = next(room['id'] for room in conversations(http, ann) if room['kind'] == 'direct')
    refused = {make_room(ann): (403, 'forbidden'), make_room(ann, private=True): (404, 'not_found'), direct: (404, 'not_found'),
               2**53 - 1: (404, 'not_found')}
    for room, error in refused.items():
        expect_error(http.as_user(eve).patch(f'/api/rooms/{room}/settings', {'isPinned': True}), *error)
        expect_error(http.as_user(None).patch(f'/api/rooms/{room}/settings', {'isPinned': True}), 401, 'unauthorized')


# ---------------------------------------------------------------------- pinned rooms

@pytest.fixture
def inbox(http, new_user, make_room, set_in):
    """A user, and the ids of its rooms in order: of two pinned ones, and of three others with newer messages."""
    ann = new_user()
    rooms = [make_room(ann) for _ in range(5)]
    for room in rooms[:4]:
        http.as_user(ann).post(f'/api/rooms/{room}/messages', {'content': 'x'})
    for room in (rooms[0], rooms[4]):
        set_in(ann, room, isPinned=True)
    return ann, [rooms[0], rooms[4]], [rooms[3], rooms[2], rooms[1]]


def test_pinned_rooms_come_first_and_then_those_with_the_newest_messages(http, inbox):
    ann, pinned, others = inbox
    found = conversations(http, ann)
    assert [room['id'] for room in found][:2] == pinned
    assert [room['id'] for room in found if room['id'] in others] == others
    assert [room['isPinned'] for room in found] == [True, True, False, False, False, False]


def test_a_pinned_room_stays_first_whatever_is_written_elsewhere(http, inbox):
    ann, pinned, others = inbox
    http.as_user(ann).post(f'/api/rooms/{others[2]}/messages', {'content': 'newer'})
    assert [room['id'] for room in conversations(http, ann)][:2] == pinned
    http.as_user(ann).post(f'/api/rooms/{pinned[1]}/messages', {'content': 'newest'})
    assert [room['id'] for room in conversations(http, ann)][:2] == pinned[::-1]


@pytest.mark.parametrize('limit', [1, 2, 3, 5])
def test_pages_go_on_across_the_border_of_pinned_rooms(http, inbox, limit):
    ann, _, _ = inbox
    whole = conversations(http, ann)
    assert http.as_user(ann).get_all(f'/api/conversations?limit={limit}') == whole
    for place, room in enumerate(whole):
        assert conversations(http, ann, after=room['id']) == whole[place + 1:]


def test_behind_a_pinned_room_that_was_left_come_those_that_are_not_pinned(http, inbox):
    ann, pinned, others = inbox
    http.as_user(ann).post(f'/api/rooms/{pinned[0]}/messages', {'content': 'the newest'})
    http.as_user(ann).delete(f'/api/rooms/{pinned[0]}/members/{ann.id}')
    behind = [room['id'] for room in conversations(http, ann, after=pinned[0])]
    assert behind[:3] == others and not {*pinned} & {*behind}
