"""Those who are to be told of a message and are not away yet.

Most of them see it where they are. But somebody may be gone without a word, which the server notices after 45 s: so a
message is kept for them for a minute, and whoever is away by then, and has not read it, is told.
"""
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

from gevent.event import Event as Signal

from ..accounts.presence import Presence
from ..accounts.users import Users
from ..messages.store import Draft
from .audience import Audience
from .notices import Notice, notice_of
from .sending import PushSending
from .subscriptions import Subscriptions

MAX_NEW = 5000      # messages that were just stored; when there are more, the oldest go
MAX_USERS = 10_000  # who are waited for; the same
MAX_OF_USER = 20    # notices; the same
KEPT = 60           # seconds for which a message is kept, beyond those after which a user is away
PAUSE = 1           # seconds between two looks at who is away


class WaitingForAbsence:

    def __init__(self, *, subscriptions: Subscriptions, audience: Audience, presence: Presence, users: Users,
                 sending: PushSending, away_after: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._subscriptions, self._audience, self._presence = subscriptions, audience, presence
        self._users, self._sending, self._clock = users, sending, clock
        self._kept = KEPT + away_after
        self._new: deque[Draft] = deque(maxlen=MAX_NEW)
        self._waiting: OrderedDict[int, deque[Notice]] = OrderedDict()  # by user id; the newest message's users last
        self._news, self._next_look = Signal(), 0.0

    def stored(self, drafts: Sequence[Draft]) -> None:
        """These were stored, and their members told. Does no more than to note it."""
        if self._subscriptions.may_be_any:
            self._new.extend(drafts)
            self._news.set()

    def go_on(self) -> None:
        """Wait until there is something to do, and do it: see whom new messages are for, and who is away by now."""
        self._news.wait(timeout=PAUSE if self._waiting else None)
        self._news.clear()
        while self._new:
            self._sort(self._new.popleft())
        if self._clock() >= self._next_look:
            self._next_look = self._clock() + PAUSE
            self._look_who_is_away()

    def _sort(self, draft: Draft) -> None:
        user_ids = self._audience.of(draft)
        if not user_ids:
            return
        notice = notice_of(draft, self._users.display_name(draft.sender_id), self._clock())
        for user_id in user_ids:
            if self._presence.is_away(user_id):
                self._sending.put(user_id, notice)
                continue
            notices = self._waiting.setdefault(user_id, deque(maxlen=MAX_OF_USER))
            notices.append(notice)
            self._waiting.move_to_end(user_id)
        while len(self._waiting) > MAX_USERS:
            self._waiting.popitem(last=False)

    def _look_who_is_away(self) -> None:
        oldest = self._clock() - self._kept
        for user_id, notices in list(self._waiting.items()):
            if self._presence.is_away(user_id):
                for notice in notices:
                    self._sending.put(user_id, notice)
                del self._waiting[user_id]
                continue
            while notices and notices[0].at < oldest:
                notices.popleft()
            if not notices:
                del self._waiting[user_id]
