"""Users and profiles over HTTP."""
import pytest

from tests.support.http import expect_error

PUBLIC = {'id', 'username', 'displayName', 'avatarUrl', 'online', 'lastSeen', 'createdAt'}


def test_the_list_holds_everybody_else_by_username_and_nobodys_email(http, new_user):
    users = [new_user() for _ in range(3)]
    listed = http.as_user(users[0]).get_all('/api/users')
    names = [user['username'] for user in listed]
    assert names == sorted(names, key=str.lower)
    assert {users[1].username, users[2].username} <= set(names) and users[0].username not in names
    assert all(user.keys() == PUBLIC for user in listed)


def test_the_list_continues_after_a_user_and_finds_by_name_but_not_by_email(http, new_user):
    first, second = sorted((new_user(displayName='Zoë Ünique'), new_user()), key=lambda user: user.username.lower())
    reader = http.as_user(new_user())
    after = [user['id'] for user in reader.get_all('/api/users', params={'after': first.id})]
    assert second.id in after and first.id not in after
    named = first if first.user['displayName'] == 'Zoë Ünique' else second
    def found(query):
        return [user['id'] for user in reader.get_all('/api/users', params={'q': query})]
    assert named.id in found('ZOË ü') and named.id in found(named.username.upper())
    assert found(named.email) == [] and found('%') == []


def test_an_email_is_shown_to_its_owner_only(http, new_user):
    owner, other = new_user(), new_user()
    assert http.as_user(owner).get('/api/users/me').json().keys() == PUBLIC | {'email'}
    assert http.as_user(owner).get(f'/api/users/{owner.id}').json()['email'] == owner.email
    assert http.as_user(other).get(f'/api/users/{owner.id}').json().keys() == PUBLIC


@pytest.mark.parametrize('path', ['999999999', '9007199254740993', '99999999999999999999', '0', '-1', '1.0', 'abc', '٣'])
def test_a_user_who_is_not_there_is_not_found(http, new_user, path):
    expect_error(http.as_user(new_user()).get(f'/api/users/{path}'), 404, 'not_found')


def test_the_profile_changes_by_field(http, new_user):
    account = new_user()
    me = http.as_user(account)
    changed = me.patch('/api/users/me', {'displayName': '  Señor 👋  ', 'unknown': 1})
    assert changed.status_code == 200 and changed.json()['displayName'] == 'Señor 👋'
    assert me.get('/api/users/me').json() == changed.json()


def test_a_new_email_needs_the_current_password(http, new_user):
    account, other = new_user(), new_user()
    me, email = http.as_user(account), f'new-{account.username}@example.com'
    missing = expect_error(me.patch('/api/users/me', {'email': email}), 422, 'validation_error')
    assert 'currentPassword' in missing['errors']
    expect_error(me.patch('/api/users/me', {'email': email, 'currentPassword': 'wrong'}), 403, 'forbidden')
    taken = {'email': other.email.upper(), 'currentPassword': account.password}
    expect_error(me.patch('/api/users/me', taken), 409, 'conflict')
    right = me.patch('/api/users/me', {'email': email, 'currentPassword': account.password})
    assert right.json()['email'] == email
    assert http.post('/api/auth/login', {'email': email, 'password': account.password}).status_code == 200
    assert http.post('/api/auth/login', {'email': account.email, 'password': account.password}).status_code == 401


@pytest.mark.parametrize(('method', 'path'), [
    ('GET', '/api/users'), ('GET', '/api/users/me'), ('GET', '/api/users/1'), ('PATCH', '/api/users/me'),
    ('GET', '/api/messages'), ('GET', '/api/messages/1'), ('POST', '/api/messages/send'),
    ('POST', '/api/messages/send/1'), ('POST', '/api/auth/logout'), ('POST', '/api/auth/password')])
def test_every_route_but_the_open_ones_needs_a_token(http, method, path):
    expect_error(http.request(method, path, json={}), 401, 'unauthorized')
