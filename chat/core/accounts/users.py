"""Users as others see them, and the profile as its owner edits it."""
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from cachetools import TTLCache
from sqlalchemy import BigInteger, ColumnElement, Integer, Select, String, bindparam, or_, select, update
from sqlalchemy.exc import IntegrityError

from ...errors import Conflict, Invalid, NotFound
from ..files.avatars import Avatars
from ..lists import LONGEST, cut
from ..machinery.cache import Cache
from ..machinery.clock import iso
from ..machinery.database import Database
from ..machinery.statements import Prepared, PreparedBy
from ..objects import Me, User
from ..shared.bus import Bus
from ..shared.facts import UserChanged
from ..sql import ESCAPE, containing
from ..tables import BLOCKS, USERS
from .accounts import Accounts, fold_email
from .blocks import Blocks
from .presence import Presence

MAX_NAMES = 50_000    # in memory
RECEIVER_SECONDS = 5  # for which a user is taken to be there
IS_ACTIVE = USERS.c.deactivated_at.is_(None)


class ShownUser(NamedTuple):
    """What of a user's row others are shown."""

    id: int
    username: str
    display_name: str
    last_seen: int | None
    created_at: int
    avatar_key: str | None


SHOWN = [USERS.c[name] for name in ShownUser._fields]


class Hides(Protocol):
    """Whatever shows what a user is doing at the moment, and must stop showing it to somebody whom the user blocks."""

    def hide(self, user_id: int, viewer_id: int) -> None:
        """The viewer is blocked."""


