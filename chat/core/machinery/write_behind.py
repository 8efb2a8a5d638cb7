"""A write-behind buffer: small changes of rows that may wait a moment, written together at short intervals.

What was put is visible by `pending` until it is in the database, and for one flush more: whoever has read the row before the
flush may ask after it. A crash loses at most INTERVAL seconds of it; a clean stop loses nothing.
"""
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Subquery, Update

from ..sql import gathered_update, with_rows
from .database import Database

INTERVAL = 1        # seconds from one flush to the next
MAX_ROWS = 200_000  # rows that wait, as they might while the database is away; further ones are not kept
CHUNK = 500         # rows in one statement; SQLite takes no longer UNION

Key = TypeVar('Key')
Value = TypeVar('Value')


@dataclass(frozen=True, eq=False)
class RowUpdate(Generic[Key, Value]):
    """How values that were put under keys change the rows of one table.

    `as_row(key, value)` gives whole numbers, or None, for these `columns`; `update(new)` is the UPDATE for all rows of a
    subquery with them. It must not count on the order of its assignments, nor on a row that is no longer there.
    """

    columns: tuple[str, ...]
    as_row: Callable[[Key, Value], Sequence[int | None]]
    update: Callable[[Subquery], Update]


Entry = tuple[RowUpdate[Any, Any], Any]


class WriteBehind:
    """Values that wait to be written, by the RowUpdate that writes them and their key."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[Entry, Any] = {}
        self._being_written: dict[Entry, Any] = {}
        self._written: dict[Entry, Any] = {}  # by the last flush
        self._texts: dict[RowUpdate[Any, Any], str] = {}

    def put(self, update: RowUpdate[Key, Value], key: Key, value: Value) -> None:
        """Have the row written soon, as the value says by then, in place of the one put before."""
        entry = update, key
        if entry in self._waiting or len(self._waiting) < MAX_ROWS:
            self._waiting[entry] = value

    def drop(self, update: RowUpdate[Key, Value], key: Key) -> None:
        """Forget what waits for a row that is no more."""
        for values in (self._waiting, self._being_written, self._written):
            values.pop((update, key), None)

    def pending(self, update: RowUpdate[Key, Value], key: Key) -> Value | None:
        """The value that may not be in the row that the caller has read, or None."""
        entry = update, key
        value: Value | None = self._waiting.get(entry) or self._being_written.get(entry) or self._written.get(entry)
        return value

    def flush(self) -> None:
        """Write everything that waits. Raises Unavailable; it waits on then."""
        self._written = {}
        while self._waiting:
            first, _ = next(iter(self._waiting))
            entries = list(islice((entry for entry in self._waiting if entry[0] is first), CHUNK))
            self._being_written = {entry: self._waiting.pop(entry) for entry in entries}
            try:
                self._write(first, {key: self._being_written[first, key] for _, key in entries})
            except BaseException:
                self._waiting = self._being_written | self._waiting
                raise
            else:
                self._written |= self._being_written
            finally:
                self._being_written = {}

    def _write(self, update: RowUpdate[Any, Any], values: dict[Any, Any]) -> None:
        """Rows of one table, in one transaction that locks nothing else, in the order of their keys."""
        rows = [update.as_row(key, values[key]) for key in sorted(values)]
        statement = with_rows(self._text(update), update.columns, rows)

        def execute(connection: Connection) -> None:
            connection.exec_driver_sql(statement)

        self._database.transact(execute)

    def _text(self, update: RowUpdate[Any, Any]) -> str:
        if update not in self._texts:
            self._texts[update] = gathered_update(update.columns, update.update, self._database.engine)
        return self._texts[update]
