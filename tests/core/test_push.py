"""Who is told of messages and when, with a clock of the test's own; attempts that fail; what it costs those who send."""
import json
from collections import deque
from types import SimpleNamespace

import gevent
import pytest

from chat.core.accounts.presence import Presence
from chat.core.machinery.clock import now_ms
from chat.core.machinery.outgoing import Answer, Refused, Unreachable
from chat.core.machinery.web_push import MAX_PAYLOAD
from chat.core.push import sending, waiting
from chat.core.push.audience import Audience
from chat.core.push.notices import Notice, notice_of
from chat.core.push.sending import PushSending
from chat.core.push.subscriptions import Subscription
from chat.core.push.waiting import WaitingForAbsence
from chat.core.rooms.rooms import LiveRoom
from chat.core.shared.log import LocalLog
from chat.core.tables import PUSH_SUBSCRIPTIONS, SIGN_INS
from chat.errors import Unavailable
from tests.support.house import House

ANN, BOB, EVE = 1, 2, 3
ROOM = LiveRoom(7, 'private', 'Tea', frozenset((ANN, BOB, EVE)))


def draft(seq=1, content='hello', type='text', room=ROOM, mentions=()):
    return SimpleNamespace(room=room, sender_id=ANN, mentions=mentions, content=content, type=type, id=100 + seq, seq=seq)


# ---------------------------------------------------------------------- when

class Watched:
    """WaitingForAbsence, for which every message is for Bob; `told` are (user, seq)."""

    def __init__(self):
        self.now, self.told = 1000.0, []
        nothing = SimpleNamespace()
        self.presence = Presence(database=nothing, write_behind=SimpleNamespace(put=lambda *_: None), rooms=nothing,
                                 blocks=nothing, publisher=nothing, here=nothing, log=LocalLog(), clock=lambda: self.now)
        self.waiting = WaitingForAbsence(
            subscriptions=SimpleNamespace(may_be_any=True), audience=SimpleNamespace(of=lambda draft: {BOB}),
            presence=self.presence, users=SimpleNamespace(display_name=lambda user_id: 'Ann'),
            sending=SimpleNamespace(put=lambda user_id, notice: self.told.append((user_id, notice.seq))), away_after=10,
            clock=lambda: self.now)

    def send(self, seq):
        self.waiting.stored([draft(seq)])
        self.waiting.go_on()

    def at(self, seconds):
        """Let it look who is away, so many seconds after the beginning."""
        self.now = 1000.0 + seconds
        if self.waiting._waiting:
            self.waiting._news.set()
            self.waiting.go_on()
        return [seq for _, seq in self.told]


@pytest.fixture
def watched():
    return Watched()


def test_who_has_long_been_away_is_told_at_once(watched):
    watched.now += 11
    watched.send(1)
    assert watched.told == [(BOB, 1)]


def test_who_has_just_gone_is_told_after_ten_seconds_and_not_when_it_came_back(watched):
    watched.presence.connected(BOB, 'a')
    watched.at(20)
    watched.presence.disconnected(BOB, 'a')
    watched.send(1)
    assert watched.at(29.9) == []
    watched.presence.connected(BOB, 'b')
    assert watched.at(45) == []
    watched.presence.disconnected(BOB, 'b')
    assert watched.at(54.9) == []
    assert watched.at(56) == [1]
    assert watched.at(60) == [1]


def test_after_a_start_everybody_has_ten_seconds_to_come_back(watched):
    watched.send(1)
    assert watched.at(9.9) == []
    assert watched.at(11) == [1]


def test_for_who_stays_a_message_is_kept_for_about_a_minute(watched):
    watched.presence.connected(BOB, 'a')
    watched.at(20)
    watched.send(1)
    watched.at(60)
    watched.send(2)
    watched.at(20 + waiting.KEPT + 10 + 1)
    watched.presence.disconnected(BOB, 'a')
    assert watched.at(20 + waiting.KEPT + 10 + 12) == [2]


def test_what_waits_is_bounded(watched, monkeypatch):
    monkeypatch.setattr(waiting, 'MAX_USERS', 2)
    watched.waiting._audience.of = lambda draft: {draft.seq % 3}
    for seq in range(100):
        watched.send(seq)
    notices = watched.waiting._waiting
    assert len(notices) == 2 and max(map(len, notices.values())) <= waiting.MAX_OF_USER
    assert watched.waiting._new.maxlen == waiting.MAX_NEW


def test_a_user_is_away_only_once_it_is_forgotten_when_it_left(watched):
    watched.presence.announce()
    for number in range(5):
        watched.presence.connected(number, 'a')
        watched.presence._came.clear()
        watched.presence.disconnected(number, 'a')
        watched.presence._leaving.clear()
    watched.now += 30
    watched.presence.announce()
    assert not watched.presence._left and watched.presence.is_away(3)


# ---------------------------------------------------------------------- what is said

