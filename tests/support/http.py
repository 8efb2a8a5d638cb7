"""A thin HTTP client, accounts, and the shape of errors."""

import uuid
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy

import requests

from tests.support import declared
from tests.support.raw_http import raw_body, raw_request, raw_status

__all__ = ['Account', 'Http', 'expect_error', 'raw_body', 'raw_request', 'raw_status']

PASSWORD = 'correct horse'

# What an error carries beyond code, message and errors, by its code.
_EXTRA_FIELDS = {'rate_limited': {'retryAfter'}, 'internal_error': {'requestId'}}


@dataclass(frozen=True)
class Account:
    """A registered user with what signing up answered."""

    id: int
    username: str
    email: str
    password: str = field(repr=False)
    token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    user: dict = field(repr=False)


class Http:
    """Requests to one server over kept-alive connections; keeps no cookies, follows no redirects, uses no proxy.

    If it `is_held` to declarations, tests.support.declared looks at all answers. If it `is_spread`, each request has a
    connection of its own, and so another process behind a balancer.
    """

    def __init__(self, base_url, token=None, timeout=10, session=None, is_held=False, is_spread=False):
        self.base_url = base_url.rstrip('/')
        self.token = token
        self.timeout = timeout
        self._session = session or _new_session()
        self._is_held, self._is_spread = is_held, is_spread

    def as_user(self, who):
        """The same client with the token of `who`: an Account, a token, or None for nobody."""
        token = who.token if isinstance(who, Account) else who
        return Http(self.base_url, token, self.timeout, self._session, self._is_held, self._is_spread)

    def request(self, method, path, headers=None, **options):
        """One request; `options` as in requests (json, data, params, files). A header of None is left out."""
        sent = {'Authorization': f'Bearer {self.token}'} if self.token is not None else {}
        sent.update(headers or {})
        options = {'timeout': self.timeout, 'allow_redirects': False, **options}
        response = self._session.request(method, self.base_url + path, headers=sent, **options)
        if self._is_spread:
            self._session.close()  # what is kept; an answer that is still being read goes on
        if self._is_held and not options.get('stream'):
            declared.check_answer(response)
        return response

    def get(self, path, **options):
        """GET"""
        return self.request('GET', path, **options)

    def get_all(self, path, noun=None, **options):
        """Every item of a list, over as many pages as its `Link` names; they stand under `noun`, if there is one."""
        items = []
        while path:
            response = self.get(path, **options)
            assert response.status_code == 200, f'{path} answered {response.status_code}: {response.text[:1000]}'
            items += response.json() if noun is None else response.json()[noun]
            path, options = response.links.get('next', {}).get('url'), {}
        return items

    def post(self, path, json=None, **options):
        """POST"""
        return self.request('POST', path, json=json, **options)

    def patch(self, path, json=None, **options):
        """PATCH"""
        return self.request('PATCH', path, json=json, **options)

    def put(self, path, json=None, **options):
        """PUT"""
        return self.request('PUT', path, json=json, **options)

    def delete(self, path, **options):
        """DELETE"""
        return self.request('DELETE', path, **options)

    def register(self, username=None, **extra):
        """Makes a user by POST /api/auth/register, unique unless named; `extra` are fields of the request."""
        username = username or f'user_{uuid.uuid4().hex[:12]}'
        body = {'username': username, 'email': f'{username}@example.com', 'password': PASSWORD, **extra}
        response = self.as_user(None).post('/api/auth/register', json=body)
        assert response.status_code == 201, f'register answered {response.status_code}: {response.text[:1000]}'
        answer = response.json()
        user = answer['user']
        return Account(
            id=user['id'], username=user['username'], email=body['email'], password=body['password'],
            token=answer['token'], refresh_token=answer['refreshToken'], user=user,
        )

    def close(self):
        """Closes the connections, also those of the clients made by `as_user`."""
        self._session.close()


def expect_error(response, status, code):
    """Asserts that `response` is the contract's error with this status and code, and returns its body.

    Besides code, message and errors there is nothing in it but `retryAfter` (rate_limited, with the header
    Retry-After) and `requestId` (internal_error). A validation_error names its fields.
    """
    told = f'{response.request.method} {response.request.path_url} → {response.status_code} {response.text[:1000]}'
    assert response.status_code == status, told
    assert response.headers.get('Content-Type', '').split(';')[0] == 'application/json', told
    body = response.json()
    assert isinstance(body, dict), told
    assert body.get('code') == code, told
    expect_error_shape(body)
    if code in ('rate_limited', 'unavailable'):
        assert response.headers.get('Retry-After', '').isdigit(), f'no Retry-After in seconds: {told}'
    return body


def expect_error_shape(body):
    """Asserts that `body` has the fields of the contract's error and no others."""
    required = {'code', 'message'} | _EXTRA_FIELDS.get(body.get('code'), set())
    if body.get('code') == 'validation_error':
        required.add('errors')
    assert required <= set(body) <= required | {'errors'}, f'fields of the error: {body}'
    assert isinstance(body['message'], str) and body['message'].strip(), f'a message that says nothing: {body}'
    if 'errors' in body:
        assert isinstance(body['errors'], dict) and body['errors'], f'errors: {body}'
        for texts in body['errors'].values():
            assert isinstance(texts, list) and texts, f'errors: {body}'
            assert all(isinstance(text, str) and text for text in texts), f'errors: {body}'


def _new_session():
    session = requests.Session()
    session.trust_env = False  # neither proxies nor a .netrc, which would put in an Authorization of its own
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session
