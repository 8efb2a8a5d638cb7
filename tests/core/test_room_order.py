"""The order in which a room's events are told where others write to it, too: what is missing comes out of the database."""
from functools import partial

import gevent
import pytest

from chat.core.events import MemberJoined, MemberLeft, MessageStored, MessageUpdated
from chat.core.machinery.publisher import Publisher
from chat.core.messages import order, told_rooms
from chat.core.messages.order import RoomOrder
from chat.core.messages.told_rooms import ToldRooms
from chat.core.messages.view import MessageView
from chat.core.rooms.rooms import Rooms
from chat.core.shared.bus import Bus
from chat.core.shared.log import LocalLog
from chat.errors import Unavailable
from tests.support.house import Application


class House(Application):
    """Another process commits, and publishes `elsewhere`; `told` is what this one, with a clock of its own, tells its clients."""

    def __init__(self, folder, url):
        super().__init__(folder, url, {'RATE_LIMIT_MESSAGES': 'none'})
        self.core.writer.start()
        self.ann, = self.sign_up('ann')
        self.room_id = self.core.membership.create(self.ann, 'a room', False)
        self.now, self.elsewhere, self.told, here = 1000.0, [], [], Publisher()
        self.core.publisher.subscribe(self.elsewhere.extend)
        here.subscribe(self.told.extend)
        told = ToldRooms(
            database=self.core.database, users=self.core.users, here=here,
            view=MessageView(database=self.core.database, uploads=self.core.uploads, receipts=self.core.receipts))
        self.order = RoomOrder(rooms=self.core.rooms, told=told, here=here, clock=lambda: self.now)
        self.order.begin()

    def say(self, *contents):
        """Have the other process store messages; their ids."""
        answers = []
        for content in contents:
            room = self.core.rooms.require_member(self.ann, self.room_id)
            self.core.sending.send(self.ann, room, content=content, answer=answers.append)
        while len(answers) < len(contents):
            gevent.sleep(0)
        return [answer.message['id'] for answer in answers]

    def edit(self, message_id, content):
        self.core.changing.edit(self.ann, message_id, content)

    def hear(self, *kinds):
        """What the other process has published of these kinds arrives."""
        self.order.put([event for event in self.elsewhere if isinstance(event, kinds)])

    def wait(self):
        """Until nothing of the room waits any more."""
        for _ in range(500):
            gevent.sleep(0.002)
            self.now += 0.01
            if not self.order._waiting and not self.order._is_catching_up:
                return
        raise AssertionError(f'it waits for ever, and told {self.contents()}')

    def contents(self):
        return [(type(event), event.message['content']) for event in self.told]


NEW, UPDATED = (partial(lambda kind, content: (kind, content), kind) for kind in (MessageStored, MessageUpdated))


@pytest.fixture
def house(database, tmp_path):
    made = House(tmp_path, database.new_url())
    yield made
    made.core.stop()


def test_of_messages_that_were_missed_the_newest_may_change_before_an_older_one(house):
    house.say('first')
    house.hear(MessageStored)
    house.wait()
    older, _, newest = house.say('a', 'b', 'c')
    house.edit(newest, 'C')
    house.edit(older, 'A')
    house.hear(MessageUpdated)
    house.wait()
    assert house.contents() == [NEW('first'), NEW('A'), NEW('b'), NEW('C'), UPDATED('C'), UPDATED('A')]


def test_what_waits_is_told_in_one_piece_with_what_was_missing_before_it(house):
    house.say('first')
    house.hear(MessageStored)
    house.wait()
    pieces = []
    house.order._here.subscribe(lambda events: pieces.append([event.message['content'] for event in events]))
    house.say('theirs', 'ours', 'ours too')
    theirs, *ours = [event for event in house.elsewhere if isinstance(event, MessageStored)][-3:]
    house.order.put(ours)
    assert pieces == []
    house.order.put([theirs])
    assert pieces == [['theirs', 'ours', 'ours too']]
    house.wait()
    assert house.contents() == [NEW('first'), NEW('theirs'), NEW('ours'), NEW('ours too')]


def test_who_leaves_is_told_behind_all_that_was_said_before(house):
    bob, = house.sign_up('bob')
    house.core.membership.join(bob, house.room_id, invite_code=house.core.membership.invite_code(house.ann, house.room_id))
    house.say('first')
    house.hear(MessageStored)
    house.wait()
    house.say('before')
    house.core.membership.leave(bob, house.room_id)
    house.told.clear()
    house.hear(MemberLeft)
    assert house.told == []
    house.hear(MessageStored)
    assert [type(event) for event in house.told] == [MessageStored, MemberLeft]
    house.say('missed')
    house.core.membership.join(bob, house.room_id, invite_code=house.core.membership.invite_code(house.ann, house.room_id))
    house.told.clear()
    house.hear(MemberJoined)
    house.wait()
    assert [type(event) for event in house.told] == [MemberJoined, MessageStored, MemberJoined]


def test_what_was_missed_while_redis_was_gone_for_long_is_told_when_it_is_back(house):
    house.order.remember()
    house.say('while it was gone')
    for _ in range(120):
        house.now += 5
        house.order.remember()
    house.order.doubt(600)
    house.wait()
    assert house.contents() == [NEW('while it was gone')]


def test_a_doubt_tells_all_that_was_missed_however_much_it_is_and_although_something_waits(house, monkeypatch):
    monkeypatch.setattr(told_rooms, 'ROWS_AT_ONCE', 2)
    house.say('first')
    house.hear(MessageStored)
    house.wait()
    ids = house.say('a', 'b')
    house.hear(MessageStored)
    house.wait()
    for message_id in ids:
        house.edit(message_id, f'edited {message_id}')
    *_, newest = house.say(*'cdefg')
    house.elsewhere[:] = house.elsewhere[-5:-3]
    house.hear(MessageStored)  # so that the room is looked after
    house.edit(newest, 'G')
    house.order.doubt(0)
    house.wait()
    told = house.contents()
    assert [content for kind, content in told if kind is MessageStored] == ['first', *'abcdef', 'G']
    assert [content for kind, content in told if kind is MessageUpdated] == [*(f'edited {message_id}' for message_id in ids), 'G']


@pytest.mark.parametrize('queries', range(6))
def test_whatever_moment_the_database_is_away_nothing_that_was_missed_is_lost(house, monkeypatch, queries):
    house.say('first')
    house.hear(MessageStored)
    house.wait()
    missed, _ = house.say('a', 'b')
    house.edit(missed, 'A')
    reading, answers = house.core.database.reading, [True] * queries + [False] * 10

    def fail_for_a_while():
        if answers and not answers.pop(0):
            raise Unavailable()
        return reading()

    monkeypatch.setattr(house.core.database, 'reading', fail_for_a_while)
    monkeypatch.setattr(order, 'PAUSE', 0.01)
    house.order.doubt(0)
    house.wait()
    assert answers == [] and house.contents() == [NEW('first'), NEW('A'), NEW('b'), UPDATED('A')]


def test_whose_changes_of_members_come_in_another_order_is_a_member_all_the_same(house):
    bob, = house.sign_up('bob')
    here = Rooms(house.core.database, Bus(LocalLog()))
    house.core.membership.join(bob, house.room_id)
    assert here.require_member(bob, house.room_id)
    house.core.membership.leave(bob, house.room_id)
    house.core.membership.join(bob, house.room_id)
    here.members_changed(house.room_id, 3, joined=bob)
    here.members_changed(house.room_id, 2, left=bob)
    assert here.require_member(bob, house.room_id).members == {house.ann, bob}
