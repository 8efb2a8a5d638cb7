"""Queries that are written once, by SQLAlchemy, and then executed many times by the driver alone."""
from collections import namedtuple
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Select, select

from ..sql import among_ids, as_json_array, with_ids
from .database import Database

Query = Select[*tuple[Any, ...]]
Columns = Sequence[ColumnElement[Any]]
Shape = tuple[str | bool, ...]  # of a query


class Prepared:
    """A query with named parameters: `fetch(**parameters)` gives its rows, named tuples.

    On MySQL each row travels as one JSON array, which orjson reads in a third of the time that the driver takes for its
    columns. So a column of bytes must hold UTF-8; it comes as str there.
    """

    def __init__(self, database: Database, statement: Query) -> None:
        columns = list(statement.selected_columns)
        self._database = database
        row = namedtuple('Row', [column.name for column in columns])  # type: ignore[misc]  # names that only the statement knows
        self._make_row = partial(tuple.__new__, row)  # as `_make`, in half the time
        if not database.is_sqlite:
            statement = statement.with_only_columns(as_json_array(columns), maintain_column_froms=True)
        compiled = database.compile(statement)
        self._sql, self._names, self._constants = compiled.string, compiled.positiontup or [], compiled.params

    def fetch(self, **parameters: Any) -> list[Any]:
        """All rows. Raises Unavailable."""
        values = self._constants | parameters
        return self._fetch(self._sql, [values[name] for name in self._names])

    def _fetch(self, sql: str, values: Sequence[Any]) -> list[Any]:
        rows = (self._database.fetch(sql, values) if self._database.is_sqlite else
                orjson.loads(b'[%b]' % b','.join(self._database.fetch_texts(sql, values))))
        return list(map(self._make_row, rows))


class ByIds(Prepared):
    """A query of rows by their ids: `fetch_all(ids)` gives those that are there, in no order."""

    def __init__(self, database: Database, columns: Columns, ids: ColumnElement[int]) -> None:
        super().__init__(database, among_ids(select(*columns), ids))

    def fetch_all(self, ids: Sequence[int]) -> list[Any]:
        """The rows with these ids. Raises Unavailable."""
        return self._fetch(with_ids(self._sql, ids), []) if ids else []


class PreparedBy(dict[Shape, Prepared]):
    """The queries of one family, each made when it is first needed: `queries[shape]` is that of `make(*shape)`."""

    def __init__(self, database: Database, make: Callable[..., Query]) -> None:
        super().__init__()
        self._database, self._make = database, make

    def __missing__(self, shape: Shape) -> Prepared:
        prepared = self[shape] = Prepared(self._database, self._make(*shape))
        return prepared
