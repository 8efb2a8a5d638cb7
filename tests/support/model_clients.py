"""The clients of the model test: one user's requests, and a reader that catches up and keeps what it was given."""
from hypothesis import note

from tests.support.http import expect_error
from tests.support.model import NEWEST_OF_ROOM, OK

ERRORS = {403: 'forbidden', 404: 'not_found', 409: 'conflict', 422: 'validation_error'}
MOST_PAGES = 1000  # of a list, which must have an end


class Client:
    """Requests of one user, each with the status that it must be answered with."""

    def __init__(self, name, account, http):
        self.name, self.id, self._http = name, account.id, http.as_user(account)

    def do(self, method, path, status, json=None, **query):
        """The response to a request; what may change something is noted, for whoever reads of a failure."""
        response = self._http.request(method, path, json=json, params=query)
        if method != 'GET':
            note(f'    # {self.name}: {method} {path} {json or ""} → {response.status_code}')
        if status in ERRORS:
            expect_error(response, status, ERRORS[status])
        told = f'{self.name}: {method} {path} {json or query} → {response.status_code} {response.text[:1000]}'
        assert response.status_code == status, f'not {status}: {told}'
        return response

    def get(self, path, **query):
        """The answer to a GET."""
        return self.do('GET', path, OK, **query).json()

    def list(self, path, limit=None, noun=None):
        """All of a list, in its order."""
        return [item for page in self.pages(path, limit, noun) for item in page]

    def messages(self, path, limit, first, noun=None, after=None):
        """All messages of a list from the id `first` on (None for just one page), by id, read backwards or behind `after`."""
        found = []
        for page in self.pages(path, limit, noun, **({} if after is None else {'after': after})):
            assert [message['id'] for message in page] == sorted({message['id'] for message in page}), f'no order: {page}'
            found = page + found if after is None else found + page
            if after is None and (first is None or page and page[0]['id'] <= first):
                break
        return [message for message in found if first is None or message['id'] >= first]

    def pages(self, path, limit, noun=None, **query):
        """Each page of a list, as far as its `Link` leads."""
        query |= {} if limit is None else {'limit': limit}
        for _ in range(MOST_PAGES):
            response = self.do('GET', path, OK, **query)
            page = response.json() if noun is None else response.json()[noun]
            path, query = response.links.get('next', {}).get('url'), {}
            if limit is not None:
                assert len(page) == limit if path else len(page) <= limit, f'{len(page)} in a page of {limit}'
            yield page
            if path is None:
                return
        raise AssertionError('the list has no end')


class Reader:
    """A client that catches up: it holds what it was given, but for rooms that it was told it is no longer in."""

    def __init__(self, client, place=0, held=(), began=None):
        self.client, self.place, self.held, self.began = client, place, dict(held), began

    def copy(self, place=None):
        """A reader that holds the same, and goes on from the same place or from another one."""
        return Reader(self.client, place or self.place, self.held, self.began)

    def page(self, chat, **limit):
        """Take one page, and return it."""
        if self.began is None:
            self.began = {room: (room.members[self.client.id], len(room.messages)) for room in chat.rooms_of(self.client.id)}
        page = self.client.get('/api/sync', after=self.place, **limit)
        self.held = {id: message for id, message in self.held.items() if message['roomId'] not in page['left']}
        self.held |= {message['id']: message for message in page['messages']}
        self.place = page['next']
        return page

    def all(self, chat, **limit):
        """Take all there is; returns (the ids of messages, the ids of rooms left)."""
        ids, left = [], []
        for _ in range(MOST_PAGES):
            page = self.page(chat, **limit)
            ids += [message['id'] for message in page['messages']]
            left += page['left']
            if not page['more']:
                return ids, left
        raise AssertionError('sync has no end')

    def required(self, chat):
        """The messages that it must hold: the newest of when it began or its user came to the room, and all since."""
        for room in chat.rooms_of(self.client.id):
            stay = room.members[self.client.id]
            first_stay, count = self.began.get(room, (None, 0))
            yield from room.messages[max(0, (count if first_stay is stay else stay.began) - NEWEST_OF_ROOM):]
