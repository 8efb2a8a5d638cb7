"""Avatars: small pictures of users, which every signed-in user may see."""
from collections.abc import Sequence

from sqlalchemy import Connection, select

from ...errors import Invalid, NotFound, Unauthorized
from ..machinery.database import Database
from ..machinery.threads import Threads
from ..tables import USERS
from . import media
from .signatures import Signatures
from .storage import LocalStorage, Saved, Scratch
from .stored_files import Download, Files, release


class Avatars:
    """A new avatar has a new address, so that nobody is shown the old one from a cache."""

    def __init__(self, *, database: Database, storage: LocalStorage, files: Files, threads: Threads,
                 signatures: Signatures) -> None:
        self._database, self._storage, self._files = database, storage, files
        self._threads, self._signatures = threads, signatures

    def set(self, user_id: int, scratch: Scratch) -> None:
        """Make the picture in a Scratch the user's avatar.

        Raises Invalid for an empty or damaged file, UnsupportedMedia for what is no picture, TooLarge, Unavailable.
        """
        if not scratch.size:
            raise Invalid(file='is empty')
        self._change(user_id, [self._threads.run(media.take_in_avatar, self._storage, scratch)])

    def remove(self, user_id: int) -> None:
        """Have no avatar any more; none to begin with is no error."""
        self._change(user_id, [])

    def _change(self, user_id: int, saved: Sequence[Saved]) -> None:
        def change(connection: Connection, keys: Sequence[str]) -> Sequence[str]:
            own = USERS.c.id == user_id
            old = connection.execute(select(USERS.c.avatar_key).where(own).with_for_update()).scalar()
            connection.execute(USERS.update().where(own).values(avatar_key=keys[0] if keys else None))
            return release(connection, [old])

        self._files.delete(self._files.keep(saved, change))

    def url(self, user_id: int, key: str | None) -> str | None:
        """The address of the avatar that is stored under the key; None without one."""
        return key and self._signatures.url(f'/api/users/{user_id}/avatar', f'avatar:{user_id}:{key}')

    def open(self, user_id: int, viewer_id: int | None, signature: str | None) -> Download:
        """The avatar as a Download, for every signed-in user and for whoever has a valid signature.

        Raises NotFound, and Unauthorized for nobody (None) without one.
        """
        key = self._database.scalar(select(USERS.c.avatar_key).where(USERS.c.id == user_id))
        if viewer_id is None and not self._signatures.is_valid(signature, f'avatar:{user_id}:{key}'):
            raise Unauthorized('This address has expired, or is none: ask for the user again, or send a token')
        if key is None:
            raise NotFound('This user has no avatar')
        return self._files.open(key, media.SMALL, 'avatar.webp')
