"""Users as others see them, and the profile as its owner edits it."""
from dataclasses import dataclass
from typing import Protocol

from cachetools import TTLCache
from sqlalchemy import and_, or_, select, update
from sqlalchemy.exc import IntegrityError

from ...errors import Conflict, Invalid, NotFound
from ..files.avatars import Avatars
from ..lists import LONGEST, cut
from ..machinery.cache import Cache
from ..machinery.clock import iso
from ..machinery.database import Database
from ..objects import User
from ..tables import BLOCKS, USERS, AnyRow
from .accounts import Accounts, fold_email
from .blocks import Blocks
from .presence import Presence

MAX_NAMES = 50_000    # in memory
RECEIVER_SECONDS = 5  # for which a user is taken to be there


class Hides(Protocol):
    """What may be seen of a user for a moment, and no longer by whom it blocks."""

    def hide(self, user_id: int, viewer_id: int) -> None:
        """The viewer is blocked."""


class Users:
    """A User is made for a viewer: to those it blocked it looks offline."""

    public_columns = (USERS.c.id, USERS.c.username, USERS.c.display_name, USERS.c.last_seen, USERS.c.created_at,
                      USERS.c.avatar_key)

    def __init__(self, *, database: Database, presence: Presence, typing: Hides, blocks: Blocks, accounts: Accounts,
                 avatars: Avatars) -> None:
        self._database, self._presence, self._typing = database, presence, typing
        self._blocks, self._accounts = blocks, accounts
        self._avatars = avatars
        self._names = Cache(MAX_NAMES, self._load_name)
        self._receivers = TTLCache(MAX_NAMES, RECEIVER_SECONDS)

    def get(self, user_id, viewer_id):
        """The User. Raises NotFound."""
        return self.as_object(self._require(user_id), viewer_id)

    def me(self, user_id):
        """The User, for its owner. Raises NotFound."""
        row = self._require(user_id)
        return {**self.as_object(row, user_id), 'email': row.email}

    def require_active(self, user_id):
        """Raise NotFound unless there is such a user."""
        self._require(user_id)

    def require_receiver(self, user_id):
        """As `require_active`, at no cost per message: an account that the host closes is noticed within seconds."""
        if user_id not in self._receivers:
            self._require(user_id)
            self._receivers[user_id] = True

    def _require(self, user_id):
        row = self._database.row(select(*self.public_columns, USERS.c.email).where(
            USERS.c.id == user_id, USERS.c.deactivated_at.is_(None)))
        if row is None:
            raise NotFound('There is no such user')
        return row

    def others(self, user_id, query=None, after=None, limit=LONGEST):
        """Everybody else by username, `query` in username or displayName; returns (page, whether there are more)."""
        return self._page(user_id, and_(USERS.c.id != user_id, self._matching(query)), after, limit)

    def _matching(self, query):
        active = USERS.c.deactivated_at.is_(None)
        if not query:
            return active
        return and_(active, or_(USERS.c.username_key.contains(query.casefold(), autoescape=True),
                                USERS.c.display_key.contains(query.casefold(), autoescape=True)))

    def everybody(self, viewer_id, query=None, after=None, limit=LONGEST):
        """As `others`, with the viewer."""
        return self._page(viewer_id, self._matching(query), after, limit)

    def blocked(self, user_id, after=None, limit=LONGEST):
        """Those whom the user blocked, by username; returns (page, whether there are more)."""
        mine = select(BLOCKS.c.blocked_id).where(BLOCKS.c.blocker_id == user_id)
        return self._page(user_id, USERS.c.id.in_(mine), after, limit)

    def _page(self, viewer_id, condition, after, limit):
        if after is not None:
            start = select(USERS.c.username_key).where(USERS.c.id == after).scalar_subquery()
            condition = and_(condition, USERS.c.username_key > start)
        rows = self._database.rows(
            select(*self.public_columns).where(condition).order_by(USERS.c.username_key).limit(limit + 1))
        return cut([self.as_object(row, viewer_id) for row in rows], limit)

    def display_name(self, user_id):
        """What the user is called."""
        return self._names.get(user_id)

    def _load_name(self, user_id):
        return self._database.scalar(select(USERS.c.display_name).where(USERS.c.id == user_id))

    def by_ids(self, user_ids, viewer_id):
        """{id: User} of these users, those deactivated included."""
        rows = self._database.rows(select(*self.public_columns).where(USERS.c.id.in_(user_ids))) if user_ids else []
        return {row.id: self.as_object(row, viewer_id) for row in rows}

    # ------------------------------------------------------------------ the profile

    def update_profile(self, user_id, *, display_name=None, email=None, current_password=None, address):
        """Change displayName, or with the current password the email; returns Me."""
        values = {}
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

    def _update(self, user_id, values):
        try:
            with self._database.writing() as connection:
                connection.execute(update(USERS).where(USERS.c.id == user_id).values(**values))
            self._names.evict(user_id)
        except IntegrityError:
            raise Conflict('This email has an account already', errors={'email': ['is taken']}) from None

    # ------------------------------------------------------------------ blocks

    def set_block(self, blocker_id, blocked_id, is_blocked):
        """Block a user, or no longer. Raises NotFound, and Invalid for oneself."""
        self.require_active(blocked_id)
        if self._blocks.set(blocker_id, blocked_id, is_blocked):
            self._typing.hide(blocker_id, blocked_id)
            self._presence.block_changed(blocker_id, blocked_id, is_blocked)

    # ------------------------------------------------------------------ objects

    def as_object(self, row, viewer_id):
        """The User of a row with `public_columns`, as the viewer sees it."""
        return {
            'id': row.id, 'username': row.username, 'displayName': row.display_name,
            'avatarUrl': self._avatars.url(row.id, row.avatar_key),
            'online': self._presence.is_online(row.id, viewer_id),
            'lastSeen': iso(self._presence.last_seen(row.id, row.last_seen, viewer_id)),
            'createdAt': iso(row.created_at),
        }

    def snapshot(self, user_id: int) -> 'Snapshot':
        """What is needed to show a user to others without asking the database again. Raises NotFound."""
        return Snapshot(self._require(user_id), self._blocks.blocked_by(user_id))

    def shown(self, snapshot: 'Snapshot') -> User:
        """The User, as everybody sees it whom that user did not block."""
        return self.as_object(snapshot.row, None)

    def shown_to_blocked(self, snapshot: 'Snapshot') -> User:
        """The User, as those see it whom that user blocked: never there."""
        return self.as_object(snapshot.row, None) | {'online': False, 'lastSeen': None}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A user at one moment: its row, and the ids of those whom it blocked."""

    row: AnyRow
    blocked: frozenset[int]
