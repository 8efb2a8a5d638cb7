"""Stored files and who uses them: equal bytes are kept once, and go with the last one who has them.

A row of `stored_files` counts the uses. Whoever takes a file or lets go of it holds that row's lock until the commit;
bytes are saved before a row names them, and deleted after none does. So no row is ever without its bytes, and what a
crash leaves over in between are bytes without a row, which `sweep` finds.
"""
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, TypeVar

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from ...errors import NotFound, Unavailable
from ..machinery.background import in_pieces
from ..machinery.database import Database
from ..tables import FILES
from .storage import LocalStorage, Saved

ATTEMPTS = 3
SWEPT_AT_ONCE = 500
Result = TypeVar('Result')


@dataclass(frozen=True, slots=True)
class Download:
    """Open bytes and what is known of them; `etag` names them, whatever they are called."""

    file: BinaryIO
    size: int
    etag: str
    content_type: str
    filename: str


class Files:

    def __init__(self, database: Database, storage: LocalStorage) -> None:
        self._database, self._storage = database, storage

    def keep(self, saved: Sequence[Saved], store: Callable[[Connection, Sequence[str]], Result]) -> Result:
        """Use newly saved bytes, in one transaction with what `store(connection, keys)` does; returns what it returns.

        `saved` are Saved objects; `keys` has the key to store for each: its own, or that of the same bytes of earlier.
        Whatever is not used in the end is deleted.
        """
        def take_and_store(connection: Connection) -> tuple[Sequence[str], Result]:
            keys = {item: take(connection, item) for item in sorted(saved, key=lambda item: item.sha256)}
            in_order = [keys[item] for item in saved]
            return in_order, store(connection, in_order)

        unused = {item.key for item in saved}
        try:
            attempt = 0
            while True:
                attempt += 1
                try:
                    keys, result = self._database.transact(take_and_store)
                    unused -= set(keys)
                    return result
                except IntegrityError:  # somebody stored the same bytes at the same moment
                    if attempt == ATTEMPTS:
                        raise
        except Unavailable:
            unused = set()  # the transaction may have been committed: if not, `sweep` finds them
            raise
        finally:
            self._storage.delete(unused)

    def open(self, key: str, content_type: str, filename: str) -> Download:
        """The bytes as a Download, to be closed by the caller. Raises NotFound when they have just been deleted."""
        try:
            file = self._storage.open(key)
        except FileNotFoundError:
            raise NotFound('There is no such file') from None
        return Download(file, os.fstat(file.fileno()).st_size, key.partition('.')[0], content_type, filename)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete the bytes that `release` returned, once its transaction is committed."""
        self._storage.delete(keys)

    def sweep(self) -> int:
        """Delete bytes that no row names, a day after a crash left them behind; returns how many."""
        keys = self._storage.older_keys()
        batches: Iterator[list[str]] = iter(lambda: list(islice(keys, SWEPT_AT_ONCE)), [])
        return self._storage.sweep() + in_pieces(map(self._sweep, batches))

    def _sweep(self, keys: Collection[str]) -> int:
        known = {row.key for row in self._database.rows(select(FILES.c.key).where(FILES.c.key.in_(keys)))}
        strays = set(keys) - known
        self._storage.delete(strays)
        return len(strays)


def take(connection: Connection, saved: Saved) -> str:
    """Count one more use of these bytes; returns the key under which they are kept."""
    key: str | None = connection.execute(
        select(FILES.c.key).where(FILES.c.sha256 == saved.sha256).with_for_update()).scalar()
    if key is None:
        connection.execute(insert(FILES).values(key=saved.key, sha256=saved.sha256, uses=1))
        return saved.key
    connection.execute(update(FILES).where(FILES.c.key == key).values(uses=FILES.c.uses + 1))
    return key


def release(connection: Connection, keys: Iterable[str | None]) -> Sequence[str]:
    """Count one use less of each key (None is skipped); returns those that nobody uses any more.

    Whoever named the keys has deleted or changed its rows before, in the same transaction.
    """
    uses = Counter(key for key in keys if key is not None)
    for key in sorted(uses):
        connection.execute(update(FILES).where(FILES.c.key == key).values(uses=FILES.c.uses - uses[key]))
    query = select(FILES.c.key).where(FILES.c.key.in_(list(uses)), FILES.c.uses <= 0)
    unused: Sequence[str] = connection.execute(query).scalars().all()
    if unused:
        connection.execute(delete(FILES).where(FILES.c.key.in_(unused)))
    return unused
