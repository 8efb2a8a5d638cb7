"""Receipts by themselves, with a clock of the test's own."""
from types import SimpleNamespace

import pytest

from chat.core.events import MessagesDelivered, MessagesRead, RoomMembers, Users
from chat.core.messages import receipts
from chat.core.messages.receipts import ADVANCE, BIG_ROOM, TELL_AUTHORS_EVERY, Place, Receipts, Watermark, times
from chat.core.rooms.rooms import DIRECT, LOBBY, PUBLIC, LiveRoom
from chat.core.shared.bus import Bus
from chat.core.shared.log import LocalLog
from chat.errors import NotFound

ANN, BOB, EVE, STRANGER = 1, 2, 3, 4
ROOM = LiveRoom(7, PUBLIC, 'tea', frozenset((ANN, BOB, EVE)))
BIG = LiveRoom(8, PUBLIC, 'feast', frozenset(range(1, BIG_ROOM + 2)))
HALL = LiveRoom(9, LOBBY, '', frozenset())
PAIR = LiveRoom(10, DIRECT, '', frozenset((ANN, BOB)))
MESSAGES = {  # by id: in each room three of Ann's
    room.id * 10 + seq: Place(room.id, seq, ANN) for room in (ROOM, BIG, HALL, PAIR) for seq in (1, 2, 3)}


class House:
    """Receipts with everything around them; `told` are (event, message, reader), in order."""

    def __init__(self):
        self.now, self.events, self.waiting, self.stored, self.blocked = 5000, [], {}, {}, {}
        self.queries = 0
        self.receipts = Receipts(
            database=SimpleNamespace(row=self._row),
            write_behind=SimpleNamespace(put=self._put, pending=lambda _, key: self.waiting.get(key),
                                         drop=lambda _, key: self.waiting.pop(key, None)),
            rooms=SimpleNamespace(find={room.id: room for room in (ROOM, BIG, HALL, PAIR)}.get),
            blocks=SimpleNamespace(blocked_by=lambda user: frozenset(self.blocked.get(user, ())),
                                   hides=lambda user, viewer: viewer in self.blocked.get(user, ())),
            publisher=SimpleNamespace(publish=self.events.append), bus=Bus(LocalLog()))

    def _put(self, update, key, value):
        assert update is ADVANCE
        self.waiting[key] = value

    def _row(self, query):
        self.queries += 1
        values = list(query.compile().params.values())
        return MESSAGES.get(values[0]) if len(values) == 1 else self.stored.get(tuple(values))

    @property
    def told(self):
        return [(type(event), event.message_id, event.user_id) for event in self.events]

    def read(self, message, user=BOB, room=None):
        self.receipts.read(user, message, room)

    def delivered(self, message, user=BOB):
        self.receipts.delivered(user, message)

    def store(self, room, user, read=0, delivered=0):
        self.stored[room.id, user] = SimpleNamespace(
            room_id=room.id, user_id=user, read_seq=read, read_at=1, delivered_seq=delivered, delivered_at=1)

    def send(self, room, seq, sender=ANN):
        self.receipts.sent([SimpleNamespace(id=room.id * 10 + seq, room=room, sender_id=sender, seq=seq)])


@pytest.fixture
def house(monkeypatch):
    made = House()
    monkeypatch.setattr(receipts, 'now_ms', lambda: made.now)
    return made


def test_reading_moves_both_watermarks_and_tells_the_members_but_those_whom_the_reader_blocks(house):
    house.blocked[BOB] = {EVE}
    house.read(72)
    assert house.events == [MessagesRead(RoomMembers(ROOM.id, without=frozenset({EVE})), ROOM.id, 72, BOB, 5000)]
    assert house.receipts.mark(ROOM.id, BOB) == Watermark(2, 5000, 2, 5000) == house.waiting[ROOM.id, BOB]


def test_what_was_delivered_need_not_have_been_read(house):
    house.delivered(72)
    house.now += 1
    house.read(71)
    assert house.told == [(MessagesDelivered, 72, BOB), (MessagesRead, 71, BOB)]
    assert house.receipts.mark(ROOM.id, BOB) == Watermark(1, 5001, 2, 5000)


