"""Accounts: sign-up, sign-in, passwords, and what the host's command line does to them."""
import re
import secrets
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol, TypeVar

from gevent.event import Event
from sqlalchemy import ColumnElement, Connection, Select, String, bindparam, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from ...errors import ChatError, Conflict, Forbidden, NotFound, RateLimited, Unauthorized
from ..machinery.clock import now_ms
from ..machinery.database import Database, inserted_id
from ..machinery.limits import Limits
from ..machinery.statements import Prepared, PreparedBy
from ..machinery.threads import Threads
from ..tables import SIGN_INS, USERS
from .sign_ins import Grant, SignIns, end_sign_ins

WRONG = 'The name or the password is wrong'
USERNAME_LENGTH = 50
MAX_KEY = 254     # characters of a folded name
NAMES_TRIED = 20  # random endings of a generated username before giving up
Charge = tuple[str, ...]  # the name of a limit, and its key
T = TypeVar('T')

KEYS = USERS.c.email_key, USERS.c.username_key
TAKEN = select(*KEYS).where(or_(*[column == bindparam(column.name, type_=String) for column in KEYS]))
NEW_USER = insert(USERS)  # made once, as is all that a sign-up executes: SQLAlchemy keeps with it what it learnt of it


class Account(NamedTuple):
    """What of a user's row is needed to let it in."""

    id: int
    username: str
    email: str
    password_hash: str
    deactivated_at: int | None


def fold_username(username: str) -> str:
    """The form in which usernames are unique: they are ASCII, so lower case is all."""
    return username.lower()


def fold_email(email: str) -> str:
    """The form in which email addresses are unique."""
    return unicodedata.normalize('NFC', email).casefold()


class Hasher(Protocol):
    """Who hashes and checks passwords; flask_bcrypt does."""

    def generate_password_hash(self, password: str) -> bytes:
        """A hash of the password, with a salt of its own. Takes long."""

    def check_password_hash(self, pw_hash: str, password: str) -> bool:
        """Whether it is that password's hash. Takes long."""


class Entrance(Protocol):
    """What every new user is brought into."""

    def enter_lobby(self, connection: Connection, user_id: int, now: int) -> None:
        """Enter the user, within the caller's transaction; `now` in milliseconds."""


