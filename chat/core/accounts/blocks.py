"""Blocks: who does not want to hear from whom. The blocker looks offline to whoever it blocked, everywhere."""
from collections.abc import Collection

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from ...errors import Forbidden, Invalid
from ..machinery.cache import Cache
from ..machinery.clock import now_ms
from ..machinery.database import Database
from ..shared.bus import Bus
from ..shared.facts import BlockChanged
from ..tables import BLOCKS

MAX_CACHED = 100_000  # users


class Blocks:

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database, self._bus = database, bus
        self._blocked_by: Cache[int, frozenset[int]] = Cache(MAX_CACHED, self._load)  # by blocker
        self._hiding_from: Cache[int, frozenset[int]] = Cache(MAX_CACHED, self._load_hiding)  # by who is blocked
        bus.learn(BlockChanged, self._evict)
        bus.on_doubt(self._forget)

    def _forget(self) -> None:
        self._blocked_by.clear()
        self._hiding_from.clear()

    def _evict(self, fact: BlockChanged) -> None:
        self._blocked_by.evict(fact.blocker_id)
        self._hiding_from.evict(fact.blocked_id)

    def _load(self, blocker_id: int) -> frozenset[int]:
        query = select(BLOCKS.c.blocked_id).where(BLOCKS.c.blocker_id == blocker_id)
        return frozenset(row.blocked_id for row in self._database.rows(query))

    def _load_hiding(self, viewer_id: int) -> frozenset[int]:
        query = select(BLOCKS.c.blocker_id).where(BLOCKS.c.blocked_id == viewer_id)
        return frozenset(row.blocker_id for row in self._database.rows(query))

    def hiding_from(self, viewer_id: int) -> frozenset[int]:
        """The ids of those who look offline to the viewer: they blocked it."""
        return self._hiding_from.get(viewer_id)

    def blocked_by(self, blocker_id: int) -> frozenset[int]:
        """The ids of those whom the user blocked."""
        return self._blocked_by.get(blocker_id)

    def hidden_from(self, viewers: Collection[int]) -> dict[int, set[int]]:
        """{viewer: the ids of those who look offline to it}, for those of the viewers who are blocked by somebody."""
        query = select(BLOCKS.c.blocked_id, BLOCKS.c.blocker_id).where(BLOCKS.c.blocked_id.in_(viewers))
        hidden: dict[int, set[int]] = {}
        for row in self._database.rows(query) if viewers else ():
            hidden.setdefault(row.blocked_id, set()).add(row.blocker_id)
        return hidden

    def hides(self, user_id: int, viewer_id: int) -> bool:
        """Whether the user looks offline to the viewer."""
        return viewer_id in self.blocked_by(user_id)

    def require_welcome(self, sender_id: int, receiver_id: int) -> None:
        """Raise Forbidden if the receiver blocked the sender."""
        if self.hides(receiver_id, sender_id):
            raise Forbidden('This user does not take messages from you')

    def set(self, blocker_id: int, blocked_id: int, is_blocked: bool) -> bool:
        """Block or unblock; returns whether that changed anything. Raises Invalid for oneself."""
        if blocker_id == blocked_id:
            raise Invalid(userId='is yourself')
        change = insert(BLOCKS).values(blocker_id=blocker_id, blocked_id=blocked_id, created_at=now_ms()) if is_blocked \
            else delete(BLOCKS).where(BLOCKS.c.blocker_id == blocker_id, BLOCKS.c.blocked_id == blocked_id)
        try:
            changed = bool(self._database.execute(change))
        except IntegrityError:
            changed = False  # blocked already
        fact = BlockChanged(blocker_id, blocked_id)
        self._evict(fact)
        self._bus.inform(fact)
        return changed
