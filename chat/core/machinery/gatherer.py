"""Small writes that may wait a moment: gathered by row, and made together at short intervals.

What was put is visible by `pending` until it is in the database. A crash loses at most INTERVAL seconds of it; a clean
stop loses nothing.
"""
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import BigInteger, column, text

INTERVAL = 1        # seconds from one flush to the next
MAX_ROWS = 200_000  # rows that wait, as they might while the database is away; further ones are not kept
CHUNK = 500         # rows in one statement; SQLite takes no longer UNION

ROWS = '__rows__'


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of row.

    `columns` are the names of what there is to know of a row, `values(key, item)` makes them of what was put: whole
    numbers, or None. `update(new)` is the UPDATE for all rows of a subquery with these columns. It must not count on the
    order of its assignments, nor on a row that is no longer there.
    """

    columns: tuple
    values: object
    update: object


class Gatherer:
    """`kinds` holds the Kind of each name."""

    def __init__(self, database, kinds):
        self._database, self._kinds = database, kinds
        self._waiting, self._leaving = {}, {}  # (kind, key): item; those being written just now
        self._updates = {name: self._compile(kind) for name, kind in kinds.items()}

    def put(self, kind, key, item):
        """Have the row written soon, as this item says by then, in place of the one put before."""
        entry = kind, key
        if entry in self._waiting or len(self._waiting) < MAX_ROWS:
            self._waiting[entry] = item

    def drop(self, kind, key):
        """Forget what waits for a row that is no more."""
        self._waiting.pop((kind, key), None)

    def pending(self, kind, key):
        """The item of the row that may not be in the database yet, or None."""
        entry = kind, key
        return self._waiting.get(entry) or self._leaving.get(entry)

    def flush(self):
        """Write everything that waits. Raises Unavailable; it waits on then."""
        while self._waiting:
            first, _ = next(iter(self._waiting))
            entries = list(islice((entry for entry in self._waiting if entry[0] == first), CHUNK))
            self._leaving = {entry: self._waiting.pop(entry) for entry in entries}
            try:
                self._write(self._leaving)
            except BaseException:
                self._waiting = self._leaving | self._waiting
                raise
            finally:
                self._leaving = {}

    def _write(self, items):
        """Rows of one kind, in one transaction that locks nothing else, so that no others can wait for it in a circle."""
        name, _ = next(iter(items))
        kind = self._kinds[name]
        rows = [[_number(value) for value in kind.values(key, items[name, key])] for _, key in sorted(items)]
        first = ', '.join([f'{value} AS {column}' for column, value in zip(kind.columns, rows[0], strict=True)])
        union = ' UNION ALL SELECT '.join([first, *(', '.join(row) for row in rows[1:])])
        with self._database.writing() as connection:
            connection.exec_driver_sql(self._updates[name].replace(ROWS, f'SELECT {union}'))

    def _compile(self, kind):
        """The UPDATE of a kind in the driver's own SQL, with ROWS in place of the subquery."""
        new = text(ROWS).columns(*[column(name, BigInteger) for name in kind.columns]).subquery('new')
        return str(kind.update(new).compile(self._database.engine, compile_kwargs={'literal_binds': True}))


def _number(value):
    return 'NULL' if value is None else f'{value:d}'