class Accounts:
    """The `hasher` works in `threads`, always."""

    def __init__(self, *, database: Database, sign_ins: SignIns, rooms: Entrance, limits: Limits, threads: Threads,
                 hasher: Hasher, registration_open: bool) -> None:
        self._database, self._sign_ins, self._rooms, self._limits = database, sign_ins, rooms, limits
        self._threads, self._hasher = threads, hasher
        self._registration_open = registration_open
        self._taken = Prepared(database, TAKEN)
        self._by_key = PreparedBy(database, _account_by)
        self._nobody: str | None = None  # a hash that no password has, checked where there is no account
        self._unsettled: Counter[Charge] = Counter()  # charges for sign-ins whose outcome is not known yet
        self._settled = Event()

    # ------------------------------------------------------------------ sign-up

    def sign_up(self, *, email: str, password: str, username: str | None, display_name: str | None, address: str) -> Grant:
        """Make an account and sign it in; returns its Grant. Raises Forbidden, Conflict, RateLimited."""
        if not self._registration_open:
            raise Forbidden('Registration is closed here: ask the host for an account')
        self._limits.charge('sign_up', address)
        return self._make(self._sign_ins.start, email, password, username, display_name)

    def create(self, *, email: str, password: str, username: str | None = None, display_name: str | None = None) -> int:
        """Make an account; returns its id. Raises Conflict when the username or the email is taken."""
        return self._make(lambda connection, user_id: user_id, email, password, username, display_name)

    def _make(self, then: Callable[[Connection, int], T], email: str, password: str, username: str | None,
              display_name: str | None) -> T:
        """Make an account, and with its id do `then` in the same transaction; returns what that does."""
        self._require_free(username, email)
        password_hash = self._hash(password)
        if username:
            return self._insert(then, username, email, display_name, password_hash)
        for candidate in usernames_for(email):
            try:
                return self._insert(then, candidate, email, display_name, password_hash)
            except Conflict:
                self._require_free(None, email)
        raise Conflict('No username could be made from this email: send one')

    def _require_free(self, username: str | None, email: str) -> None:
        taken = self._taken.fetch(email_key=fold_email(email), username_key=fold_username(username or ''))
        if not taken:
            return
        if any(row.email_key == fold_email(email) for row in taken):
            raise Conflict('This email has an account already: sign in', errors={'email': ['is taken']})
        raise Conflict('This username is taken: choose another', errors={'username': ['is taken']})

    def _insert(self, then: Callable[[Connection, int], T], username: str, email: str, display_name: str | None,
                password_hash: str) -> T:
        now, display_name = now_ms(), display_name or username
        user = {'username': username, 'username_key': fold_username(username), 'email': email,
                'email_key': fold_email(email), 'display_name': display_name, 'display_key': display_name.casefold(),
                'password_hash': password_hash, 'is_admin': False, 'created_at': now}

        def insert_and_enter(connection: Connection) -> T:
            user_id = inserted_id(connection.execute(NEW_USER, user))
            done = then(connection, user_id)
            self._rooms.enter_lobby(connection, user_id, now)  # at the end, since all who sign up wait for its lock
            return done

        try:
            return self._database.transact(insert_and_enter)
        except IntegrityError:
            self._require_free(username, email)
            raise Conflict('This username or email is taken') from None

    # ------------------------------------------------------------------ sign-in

    def sign_in(self, *, name: str, password: str, address: str) -> Grant:
        """Sign in by username or email; returns the Grant.

        Raises Unauthorized, with the same words and after the same work whether or not there is such an account, and
        RateLimited.
        """
        name = name.strip()
        with self.guarded(address, name):
            user = self._checked(self.find(name), password, Unauthorized(WRONG))
        return self._sign_ins.start_alone(user.id)

    def change_password(self, user_id: int, sign_in_id: str, *, current_password: str, new_password: str,
                        address: str) -> None:
        """Set a new password and end every other sign-in. Raises Forbidden when the current one is wrong."""
        self.require_password(user_id, current_password, address)
        self._change(user_id, SIGN_INS.c.id != sign_in_id, password_hash=self._hash(new_password))

    def require_password(self, user_id: int, password: str, address: str) -> None:
        """Raise Forbidden unless this is the user's password; failures count as those of signing in do."""
        user = self.by_id(user_id)
        names = (user.username, user.email) if user else ()
        with self.guarded(address, *names):
            self._checked(user, password, Forbidden('The current password is wrong'))

    def find(self, name: str) -> Account | None:
        """The Account of this username or email, or None."""
        column, key = ('email_key', fold_email(name)) if '@' in name else ('username_key', fold_username(name))
        return self._account(column, key) if len(key) <= MAX_KEY else None

    def by_id(self, user_id: int) -> Account | None:
        """The Account of this user, or None."""
        return self._account('id', user_id)

    def _account(self, column: str, key: str | int) -> Account | None:
        for row in self._by_key[column,].fetch(key=key):
            return Account(*row)
        return None

    @contextmanager
    def guarded(self, address: str, *names: str) -> Iterator[None]:
        """Charge a failure in advance, so that guesses made at once count too; a success gets it back."""
        charges: list[Charge] = [('sign_in_address', address)]
        charges += [('sign_in', address, fold_email(name)[:MAX_KEY]) for name in names]
        paid: list[Charge] = []
        try:
            for charge in charges:
                self._pay(charge)
                paid.append(charge)
            yield
        except (Unauthorized, Forbidden):
            self._settle(paid, give_back=False)
            raise
        except BaseException:
            self._settle(paid, give_back=True)
            raise
        self._settle(paid, give_back=True)

    def _pay(self, charge: Charge) -> None:
        """Charge a failure; while others of the same kind are not settled, wait for what becomes of them."""
        while True:
            try:
                self._limits.charge(*charge)
                self._unsettled[charge] += 1
                return
            except RateLimited:
                if not self._unsettled[charge]:
                    raise
            self._settled.wait()

    def _settle(self, charges: Iterable[Charge], give_back: bool) -> None:
        for charge in charges:
            if give_back:
                self._limits.give_back(*charge)
            self._unsettled[charge] -= 1
            if not self._unsettled[charge]:
                del self._unsettled[charge]
        self._settled.set()  # wakes all who wait now
        self._settled.clear()

    def _checked(self, user: Account | None, password: str, failure: ChatError) -> Account:
        """The user, whose password it is; raises the failure otherwise, after the same work."""
        password_hash = user.password_hash if user else self._hash_of_nobody()
        right = self._threads.run(self._hasher.check_password_hash, password_hash, password)
        if not (user and right and user.deactivated_at is None):
            raise failure
        return user

    def _hash(self, password: str) -> str:
        return self._threads.run(self._hasher.generate_password_hash, password).decode()

    def prepare(self) -> None:
        """Make what a sign-in without an account is checked against, so that the first one takes no longer."""
        self._nobody = self._nobody or self._hash(secrets.token_hex())

    def _hash_of_nobody(self) -> str:
        self.prepare()
        assert self._nobody is not None
        return self._nobody

    def replace_password(self, user: Account, password: str) -> Grant | None:
        """Set a password in place of that of the Account, end every sign-in, and begin one; None if it is another by now."""
        password_hash = self._hash(password)

        def replace(connection: Connection) -> tuple[Sequence[str], Grant] | None:
            change = update(USERS).values(password_hash=password_hash).where(
                USERS.c.id == user.id, USERS.c.password_hash == user.password_hash, USERS.c.deactivated_at.is_(None))
            if not connection.execute(change).rowcount:
                return None
            ended = end_sign_ins(connection, SIGN_INS.c.user_id == user.id)
            return ended, self._sign_ins.start(connection, user.id)

        replaced = self._database.transact(replace)
        if replaced is None:
            return None
        ended, grant = replaced
        self._sign_ins.announce(ended)
        return grant

    # ------------------------------------------------------------------ the host's command line

    def set_password(self, name: str, password: str) -> None:
        """Set a password and end every sign-in. Raises NotFound."""
        user = self.require(name)
        self._change(user.id, password_hash=self._hash(password))

    def deactivate(self, name: str) -> None:
        """Close an account: nobody can sign in to it, and whoever is loses the connection. Raises NotFound."""
        user = self.require(name)
        self._change(user.id, deactivated_at=now_ms())

    def _change(self, user_id: int, *which: ColumnElement[bool], **values: Any) -> None:
        """Change the user's row, and end its sign-ins, or those `which` meet these conditions."""
        def change(connection: Connection) -> Sequence[str]:
            connection.execute(update(USERS).where(USERS.c.id == user_id).values(**values))
            return end_sign_ins(connection, SIGN_INS.c.user_id == user_id, *which)

        self._sign_ins.announce(self._database.transact(change))

    def set_admin(self, name: str, is_admin: bool) -> None:
        """Make a user a server admin, or no longer one. Raises NotFound."""
        user = self.require(name)
        self._database.execute(update(USERS).where(USERS.c.id == user.id).values(is_admin=is_admin))

    def require(self, name: str) -> Account:
        """As `find`. Raises NotFound."""
        user = self.find(name)
        if user is None:
            raise NotFound(f'There is no user {name!r}')
        return user


def _account_by(column: str) -> Select[*tuple[Any, ...]]:
    """The query of the Account that has the `key` in that column."""
    return select(*[USERS.c[name] for name in Account._fields]).where(USERS.c[column] == bindparam('key'))


def usernames_for(email: str) -> Iterator[str]:
    """Candidates for a username, made from the email's local part, then with random endings."""
    base = re.sub(r'[^A-Za-z0-9_.-]', '', email.partition('@')[0])[:USERNAME_LENGTH - 9] or 'user'
    yield base.ljust(3, '_')
    for _ in range(NAMES_TRIED):
        yield f'{base}_{secrets.token_hex(4)}'
