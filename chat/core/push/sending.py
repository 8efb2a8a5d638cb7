"""The way of a notice to the push services of its user's browsers."""
import logging
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import gevent
from cachetools import TTLCache

from ...errors import ChatError
from ..accounts.presence import Presence
from ..machinery.outgoing import Answer, Outgoing, Refused, Unreachable
from ..machinery.threads import Threads
from ..machinery.web_push import VapidKey, encrypt
from ..messages.receipts import Receipts
from ..rooms.rooms import Rooms
from .notices import Notice
from .subscriptions import Subscription, Subscriptions

log = logging.getLogger(__name__)
AT_ONCE = 8           # users who are told at a time
MAX_USERS = 10_000    # for whom something is queued; when there are more, the ones whose turn is next go
MAX_OF_USER = 50      # notices; when there are more, the oldest go
MAX_RETRIES = 1000    # that wait for their time; further ones are given up
WAITS = 5, 30, 120    # seconds before each further attempt
STOP_SECONDS = 2      # for requests under way to break off
LONGEST_WAIT = 600    # seconds, whatever the push service asks for
TTL = 86_400          # seconds for which a push service keeps it for a browser that is off
SILENT_SECONDS = 3600  # for which one fault of one push service is not logged again
GONE = 404, 410
AGAIN = (429, *range(500, 600))


@dataclass(frozen=True, slots=True)
class Errand:
    """A notice for all browsers of a user, or for the one that could not be told at the first attempt."""

    user_id: int
    notice: Notice
    subscription_id: int | None = None
    attempt: int = 0


class PushSending:
    """`contact` is whom a push service may write to; `waits` are seconds before each further attempt.

    Users take turns, each with one notice at a time: so somebody whose push service is slow delays nobody else, and gets
    what it is told in order.
    """

    def __init__(self, *, subscriptions: Subscriptions, presence: Presence, rooms: Rooms, receipts: Receipts,
                 outgoing: Outgoing, key: VapidKey, contact: str | None, threads: Threads,
                 waits: Sequence[float] = WAITS) -> None:
        self._subscriptions, self._presence, self._rooms, self._receipts = subscriptions, presence, rooms, receipts
        self._outgoing, self._key, self._contact = outgoing, key, contact
        self._threads, self._waits = threads, waits
        self._queues: OrderedDict[int, deque[Errand]] = OrderedDict()  # by user, whose turn it is first
        self._served: set[int] = set()  # users who are being told
        self._logged: TTLCache[tuple[str, str], bool] = TTLCache(1000, SILENT_SECONDS)
        self._workers: set[gevent.Greenlet[[], None]] = set()  # up to AT_ONCE, while there is something to be sent
        self._retries: set[gevent.Greenlet[[Errand], None]] = set()

    def put(self, user_id: int, notice: Notice) -> None:
        """Tell the user's browsers soon, unless it is back or has read the message by then."""
        self._enqueue(Errand(user_id, notice))

    def _enqueue(self, errand: Errand) -> None:
        self._queues.setdefault(errand.user_id, deque(maxlen=MAX_OF_USER)).append(errand)
        if len(self._queues) > MAX_USERS:
            self._queues.popitem(last=False)
        if len(self._workers) < AT_ONCE:
            self._workers.add(gevent.spawn(self._work))

    def _work(self) -> None:
        try:
            self._take_turns()
        finally:  # at once, so that whatever is queued next finds a place
            self._workers.discard(gevent.getcurrent())

    def _take_turns(self) -> None:
        while (errand := self._next()) is not None:
            self._served.add(errand.user_id)
            try:
                self._run(errand)
            except ChatError:  # the database is away, and says so itself
                self._try_again(errand)
            except Exception:
                log.exception('user %d could not be told of a message', errand.user_id)
            finally:
                self._served.discard(errand.user_id)

    def _next(self) -> Errand | None:
        """The next one of the first user who is not being told already."""
        for user_id, queue in self._queues.items():  # at most one more than there are workers
            if user_id not in self._served:
                errand = queue.popleft()
                if queue:
                    self._queues.move_to_end(user_id)
                else:
                    del self._queues[user_id]
                return errand
        return None

    def _run(self, errand: Errand) -> None:
        room, notice = self._rooms.find(errand.notice.room_id), errand.notice
        if room is None or not room.has(errand.user_id) or not self._presence.is_away(errand.user_id):
            return
        read_seq = self._receipts.mark(room.id, errand.user_id).read_seq
        if read_seq >= notice.seq:
            return
        payload = notice.payload(max(notice.seq, room.last_seq or 0) - read_seq)
        for subscription in self._subscriptions.of(errand.user_id):
            if errand.subscription_id in (None, subscription.id):
                self._tell(replace(errand, subscription_id=subscription.id), subscription, payload)

    def _tell(self, errand: Errand, subscription: Subscription, payload: bytes) -> None:
        """Tell one browser. Its address is never logged: whoever knows it could try to wake the browser."""
        host = subscription.endpoint.split('/', 3)[2]
        try:
            answer = self._threads.run(self._post, subscription, payload)
            if answer.status in GONE:
                self._subscriptions.drop(subscription.id)
                return
            failure = None if 200 <= answer.status < 300 else f'answers {answer.status}'
            is_tried_again = answer.status in AGAIN and self._try_again(errand, asked_for(answer))
        except Refused as error:
            failure, is_tried_again = str(error), False
        except (Unreachable, ChatError) as error:
            failure, is_tried_again = str(error), self._try_again(errand)
        if failure and not is_tried_again:
            self._complain(host, failure)

    def _post(self, subscription: Subscription, payload: bytes) -> Answer:
        """In a thread."""
        body = encrypt(payload, subscription.p256dh, subscription.auth)
        return self._outgoing.post(subscription.endpoint, {
            'Authorization': self._key.authorization(subscription.endpoint, self._contact), 'TTL': str(TTL),
            'Urgency': 'high',  # phones that sleep get anything less when they wake for another reason
            'Content-Encoding': 'aes128gcm', 'Content-Type': 'application/octet-stream'}, body)

    def _try_again(self, errand: Errand, at_least: float = 0) -> bool:
        """Whether it will be; so many seconds from now at least."""
        if errand.attempt >= len(self._waits) or len(self._retries) >= MAX_RETRIES:
            return False
        wait = max(self._waits[errand.attempt], at_least)
        retry = gevent.spawn_later(wait, self._enqueue, replace(errand, attempt=errand.attempt + 1))
        self._retries.add(retry)
        retry.link(self._retries.discard)
        return True

    def _complain(self, host: str, failure: str) -> None:
        """Log, once in a while, what keeps users from being told."""
        if (host, failure) not in self._logged:
            self._logged[host, failure] = True
            log.warning('users are not told of messages: the push service %s %s', host, failure)

    def stop(self) -> None:
        """End at once: what was not sent is found by its readers."""
        self._queues.clear()
        gevent.killall([*self._workers, *self._retries])
        self._outgoing.stop()
        self._threads.stop(STOP_SECONDS)


def asked_for(answer: Answer) -> float:
    """The seconds to wait that a push service asks for, as far as it says so in seconds."""
    text = answer.headers.get('retry-after', '')
    return min(float(text), LONGEST_WAIT) if text.isascii() and text.isdigit() and len(text) < 10 else 0