@pytest.mark.parametrize('content, type, body', [
    ('hello', 'text', 'Ann: hello'), ('', 'image', 'Ann: Photo'), ('', 'voice', 'Ann: Voice message'), ('see', 'file', 'Ann: see')])
def test_a_notice_says_who_says_what_where(content, type, body):
    notice = notice_of(draft(content=content, type=type), 'Ann', 0)
    assert (notice.title, notice.body) == ('Tea', body)


def test_the_longest_notice_fits_into_a_push():
    room = LiveRoom(2**53, 'private', '\x01' * 120, frozenset((ANN, BOB)))
    for content in ('\x01' * 4000, '😀' * 4000, '"' * 4000):
        payload = notice_of(draft(content=content, room=room), '\x01' * 100, 0).payload(2**53)
        assert len(payload) <= MAX_PAYLOAD


# ---------------------------------------------------------------------- attempts

class Outbox:
    """PushSending to one browser of Bob, whose push service gives these answers, or raises them."""

    def __init__(self, *outcomes, waits=(0.001, 0.001, 0.001)):
        self.outcomes, self.posts, self.dropped, self.read_seq = deque(outcomes), [], [], 0
        subscriptions = SimpleNamespace(of=self._of, drop=self.dropped.append)
        rooms = SimpleNamespace(find=lambda room_id: self.room)
        self.room, self.is_away = ROOM, True
        self.subscriptions = [Subscription(5, 'https://push.example/secret', b'', b'')]
        self.sending = PushSending(
            subscriptions=subscriptions, presence=SimpleNamespace(is_away=lambda user_id: self.is_away), rooms=rooms, outgoing=SimpleNamespace(), key=None, contact=None, waits=waits,
            receipts=SimpleNamespace(mark=lambda *_: SimpleNamespace(read_seq=self.read_seq)),
            threads=SimpleNamespace(run=self._post))

    def _of(self, user_id):
        assert user_id == BOB
        return self.subscriptions

    def _post(self, function, subscription, payload):
        self.posts.append(payload)
        outcome = self.outcomes.popleft()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome if isinstance(outcome, Answer) else Answer(outcome, {})

    def send(self, seq=3):
        self.sending.put(BOB, Notice(ROOM.id, 100, seq, 'Tea', 'Ann: hello', 0))
        while self.sending._workers or self.sending._retries:
            gevent.sleep(0.001)
        return self


@pytest.mark.parametrize('outcomes', [
    (429, 201), (500, 503, 201), (Unreachable('no'), 201), (Unavailable(), 201), (500, 500, 500, 201), (Answer(429, {'retry-after': '0'}), 200)])
def test_what_may_go_well_later_is_tried_again(outcomes):
    outbox = Outbox(*outcomes).send()
    assert not outbox.outcomes and len(set(outbox.posts)) == 1 and not outbox.dropped


def test_in_the_end_it_is_given_up_without_a_word_of_the_address(caplog):
    outbox = Outbox(*[503] * 9).send()
    assert len(outbox.posts) == 4
    assert 'push.example answers 503' in caplog.text and 'secret' not in caplog.text


@pytest.mark.parametrize('outcome', [400, 401, 413, 301, Refused('must be at a public address')])
def test_what_will_not_go_well_is_not_tried_again(outcome, caplog):
    outbox = Outbox(outcome).send()
    assert len(outbox.posts) == 1 and not outbox.dropped and 'secret' not in caplog.text


def test_a_retry_is_of_use_only_while_the_message_is_not_read():
    outbox = Outbox(503)
    again = outbox.sending._try_again
    outbox.sending._try_again = lambda *arguments: setattr(outbox, 'read_seq', 3) or again(*arguments)
    assert len(outbox.send().posts) == 1


def test_a_subscription_that_is_gone_is_dropped_even_if_the_database_is_away_at_first():
    outbox = Outbox(410, 410)

    def drop(subscription_id):
        outbox.dropped.append(subscription_id)
        if len(outbox.dropped) == 1:
            raise Unavailable()

    outbox.sending._subscriptions.drop = drop
    outbox.send()
    assert (len(outbox.posts), outbox.dropped) == (2, [5, 5])


def test_who_is_back_has_read_it_or_left_the_room_is_not_told():
    outbox = Outbox()
    outbox.is_away = False
    assert outbox.send().posts == []
    outbox.is_away = True
    outbox.read_seq = 3
    assert outbox.send().posts == []
    outbox.read_seq, outbox.room = 0, LiveRoom(7, 'private', 'Tea', frozenset((ANN,)))
    assert outbox.send().posts == []
    outbox.room = None
    assert outbox.send().posts == []


def test_a_push_service_that_asks_for_time_gets_it_within_bounds():
    asked = [sending.asked_for(Answer(429, {'retry-after': text})) for text in ('120', '99999999', 'Wed, 21 Oct 2026', '-1', '٣')]
    assert asked == [120, sending.LONGEST_WAIT, 0, 0, 0]


