"""Sign-ins: from a login to its end, with the one refresh token that is good at the moment.

Ends are noticed at once in each process, and within SWEEP_SECONDS when the command line made them.
"""
import hashlib
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from ...errors import Unauthorized
from ..events import Everyone, SignInsEnded
from ..machinery.background import in_pieces
from ..machinery.cache import Cache
from ..machinery.clock import now_ms
from ..machinery.database import Database
from ..machinery.publisher import Publisher
from ..shared.bus import Bus
from ..shared.facts import SignInsOver
from ..tables import PUSH_SUBSCRIPTIONS, SIGN_INS, USERS

log = logging.getLogger(__name__)
MAX_CACHED = 50_000
SWEEP_SECONDS = 1
SWEEP_OVERLAP_MS = 60_000  # a transaction may commit, and clocks may differ, so much later than `ended_at` says
PRUNE_SECONDS = 600
PRUNE_AT_ONCE = 1000

NEW_SIGN_IN = insert(SIGN_INS)
CURRENT_USER = (select(SIGN_INS.c.user_id).join(USERS)
                .where(SIGN_INS.c.ended_at.is_(None), USERS.c.deactivated_at.is_(None)))


@dataclass(frozen=True, slots=True)
class Grant:
    """A sign-in and the secret of its next refresh, from which tokens are made."""

    user_id: int
    sign_in_id: str
    refresh_id: str


class SignIns:
    """`lifetime_ms`: how long a sign-in lasts without a refresh."""

    def __init__(self, database: Database, publisher: Publisher, bus: Bus, lifetime_ms: int) -> None:
        self._database, self._publisher, self._bus, self._lifetime_ms = database, publisher, bus, lifetime_ms
        self._users: Cache[str, int | None] = Cache(MAX_CACHED, self._load)
        self._ended: dict[str, int] = {}  # ids of sign-ins lately seen to have ended: when
        bus.learn(SignInsOver, lambda fact: self._forget(fact.ids))
        bus.on_doubt(self._users.clear)

    def start(self, connection: Connection, user_id: int) -> Grant:
        """Begin a sign-in within the caller's transaction; returns its Grant."""
        grant = _new_grant(user_id)
        connection.execute(NEW_SIGN_IN, self._row(grant))
        return grant

    def start_alone(self, user_id: int) -> Grant:
        """Begin a sign-in of a user who is there; returns its Grant."""
        grant = _new_grant(user_id)
        self._database.execute(NEW_SIGN_IN, self._row(grant))
        return grant

    def _row(self, grant: Grant) -> dict[str, Any]:
        now = now_ms()
        return {'id': grant.sign_in_id, 'user_id': grant.user_id, 'refresh_key': _key(grant.refresh_id), 'created_at': now,
                'expires_at': now + self._lifetime_ms}

    def require(self, sign_in_id: str, user_id: int) -> None:
        """Raise Unauthorized unless the sign-in is that user's, has not ended, and the user is still there."""
        if self._users.get(sign_in_id) != user_id:
            raise Unauthorized('This sign-in has ended: sign in again')

    def _load(self, sign_in_id: str) -> int | None:
        row = self._database.row(CURRENT_USER.where(SIGN_INS.c.id == sign_in_id))
        return row.user_id if row else None

    def refresh(self, sign_in_id: str, user_id: int, refresh_id: str) -> Grant:
        """Exchange the good refresh token for a new one, once.

        Whoever comes with an older one holds a copy that someone else has used already (RFC 9700, section 4.14.2):
        the sign-in ends. Raises Unauthorized.
        """
        self.require(sign_in_id, user_id)
        fresh = Grant(user_id, sign_in_id, secrets.token_urlsafe(24))
        is_exchanged = self._database.execute(
            update(SIGN_INS).where(SIGN_INS.c.id == sign_in_id, SIGN_INS.c.refresh_key == _key(refresh_id),
                                   SIGN_INS.c.ended_at.is_(None))
            .values(refresh_key=_key(fresh.refresh_id), expires_at=now_ms() + self._lifetime_ms))
        if not is_exchanged:
            log.warning('a refresh token of user %s was used again: its sign-in ends', user_id)
            self.end(sign_in_id)
            raise Unauthorized('This refresh token was used before: sign in again')
        return fresh

    def end(self, sign_in_id: str) -> None:
        """End one sign-in: its tokens and its connections."""
        self.announce(self._database.transact(lambda connection: end_sign_ins(connection, SIGN_INS.c.id == sign_in_id)))

    def announce(self, ended: Sequence[str]) -> None:
        """Let go of what hangs on sign-ins whose end was committed: the ids that `end_sign_ins` returned."""
        self._forget(ended)
        if ended:
            self._bus.inform(SignInsOver(ended))
            self._publisher.publish(SignInsEnded(Everyone(), ended))

    def _forget(self, ended: Sequence[str]) -> None:
        self._users.evict(*ended)
        self._ended.update(dict.fromkeys(ended, now_ms()))

    def sweep(self) -> None:
        """Notice sign-ins that other processes ended."""
        since = now_ms() - SWEEP_OVERLAP_MS
        self._ended = {sign_in_id: at for sign_in_id, at in self._ended.items() if at >= since - SWEEP_OVERLAP_MS}
        rows = self._database.rows(select(SIGN_INS.c.id).where(SIGN_INS.c.ended_at >= since))
        self.announce([row.id for row in rows if row.id not in self._ended])

    def prune(self) -> None:
        """Remove sign-ins that expired, some at a time."""
        in_pieces(iter(self._prune_some, 0))

    def _prune_some(self) -> int:
        def delete_some(connection: Connection) -> int:
            old = select(SIGN_INS.c.id).where(SIGN_INS.c.expires_at < now_ms()).limit(PRUNE_AT_ONCE)
            ids = connection.execute(old).scalars().all()
            if ids:
                _end_subscriptions(connection, ids)
                connection.execute(delete(SIGN_INS).where(SIGN_INS.c.id.in_(ids)))
            return len(ids)

        return self._database.transact(delete_some)


def end_sign_ins(connection: Connection, *conditions: ColumnElement[bool]) -> Sequence[str]:
    """End the sign-ins that meet the conditions, within the caller's transaction; returns their ids to announce.

    What browsers subscribed to with them ends as well.
    """
    ids = connection.execute(select(SIGN_INS.c.id).where(SIGN_INS.c.ended_at.is_(None), *conditions)).scalars().all()
    if ids:
        connection.execute(update(SIGN_INS).where(SIGN_INS.c.id.in_(ids)).values(ended_at=now_ms()))
        _end_subscriptions(connection, ids)
    return ids


def _end_subscriptions(connection: Connection, sign_in_ids: Sequence[str]) -> None:
    connection.execute(delete(PUSH_SUBSCRIPTIONS).where(PUSH_SUBSCRIPTIONS.c.sign_in_id.in_(sign_in_ids)))


def _new_grant(user_id: int) -> Grant:
    return Grant(user_id, secrets.token_hex(16), secrets.token_urlsafe(24))


def _key(refresh_id: str) -> bytes:
    return hashlib.sha256(refresh_id.encode()).digest()
