"""Subscriptions: where the browsers of a user are told, and which users have any."""
import hashlib
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, delete, insert, or_, select
from sqlalchemy.exc import IntegrityError

from ...errors import Invalid, Unauthorized, Unavailable
from ..accounts.sign_ins import CURRENT_USER
from ..machinery.clock import now_ms
from ..machinery.database import Database
from ..machinery.limits import Limits
from ..machinery.outgoing import Outgoing, Refused, Unreachable
from ..machinery.threads import Threads
from ..machinery.web_push import VapidKey, check_keys, decoded
from ..shared.bus import Bus
from ..shared.facts import Subscribed
from ..tables import PUSH_SUBSCRIPTIONS as SUBSCRIPTIONS
from ..tables import SIGN_INS

MAX_OF_USER = 20            # subscriptions; the oldest gives way
STOP_SECONDS = 1
MAX_SUBSCRIBERS = 200_000   # users who have any, in memory

OF_USER = (select(SUBSCRIPTIONS.c.id, SUBSCRIPTIONS.c.endpoint, SUBSCRIPTIONS.c.p256dh, SUBSCRIPTIONS.c.auth)
           .join(SIGN_INS, SIGN_INS.c.id == SUBSCRIPTIONS.c.sign_in_id)
           .where(SUBSCRIPTIONS.c.user_id == bindparam('user', type_=BigInteger),
                  SIGN_INS.c.ended_at.is_(None), SIGN_INS.c.expires_at > bindparam('now', type_=BigInteger),
                  or_(SUBSCRIPTIONS.c.expires_at.is_(None), SUBSCRIPTIONS.c.expires_at > bindparam('now', type_=BigInteger)))
           .order_by(SUBSCRIPTIONS.c.id))


class Subscription(NamedTuple):
    """Of one browser: where its push service takes messages for it, and the two keys by which they are encrypted."""

    id: int
    endpoint: str
    p256dh: bytes
    auth: bytes


class Subscriptions:

    def __init__(self, *, database: Database, limits: Limits, threads: Threads, outgoing: Outgoing, key: VapidKey,
                 bus: Bus) -> None:
        self._database, self._limits, self._threads = database, limits, threads
        self._outgoing, self._key, self._bus = outgoing, key, bus
        bus.learn(Subscribed, lambda fact: self._know(*fact))
        bus.on_doubt(self._forget)
        self._subscribers: set[int] | None = None  # user ids; loaded when the first message comes
        self._added = 0  # how many subscriptions were, so that nobody is forgotten who comes meanwhile

    def public_key(self) -> str:
        """What browsers subscribe with."""
        return self._key.public if self._key.is_known else self._threads.run(lambda: self._key.public)

    # ------------------------------------------------------------------ what clients say

    def add(self, user_id: int, sign_in_id: str, *, endpoint: str, p256dh: str, auth: str, expires_at: int | None) -> None:
        """Have a browser told of messages for the user, for as long as the sign-in goes on.

        Raises Invalid for an endpoint that may not be contacted and for keys that are none, RateLimited, Unavailable.
        """
        self._limits.charge('push', user_id)
        keys = {'p256dh': _key(p256dh, 'p256dh'), 'auth': _key(auth, 'auth')}
        self._threads.run(self._check, endpoint, keys['p256dh'], keys['auth'])
        subscribers = self.subscribers()
        if user_id not in subscribers and len(subscribers) >= MAX_SUBSCRIBERS:
            raise Unavailable('No more users can be told of messages here', retry_after=3600)
        row = {'user_id': user_id, 'sign_in_id': sign_in_id, 'endpoint_key': _hash(endpoint), 'endpoint': endpoint,
               'expires_at': expires_at, **keys}
        store = partial(self._store, row=row)
        try:
            self._database.transact(store)
        except IntegrityError:  # the same browser, twice at the same moment
            self._database.transact(store)
        self._know(user_id)
        self._bus.inform(Subscribed(user_id))

    def _know(self, user_id: int) -> None:
        self._added += 1
        if self._subscribers is not None:
            self._subscribers.add(user_id)

    def _forget(self) -> None:
        self._subscribers = None

    def _check(self, endpoint: str, p256dh: bytes, auth: bytes) -> None:
        """In a thread: to ask for a name may take long."""
        try:
            self._outgoing.resolve(endpoint)
        except Refused as error:
            raise Invalid(endpoint=str(error)) from None
        except Unreachable:
            raise Invalid(endpoint='must be at a name that is known') from None
        wrong = check_keys(p256dh, auth)
        if wrong:
            raise _invalid_key(wrong)

    def _store(self, connection: Connection, row: Mapping[str, object]) -> None:
        """A browser has one subscription: whoever signs in on it takes it along."""
        if connection.execute(CURRENT_USER.where(SIGN_INS.c.id == row['sign_in_id'])).first() is None:
            raise Unauthorized('This sign-in has ended: sign in again')
        connection.execute(delete(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.endpoint_key == row['endpoint_key']))
        connection.execute(insert(SUBSCRIPTIONS).values(row))
        all_of_user = select(SUBSCRIPTIONS.c.id).where(SUBSCRIPTIONS.c.user_id == row['user_id'])
        older = connection.execute(all_of_user.order_by(SUBSCRIPTIONS.c.id.desc())).scalars().all()[MAX_OF_USER:]
        if older:
            connection.execute(delete(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.id.in_(older)))

    def remove(self, user_id: int, endpoint: str) -> None:
        """Tell the browser no longer; one that is not told is no error."""
        self._database.execute(delete(SUBSCRIPTIONS).where(
            SUBSCRIPTIONS.c.endpoint_key == _hash(endpoint), SUBSCRIPTIONS.c.user_id == user_id))

    def stop(self) -> None:
        """Wait for no name any longer."""
        self._threads.stop(STOP_SECONDS)

    # ------------------------------------------------------------------ what is known of them

    @property
    def may_be_any(self) -> bool:
        """Whether any user may be subscribed; asks nobody."""
        return self._subscribers is None or bool(self._subscribers)

    def subscribers(self) -> set[int]:
        """The ids of the users who may be subscribed; asks the database once."""
        if self._subscribers is None:
            rows = self._database.rows(select(SUBSCRIPTIONS.c.user_id).distinct().limit(MAX_SUBSCRIBERS))
            if self._subscribers is None:  # nobody was quicker
                self._subscribers = {row.user_id for row in rows}
        return self._subscribers

    def of(self, user_id: int) -> list[Subscription]:
        """The subscriptions of a user that hold."""
        added = self._added
        rows = self._database.rows(OF_USER, {'user': user_id, 'now': now_ms()})
        if not rows and added == self._added:
            self.subscribers().discard(user_id)
        return [Subscription(row.id, row.endpoint, bytes(row.p256dh), bytes(row.auth)) for row in rows]

    def drop(self, subscription_id: int) -> None:
        """Its push service says that it is no more."""
        self._database.execute(delete(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.id == subscription_id))


def _key(text: str, name: str) -> bytes:
    try:
        return decoded(text)
    except ValueError:
        raise _invalid_key(name) from None


def _invalid_key(name: str) -> Invalid:
    return Invalid(errors={f'keys.{name}': ['is not what a browser gives']})


def _hash(endpoint: str) -> bytes:
    return hashlib.sha256(endpoint.encode()).digest()