def test_of_too_many_the_oldest_go(monkeypatch):
    monkeypatch.setattr(sending, 'AT_ONCE', 0)
    outbox = Outbox()
    monkeypatch.setattr(sending, 'MAX_USERS', 3)
    for user_id in range(5):
        for seq in range(sending.MAX_OF_USER + 5):
            outbox.sending.put(user_id, Notice(ROOM.id, 100, seq, '', '', 0))
    assert list(outbox.sending._queues) == [2, 3, 4]
    assert outbox.sending._queues[2][0].notice.seq == 5


def test_users_take_turns_however_slow_the_push_service_of_one_is():
    outbox, told = Outbox(), []
    others = range(10, 30)
    outbox.room = LiveRoom(7, 'private', 'Tea', frozenset((BOB, *others)))
    outbox.sending._subscriptions.of = lambda user_id: [Subscription(user_id, 'https://push.example/x', b'', b'')]

    def post(function, subscription, payload):
        gevent.sleep(60 if subscription.id == BOB else 0.001)
        told.append((subscription.id, json.loads(payload)['messageId']))
        return Answer(201, {})

    outbox.sending._threads.run = post
    for number in range(20):
        outbox.sending.put(BOB, Notice(ROOM.id, number, 3, '', '', 0))
    for number in range(3):
        for user_id in others:
            outbox.sending.put(user_id, Notice(ROOM.id, number, 3, '', '', 0))
    with gevent.Timeout(5):
        while len(told) < 60:
            gevent.sleep(0.001)
    assert [number for user_id, number in told if user_id == 10] == [0, 1, 2]
    assert len(outbox.sending._workers) == 1 and len(outbox.sending._queues[BOB]) == 19
    gevent.killall(list(outbox.sending._workers))


# ---------------------------------------------------------------------- what it costs

@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def subscribe(house, user_id):
    """As a browser would, past the check of its address."""
    grant = house.core.database.transact(lambda connection: house.core.sign_ins.start(connection, user_id))
    house.core.subscriptions._check = lambda *_: None
    house.core.subscriptions.add(user_id, grant.sign_in_id, endpoint=f'https://push.example/{user_id}', p256dh='BA', auth='BA',
                                 expires_at=None)
    return grant


def test_while_nobody_is_subscribed_a_message_costs_nothing(house):
    room = house.core.rooms.require_member(house.me, house.rooms[1])
    assert house.core.subscriptions.subscribers() == set()
    house.core.waiting._new.clear()  # what came before that was known
    _, queries = house.count(lambda: house.core.waiting.stored([draft(room=room)] * 100))
    assert queries == 0 and not house.core.waiting._new


def test_who_is_told_is_known_without_a_query_for_each_message(house):
    me, other = house.me, house.others[0]
    subscribe(house, other)
    audience = Audience(subscriptions=house.core.subscriptions, settings=house.core.settings, blocks=house.core.blocks)
    room = house.core.rooms.require_member(me, house.rooms[1])
    message = SimpleNamespace(room=room, sender_id=me, mentions=(other,))
    assert audience.of(message) == {other}
    assert house.count(lambda: audience.of(message)) == ({other}, 0)
    others = house.core.rooms.require_member(me, house.rooms[0])
    assert house.count(lambda: audience.of(SimpleNamespace(room=others, sender_id=me, mentions=()))) == (frozenset(), 0)
    house.core.settings.change(other, room.id, notify='none')
    assert audience.of(message) == set()
    lobby = house.core.rooms.lobby()
    assert audience.of(SimpleNamespace(room=lobby, sender_id=me, mentions=(other, 999))) == {other}


def test_a_subscription_is_over_when_its_sign_in_or_itself_has_expired_or_ended_elsewhere(house):
    other, subscriptions = house.others[0], house.core.subscriptions
    grant = subscribe(house, other)
    assert len(subscriptions.of(other)) == 1
    for table, column, value in ((SIGN_INS, 'expires_at', now_ms() - 1), (SIGN_INS, 'ended_at', now_ms()),
                                 (PUSH_SUBSCRIPTIONS, 'expires_at', now_ms() - 1)):
        before = house.core.database.scalar(table.select().with_only_columns(table.c[column]).where(
            table.c.user_id == other).order_by(table.c.id.desc()))
        everything = table.update().where(table.c.user_id == other)
        house.core.database.execute(everything.values({column: value}))
        assert subscriptions.of(other) == [] and other not in subscriptions.subscribers()
        house.core.database.execute(everything.values({column: before}))
        subscriptions.subscribers().add(other)
    assert len(subscriptions.of(other)) == 1
    house.core.database.execute(SIGN_INS.update().where(SIGN_INS.c.id == grant.sign_in_id).values(expires_at=1))
    house.core.sign_ins.prune()
    assert house.core.database.rows(PUSH_SUBSCRIPTIONS.select()) == []
