"""What is in memory of rooms, whichever way it hears of changes."""
import itertools

import pytest

from chat.core.rooms.rooms import PUBLIC, LiveRoom, Rooms
from chat.core.shared.bus import Bus
from chat.core.shared.log import LocalLog

ANN, BOB, ROOM = 1, 2, 7
CHANGES = {1: {'joined': BOB}, 2: {'left': BOB}, 3: {'joined': BOB}}  # by the members_version that they lead to


class Stored(Rooms):
    """Rooms on a database that has all of these changes."""

    def __init__(self, version):
        super().__init__(None, Bus(LocalLog()))
        self.version = version

    def _load(self, room_id):
        return LiveRoom(room_id, PUBLIC, 'tea', frozenset((ANN, BOB) if self.version % 2 else (ANN,)), self.version)


@pytest.mark.parametrize('order', list(itertools.permutations(CHANGES)))
@pytest.mark.parametrize('known', range(4))
def test_changes_of_members_that_are_heard_of_in_another_order_come_to_what_is_stored(order, known):
    rooms = Stored(known)
    assert rooms.find(ROOM).members_version == known
    rooms.version = max(CHANGES)
    for version in order:
        rooms.members_changed(ROOM, version, **CHANGES[version])
    assert rooms.members_of(ROOM) == {ANN, BOB}
    assert rooms.is_known(ROOM, max(CHANGES))


def test_who_came_with_a_change_that_another_one_only_mentions_is_known():
    rooms = Stored(0)
    assert rooms.members_of(ROOM) == {ANN}
    rooms.version = 1
    rooms.members_changed(ROOM, 1)
    rooms.members_changed(ROOM, 1, joined=BOB)
    assert rooms.members_of(ROOM) == {ANN, BOB}
