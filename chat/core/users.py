"""Users as others see them, and the profile as its owner edits it."""
from sqlalchemy import and_, or_, select, update
from sqlalchemy.exc import IntegrityError

from ..errors import Conflict, Invalid, NotFound
from ..models import User
from .accounts import fold_email
from .clock import iso

USERS = User.__table__
PAGE = 1000
PUBLIC = (USERS.c.id, USERS.c.username, USERS.c.display_name, USERS.c.last_seen, USERS.c.created_at)


class Users:

    def __init__(self, database, presence, accounts):
        self._database, self._presence, self._accounts = database, presence, accounts

    def get(self, user_id):
        """The public User. Raises NotFound."""
        return self._as_object(self._require(user_id))

    def me(self, user_id):
        """The User with its email, for its owner."""
        row = self._require(user_id)
        return self._as_object(row) | {'email': row.email}

    def require_active(self, user_id):
        """Raise NotFound unless there is such a user."""
        self._require(user_id)

    def _require(self, user_id):
        row = self._database.row(select(*PUBLIC, USERS.c.email).where(
            USERS.c.id == user_id, USERS.c.deactivated_at.is_(None)))
        if row is None:
            raise NotFound('There is no such user')
        return row

    def others(self, user_id, query=None, after=None):
        """Everybody else by username, `query` in username or displayName; returns (page, whether there are more)."""
        wanted = [USERS.c.id != user_id, USERS.c.deactivated_at.is_(None)]
        if query:
            wanted.append(or_(USERS.c.username_key.contains(query.casefold(), autoescape=True),
                              USERS.c.display_key.contains(query.casefold(), autoescape=True)))
        if after is not None:
            start = select(USERS.c.username_key).where(USERS.c.id == after).scalar_subquery()
            wanted.append(USERS.c.username_key > start)
        rows = self._database.rows(
            select(*PUBLIC).where(and_(*wanted)).order_by(USERS.c.username_key).limit(PAGE + 1))
        return [self._as_object(row) for row in rows[:PAGE]], len(rows) > PAGE

    def update_profile(self, user_id, *, display_name=None, email=None, current_password=None, address):
        """Change displayName, or with the current password the email; returns the User with its email."""
        values = {}
        if display_name is not None:
            values |= {'display_name': display_name, 'display_key': display_name.casefold()}
        if email is not None and email != self.me(user_id)['email']:
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
        except IntegrityError:
            raise Conflict('This email has an account already', errors={'email': ['is taken']}) from None

    def _as_object(self, row):
        return {
            'id': row.id, 'username': row.username, 'displayName': row.display_name, 'avatarUrl': None,
            'online': self._presence.is_online(row.id), 'lastSeen': iso(self._presence.last_seen(row.id, row.last_seen)), 'createdAt': iso(row.created_at),
        }
