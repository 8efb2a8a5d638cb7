"""The lists of who is online: whoever could not be told is told later."""
import json
from types import SimpleNamespace

import pytest

from chat.core.events import OnlineListChanged, Users
from chat.errors import Unavailable
from chat.sockets.connections import Connection, Registry
from chat.sockets.online import OnlineList
from chat.tokens import Identity

ANN, BOB = 1, 2


class House:
    """An OnlineList with everything around it; `lists` has what each connection was sent, in order."""

    def __init__(self):
        self.online, self.hidden, self.is_away, self.lists = [ANN, BOB], {}, False, {}
        self.registry = Registry()
        wire = SimpleNamespace(encode=lambda namespace, name, payload, offset: (name, json.loads(payload)),
                               deliver=self._deliver, history=None)
        self.list = OnlineList(presence=SimpleNamespace(online_users=lambda: list(self.online)),
                               blocks=SimpleNamespace(hidden_from=self._hidden_from), registry=self.registry, wire=wire)

    def _hidden_from(self, viewers):
        if self.is_away:
            raise Unavailable()
        return {viewer: self.hidden[viewer] for viewer in viewers if viewer in self.hidden}

    def _deliver(self, batches):
        for connection, events in batches.items():
            self.lists.setdefault(connection.sid, []).extend(payload for name, payload in events if name == 'user:online')

    def connect(self, sid, user_id, dialect='realtime-chat'):
        connection = Connection(sid, sid, '/', '127.0.0.1')
        connection.dialect = dialect
        connection.identify(Identity(user_id, f'sign-in {sid}', dialect, 2e9), dialect)
        self.registry.add(connection)
        self.registry.sign_in(connection)
        self.list.greet(connection)
        return connection


@pytest.fixture
def house():
    return House()


def test_a_new_connection_gets_the_list_and_the_others_only_what_is_new(house):
    house.connect('a', ANN)
    house.list.update()
    assert house.lists == {'a': [[ANN, BOB]]}
    house.online.append(3)
    house.list.update()
    house.list.update()
    assert house.lists == {'a': [[ANN, BOB], [ANN, BOB, 3]]}


def test_other_dialects_get_none(house):
    house.connect('a', ANN, dialect='standard')
    house.list.update()
    assert house.lists == {}


def test_a_change_that_could_not_be_sent_is_sent_by_the_next_update(house):
    house.connect('a', ANN)
    house.online.append(3)
    house.is_away = True
    with pytest.raises(Unavailable):
        house.list.update()
    house.is_away = False
    house.list.update()
    assert house.lists['a'] == [[ANN, BOB], [ANN, BOB, 3]]


def test_who_was_blocked_while_the_database_was_away_is_shown_it_later(house):
    house.connect('b', BOB)
    house.list.update()
    house.hidden[BOB] = {ANN}
    house.list.changed_for(OnlineListChanged(Users((BOB,))))
    house.is_away = True
    with pytest.raises(Unavailable):
        house.list.update()
    house.is_away = False
    house.list.update()
    assert house.lists['b'] == [[ANN, BOB], [BOB]]


def test_a_greeting_that_failed_is_made_up_for(house):
    house.connect('a', ANN)
    house.is_away = True
    house.connect('b', BOB)
    assert 'b' not in house.lists
    house.is_away = False
    house.list.update()
    assert house.lists == {'a': [[ANN, BOB]], 'b': [[ANN, BOB]]}
