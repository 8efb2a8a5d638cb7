"""Stored files and who uses them: equal bytes are kept once, and go with the last one who has them.

A row of `stored_files` counts the uses. Whoever takes a file or lets go of it holds that row's lock until the commit;
bytes are saved before a row names them, and deleted after none does. So no row is ever without its bytes, and what a
crash leaves over in between are bytes without a row, which `sweep` finds.
"""
import os
from collections import Counter
from dataclasses import dataclass

import gevent
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from ...errors import NotFound, Unavailable
from ..tables import FILES

ATTEMPTS = 3
SWEPT_AT_ONCE = 500
SWEEP_PAUSE = 0.02  # seconds between two pieces of a sweep, for the others


@dataclass(frozen=True, slots=True)
class Download:
    """Open bytes and what is known of them; `etag` names them, whatever they are called."""

    file: object
    size: int
    etag: str
    content_type: str
    filename: str


class Files:

    def __init__(self, database, storage):
        self._database, self._storage = database, storage

    def keep(self, saved, store):
        """Use newly saved bytes, in one transaction with what `store(connection, keys)` does; returns what it returns.

        `saved` are Saved objects; `keys` has the key to store for each: its own, or that of the same bytes of earlier.
        Whatever is not used in the end is deleted.
        """
        unused = {item.key for item in saved}
        try:
            for attempt in range(ATTEMPTS):
                try:
                    with self._database.writing() as connection:
                        keys = {item: take(connection, item) for item in sorted(saved, key=lambda item: item.sha256)}
                        result = store(connection, [keys[item] for item in saved])
                    unused -= set(keys.values())
                    return result
                except IntegrityError:  # somebody stored the same bytes at the same moment
                    if attempt == ATTEMPTS - 1:
                        raise
        except Unavailable:
            unused = ()  # the transaction may have been committed: if not, `sweep` finds them
            raise
        finally:
            self._storage.delete(unused)

    def open(self, key, content_type, filename):
        """The bytes as a Download, to be closed by the caller. Raises NotFound when they have just been deleted."""
        try:
            file = self._storage.open(key)
        except FileNotFoundError:
            raise NotFound('There is no such file') from None
        return Download(file, os.fstat(file.fileno()).st_size, key.partition('.')[0], content_type, filename)

    def delete(self, keys):
        """Delete the bytes that `release` returned, once its transaction is committed."""
        self._storage.delete(keys)

    def sweep(self):
        """Delete bytes that no row names, a day after a crash left them behind; returns how many."""
        swept, batch = self._storage.sweep(), []
        for key in self._storage.older_keys():
            batch.append(key)
            if len(batch) == SWEPT_AT_ONCE:
                swept += self._sweep(batch)
                batch = []
                gevent.sleep(SWEEP_PAUSE)
        return swept + self._sweep(batch)

    def _sweep(self, keys):
        known = {row.key for row in self._database.rows(select(FILES.c.key).where(FILES.c.key.in_(keys)))}
        strays = set(keys) - known
        self._storage.delete(strays)
        return len(strays)


def take(connection, saved):
    """Count one more use of these bytes; returns the key under which they are kept."""
    key = connection.execute(
        select(FILES.c.key).where(FILES.c.sha256 == saved.sha256).with_for_update()).scalar()
    if key is None:
        connection.execute(insert(FILES).values(key=saved.key, sha256=saved.sha256, uses=1))
        return saved.key
    connection.execute(update(FILES).where(FILES.c.key == key).values(uses=FILES.c.uses + 1))
    return key


def release(connection, keys):
    """Count one use less of each key (None is skipped); returns those that nobody uses any more.

    Whoever named the keys has deleted or changed its rows before, in the same transaction.
    """
    uses = Counter(key for key in keys if key is not None)
    for key in sorted(uses):
        connection.execute(update(FILES).where(FILES.c.key == key).values(uses=FILES.c.uses - uses[key]))
    query = select(FILES.c.key).where(FILES.c.key.in_(list(uses)), FILES.c.uses <= 0)
    unused = connection.execute(query).scalars().all()
    if unused:
        connection.execute(delete(FILES).where(FILES.c.key.in_(unused)))
    return unused