class Users:
    """A User is made for a viewer: to those it blocked it looks offline."""

    def __init__(self, *, database: Database, presence: Presence, typing: Hides, blocks: Blocks, accounts: Accounts,
                 avatars: Avatars, bus: Bus) -> None:
        self._database, self._presence, self._typing = database, presence, typing
        self._blocks, self._accounts, self._avatars, self._bus = blocks, accounts, avatars, bus
        bus.learn(UserChanged, lambda fact: self._names.evict(*fact))
        bus.on_doubt(lambda: self._names.clear())
        self._names: Cache[int, str] = Cache(MAX_NAMES, self._load_name)
        self._receivers: TTLCache[int, bool] = TTLCache(MAX_NAMES, RECEIVER_SECONDS)
        self._one = Prepared(database, select(*SHOWN, USERS.c.email).where(USERS.c.id == bindparam('user'), IS_ACTIVE))
        self._lists = PreparedBy(database, _list)

    def get(self, user_id: int, viewer_id: int) -> User:
        """The User. Raises NotFound."""
        return self.as_object(self._require(user_id), self._blocks.hiding_from(viewer_id))

    def me(self, user_id: int) -> Me:
        """The User, for its owner. Raises NotFound."""
        row = self._require(user_id)
        return {**self.as_object(row), 'email': row.email}

    def require_active(self, user_id: int) -> None:
        """Raise NotFound unless there is such a user."""
        self._require(user_id)

    def require_receiver(self, user_id: int) -> None:
        """As `require_active`, at no cost per message: an account that the host closes is noticed within seconds."""
        if user_id not in self._receivers:
            self._require(user_id)
            self._receivers[user_id] = True

    def _require(self, user_id: int) -> Any:
        for row in self._one.fetch(user=user_id):
            return row
        raise NotFound('There is no such user')

    def others(self, user_id: int, query: str | None = None, after: int | None = None,
               limit: int = LONGEST) -> tuple[Sequence[User], bool]:
        """Everybody else by username, `query` in username or displayName; returns (page, whether there are more)."""
        return self._page('others', user_id, query, after, limit)

    def everybody(self, viewer_id: int, query: str | None = None, after: int | None = None,
                  limit: int = LONGEST) -> tuple[Sequence[User], bool]:
        """As `others`, with the viewer."""
        return self._page('everybody', viewer_id, query, after, limit)

    def blocked(self, user_id: int, after: int | None = None, limit: int = LONGEST) -> tuple[Sequence[User], bool]:
        """Those whom the user blocked, by username; returns (page, whether there are more)."""
        return self._page('blocked', user_id, None, after, limit)

    def _page(self, of: str, viewer_id: int, query: str | None, after: int | None,
              limit: int) -> tuple[Sequence[User], bool]:
        pattern = containing(query.casefold()) if query else None
        rows = self._lists[of, pattern is not None, after is not None].fetch(
            viewer=viewer_id, pattern=pattern, after=after, most=limit + 1)
        return cut(self.as_objects(rows, self._blocks.hiding_from(viewer_id)), limit)

    def display_name(self, user_id: int) -> str:
        """What the user is called."""
        return self._names.get(user_id)

    def _load_name(self, user_id: int) -> str:
        name: str = self._database.scalar(select(USERS.c.display_name).where(USERS.c.id == user_id))
        return name

    # ------------------------------------------------------------------ the profile

    def update_profile(self, user_id: int, *, display_name: str | None = None, email: str | None = None,
                       current_password: str | None = None, address: str) -> Me:
        """Change displayName, or with the current password the email; returns Me."""
        values: dict[str, str] = {}
        if display_name is not None:
            values |= {'display_name': display_name, 'display_key': display_name.casefold()}
        if email is not None and email != self._require(user_id).email:
            if current_password is None:
                raise Invalid(currentPassword='is needed to change the email')
            self._accounts.require_password(user_id, current_password, address)
            values |= {'email': email, 'email_key': fold_email(email)}
        if values:
            self._update(user_id, values)
        return self.me(user_id)

    def _update(self, user_id: int, values: dict[str, str]) -> None:
        try:
            self._database.execute(update(USERS).where(USERS.c.id == user_id).values(**values))
            self._names.evict(user_id)
            self._bus.inform(UserChanged(user_id))
        except IntegrityError:
            raise Conflict('This email has an account already', errors={'email': ['is taken']}) from None

    # ------------------------------------------------------------------ blocks

    def set_block(self, blocker_id: int, blocked_id: int, is_blocked: bool) -> None:
        """Block a user, or no longer. Raises NotFound, and Invalid for oneself."""
        self.require_active(blocked_id)
        if self._blocks.set(blocker_id, blocked_id, is_blocked):
            self._typing.hide(blocker_id, blocked_id)
            self._presence.block_changed(blocker_id, blocked_id, is_blocked)

    # ------------------------------------------------------------------ objects

    def as_objects(self, rows: Iterable[Any], hiding: Collection[int]) -> list[User]:
        """The Users of rows."""
        as_object = self.as_object
        return [as_object(row, hiding) for row in rows]

    def as_object(self, row: Any, hiding: Collection[int] = ()) -> User:
        """The User of a row with the columns SHOWN; those who are `hiding` look as if they were not there."""
        is_hidden = row.id in hiding
        return {
            'id': row.id, 'username': row.username, 'displayName': row.display_name,
            'avatarUrl': self._avatars.url(row.id, row.avatar_key),
            'online': not is_hidden and self._presence.is_online(row.id),
            'lastSeen': None if is_hidden else iso(self._presence.last_seen(row.id, row.last_seen)),
            'createdAt': iso(row.created_at),
        }

    def snapshot(self, user_id: int) -> 'Snapshot':
        """What is needed to show a user to others without asking the database again. Raises NotFound."""
        return Snapshot(self._require(user_id), self._blocks.blocked_by(user_id))

    def shown(self, snapshot: 'Snapshot') -> User:
        """The User, as everybody sees it whom that user did not block."""
        return self.as_object(snapshot.row)

    def shown_to_blocked(self, snapshot: 'Snapshot') -> User:
        """The User, as those see it whom that user blocked: never there."""
        return self.as_object(snapshot.row, hiding=(snapshot.row.id,))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A user at one moment: its row, and the ids of those whom it blocked."""

    row: Any
    blocked: frozenset[int]


def _list(of: str, is_searched: bool, is_continued: bool) -> Select[Any]:
    """The query of users by username; parameters: viewer, most, and pattern and after where they matter."""
    query = select(*SHOWN).where(_among(of)).order_by(USERS.c.username_key).limit(bindparam('most', type_=Integer))
    if is_searched:
        pattern = bindparam('pattern', type_=String)
        query = query.where(or_(USERS.c.username_key.like(pattern, escape=ESCAPE),
                                USERS.c.display_key.like(pattern, escape=ESCAPE)))
    if is_continued:
        last = USERS.alias()
        query = query.where(USERS.c.username_key > select(last.c.username_key).where(
            last.c.id == bindparam('after')).scalar_subquery())
    return query


def _among(of: str) -> ColumnElement[bool]:
    viewer = bindparam('viewer', type_=BigInteger)
    if of == 'blocked':
        return USERS.c.id.in_(select(BLOCKS.c.blocked_id).where(BLOCKS.c.blocker_id == viewer))
    return IS_ACTIVE & (USERS.c.id != viewer) if of == 'others' else IS_ACTIVE