def test_watermarks_only_move_forward_and_what_does_not_move_them_is_told_to_nobody(house):
    house.read(72)
    house.now += 10_000
    for message in (71, 72):
        house.read(message)
        house.delivered(message)
    assert len(house.events) == 1 and house.receipts.mark(ROOM.id, BOB) == Watermark(2, 5000, 2, 5000)
    house.read(73)
    assert house.receipts.mark(ROOM.id, BOB) == Watermark(3, 15000, 3, 15000)


def test_what_is_stored_already_is_not_told_again(house):
    house.store(ROOM, BOB, read=2, delivered=3)
    house.read(72)
    house.delivered(73)
    assert house.events == []
    house.read(73)
    assert house.told == [(MessagesRead, 73, BOB)]


def test_what_one_can_not_see_is_not_found(house):
    for receipt in (house.read, house.delivered):
        for message, user in ((71, STRANGER), (999, BOB), (101, EVE)):
            with pytest.raises(NotFound):
                receipt(message, user)
    with pytest.raises(NotFound):
        house.read(71, room=BIG.id)
    assert house.events == [] and house.waiting == {}


def test_in_big_rooms_the_author_alone_is_told_of_reading_and_at_most_once_in_a_while(house):
    for message in (81, 82):
        house.delivered(message)
        house.read(message)
    assert house.events == [MessagesRead(Users(frozenset({ANN})), BIG.id, 81, BOB, 5000)]
    house.read(82, user=EVE)
    assert house.told[1:] == [(MessagesRead, 82, EVE)]  # each reader for itself
    house.now += TELL_AUTHORS_EVERY - 1
    house.read(83)
    assert len(house.events) == 2 and house.receipts.mark(BIG.id, BOB).read_seq == 3
    house.now += 1
    house.read(83, user=EVE)
    assert house.told[2:] == [(MessagesRead, 83, EVE)]


def test_in_the_lobby_nobody_is_told(house):
    house.read(93)
    assert house.events == [] and house.receipts.mark(HALL.id, BOB).read_seq == 3


def test_who_sends_has_read_everything_before_and_nobody_is_told(house):
    house.store(ROOM, ANN)
    house.send(ROOM, 3)
    assert house.waiting[ROOM.id, ANN] == Watermark(3, 5000, 3, 5000)
    house.read(73, user=ANN)
    assert house.events == []


def test_the_place_of_what_was_just_sent_is_known_without_asking_and_a_bounded_number_of_them(house, monkeypatch):
    monkeypatch.setattr(receipts, 'MAX_RECENT', 2)
    for seq in (1, 2, 3):
        house.send(ROOM, seq)
    house.receipts.mark(ROOM.id, BOB)
    before = house.queries
    house.read(73)
    assert house.queries == before
    house.read(71, user=EVE)
    assert house.queries == before + 2  # the message, and how far she was


def test_what_is_not_in_the_database_yet_counts(house):
    house.store(ROOM, BOB, read=1, delivered=1)
    row = house.stored[ROOM.id, BOB]
    assert house.receipts.newest(row) == Watermark(1, 1, 1, 1) and house.receipts.pending_read(ROOM.id, BOB) == 0
    house.delivered(73)
    house.read(72)
    assert house.receipts.newest(row) == Watermark(2, 5000, 3, 5000) and house.receipts.pending_read(ROOM.id, BOB) == 2
    house.store(ROOM, BOB, read=3, delivered=3)
    assert house.receipts.newest(house.stored[ROOM.id, BOB]) == Watermark(3, 1, 3, 1)


def test_who_left_begins_anew(house):
    house.read(73)
    house.receipts.forget(ROOM.id, BOB)
    assert house.waiting == {} and house.receipts.mark(ROOM.id, BOB) == Watermark(0, None, 0, None)


def test_of_a_direct_room_the_other_ones_watermark_is_shown_unless_it_blocked_the_viewer(house):
    house.read(102)
    assert house.receipts.of_direct(PAIR, ANN).read_seq == 2
    assert house.receipts.of_direct(PAIR, BOB).read_seq == 0
    assert house.receipts.of_direct(ROOM, ANN) is None
    house.blocked[BOB] = {ANN}
    assert house.receipts.of_direct(PAIR, ANN) is None


@pytest.mark.parametrize(('seq', 'expected'), [(1, (20, 10)), (2, (20, None)), (3, (None, None))])
def test_a_message_was_delivered_and_read_when_the_watermark_passed_it(seq, expected):
    assert times(Watermark(1, 10, 2, 20), seq) == expected
    assert times(None, seq) == (None, None)
