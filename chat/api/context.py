"""What every view works with: the core, and who is calling."""
from typing import cast

from flask import current_app, g
from werkzeug.local import LocalProxy

from ..core import Core
from ..tokens import Identity

core = cast(Core, LocalProxy(lambda: current_app.extensions['chat']))


def identity() -> Identity:
    """Whom the token of this request belongs to; for views that need one."""
    return cast(Identity, g.identity)


def me() -> int:
    """The caller's user id."""
    return identity().user_id


def me_or_nobody() -> int | None:
    """The caller's user id; None for whoever came with a signature instead of a token."""
    return me() if g.identity else None


def my_address() -> str:
    """The address from which the caller calls, as limits count it."""
    return cast(str, g.address)
