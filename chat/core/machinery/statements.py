"""Queries that are written once, by SQLAlchemy, and then executed many times by the driver alone."""
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy import Select

from ..sql import as_json_array
from .database import Database

Key = tuple[str | bool, ...]  # the shape of a query

class Prepared:
    """A query with named parameters: `fetch(**parameters)` gives its rows, named tuples.

    On MySQL each row travels as one JSON array, which orjson reads in a third of the time that the driver takes for its
    columns. So a column of bytes must hold UTF-8; it comes as str there.
    """

    def __init__(self, database: Database, statement: Select[*tuple[Any, ...]]) -> None:
        columns = list(statement.selected_columns)
        self._database = database
        names = [column.name for column in columns]
        self._make_row = namedtuple('Row', names)._make  # type: ignore[attr-defined]  # names that only the statement knows
        if not database.is_sqlite:
            statement = statement.with_only_columns(as_json_array(columns), maintain_column_froms=True)
        compiled = database.compile(statement)
        self._sql, self._names, self._constants = compiled.string, compiled.positiontup or [], compiled.params

    def fetch(self, **parameters: Any) -> list[Any]:
        """All rows. Raises Unavailable."""
        values = self._constants | parameters
        rows = self._database.fetch(self._sql, [values[name] for name in self._names])
        if not self._database.is_sqlite:
            rows = orjson.loads(f'[{",".join([array for array, in rows])}]')
        return list(map(self._make_row, rows))


class PreparedBy(dict[Key, Prepared]):
    """The Prepared queries of one family, each made when it is first needed: `queries[key]` is that of `make(*key)`."""

    def __init__(self, database: Database, make: Callable[..., Select[*tuple[Any, ...]]]) -> None:
        super().__init__()
        self._database, self._make = database, make

    def __missing__(self, key: Key) -> Prepared:
        prepared = self[key] = Prepared(self._database, self._make(*key))
        return prepared
