"""Small writes that may wait a moment: gathered by row, and made together at short intervals.

What was put is visible by `pending` until it is in the database. A crash loses at most INTERVAL seconds of it; a clean
stop loses nothing.
"""
INTERVAL = 1        # seconds from one flush to the next
MAX_ROWS = 200_000  # rows that wait, as they might while the database is away; further ones are not kept
CHUNK = 500         # rows in one transaction


class Gatherer:
    """`statements` maps a kind of row to its UPDATE, whose parameters are the values put."""

    def __init__(self, database, statements):
        self._database, self._statements = database, statements
        self._waiting, self._leaving = {}, {}  # (kind, key): values; those being written just now

    def put(self, kind, key, values):
        """Have the row written soon, with these values in place of those put before."""
        entry = kind, key
        if entry in self._waiting or len(self._waiting) < MAX_ROWS:
            self._waiting[entry] = values

    def drop(self, kind, key):
        """Forget what waits for a row that is no more."""
        self._waiting.pop((kind, key), None)

    def pending(self, kind, key):
        """The values of the row that may not be in the database yet, or None."""
        entry = kind, key
        return self._waiting.get(entry) or self._leaving.get(entry)

    def flush(self):
        """Write everything that waits. Raises Unavailable; it waits on then."""
        while self._waiting:
            entries = list(self._waiting)[:CHUNK]
            self._leaving = {entry: self._waiting.pop(entry) for entry in entries}
            try:
                self._write(self._leaving)
            except BaseException:
                self._waiting = self._leaving | self._waiting
                raise
            finally:
                self._leaving = {}

    def _write(self, rows):
        with self._database.writing() as connection:
            for kind, statement in self._statements.items():
                parameters = [values for (row_kind, _), values in sorted(rows.items(), key=lambda row: row[0])
                              if row_kind == kind]
                if parameters:
                    connection.execute(statement, parameters)
