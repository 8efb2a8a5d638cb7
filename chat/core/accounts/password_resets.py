"""Password resets: a link by which somebody who has lost the password sets a new one, once, within an hour.

Nothing is stored for it: the token in the link is sealed for the password that there is, and is worth nothing once that is
replaced.
"""
import logging
import re
from collections.abc import Callable

from ...errors import Forbidden
from ..machinery.clock import now_ms
from ..machinery.database import Database
from ..machinery.limits import Limits
from ..machinery.seals import Seals
from .accounts import Account, Accounts, fold_email
from .sign_ins import Grant

log = logging.getLogger(__name__)
LIFETIME = 3_600_000  # milliseconds
TOO_LATE = 'This link was used before, or is older than an hour: ask for a new one'
TEXT = re.compile('([0-9]{1,16})[.]([0-9]{1,16})')  # user id, and when the token expires


class PasswordResets:
    """`base_url` is where the web client is."""

    def __init__(self, *, database: Database, accounts: Accounts, limits: Limits, seals: Seals, base_url: str,
                 clock: Callable[[], int] = now_ms) -> None:
        self._database, self._accounts, self._limits = database, accounts, limits
        self._seals, self._base_url, self._clock = seals, base_url, clock

    def ask(self, email: str, address: str) -> None:
        """Somebody at that address has lost the password; what is answered does not depend on whether there is an account.

        Raises RateLimited.
        """
        self._limits.charge('forgot_address', address)
        self._limits.charge('forgot', address, fold_email(email))
        user = self._accounts.find(email)
        if user is not None and user.deactivated_at is None:
            log.warning('%s asks for a new password, from %s: to let them, run `flask user reset %s` and send the link to '
                        'the email of the account', user.username, address, user.username)

    def link(self, name: str) -> str:
        """The link for a user (username or email). Raises NotFound, and Forbidden for a closed account."""
        user = self._accounts.require(name)
        if user.deactivated_at is not None:
            raise Forbidden(f'{name} is deactivated')
        token = self._seals.seal(f'{user.id}.{self._clock() + LIFETIME}', _holder(user))
        return f'{self._base_url}/#/reset/{token}'

    def reset(self, token: str, password: str, address: str) -> Grant:
        """Set a new password by the token of a link, and end every sign-in; the Grant of a new one.

        Raises Forbidden for a token that is none, was used, or is too old; failures count as those of signing in do.
        """
        with self._accounts.guarded(address):
            user = self._user_of(token)
            grant = self._accounts.replace_password(user, password) if user is not None else None
            if grant is None:
                raise Forbidden(TOO_LATE)
            return grant

    def _user_of(self, token: str) -> Account | None:
        """The Account of the user for whom it was made, if it is still good."""
        match = TEXT.fullmatch(self._seals.unproven(token))
        if match is None or int(match[2]) <= self._clock():
            return None
        user = self._accounts.by_id(int(match[1]))
        return user if user is not None and self._seals.open(token, _holder(user)) is not None else None


def _holder(user: Account) -> str:
    """Whoever has that account, for as long as it has that password."""
    return f'{user.id}:{user.password_hash}'
