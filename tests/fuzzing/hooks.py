"""Who asks: one user all the time, and a new one wherever a request ends sign-ins."""
import uuid

import requests
import schemathesis

ENDS = ('/api/auth/logout', '/api/auth/password')
PASSWORD = 'correct horse'


def new_token(case):
    """The token of a new user."""
    base = case.operation.base_url.rstrip('/')
    body = {'email': f'{uuid.uuid4().hex}@example.com', 'password': PASSWORD}
    response = requests.post(f'{base}/api/auth/register', json=body, timeout=10)
    response.raise_for_status()
    return response.json()['token']


def whose(case, context):
    """What a token is kept under."""
    return uuid.uuid4().hex if case.path in ENDS else 'everything else'


@schemathesis.auth(cache_by_key=whose, refresh_interval=24 * 3600)
class Token:
    """Shows a token where one is asked for."""

    def get(self, case, context):
        """The token for a request."""
        return new_token(case)

    def set(self, case, data, context):
        """Show it."""
        case.headers = {**(case.headers or {}), 'Authorization': f'Bearer {data}'}
