"""Queries that are written once, by SQLAlchemy, and then executed many times by the driver alone."""
from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Select, select

from ..sql import among_ids, as_json_array, as_one_text, with_ids
from .database import Database

Query = Select[*tuple[Any, ...]]
Columns = Sequence[ColumnElement[Any]]
Shape = tuple[str | bool, ...]  # of a query


class Prepared:
    """A query with named parameters: `fetch(**parameters)` gives its rows, named tuples.

    On MySQL each row travels as one JSON array, which orjson reads in a third of the time that the driver takes for its
    columns. So a column of bytes must hold UTF-8; it comes as str there. A query of hundreds of rows is better made a
    LongList.
    """

    def __init__(self, database: Database, statement: Query) -> None:
        columns = list(statement.selected_columns)
        self._database = database
        names = [column.name for column in columns]
        self._make_row = namedtuple('Row', names)._make  # type: ignore[attr-defined]  # names that only the statement knows
        if not database.is_sqlite:
            statement = self._as_json(statement, columns)
        compiled = database.compile(statement)
        self._sql, self._names, self._constants = compiled.string, compiled.positiontup or [], compiled.params

    def fetch(self, **parameters: Any) -> list[Any]:
        """All rows. Raises Unavailable."""
        values = self._constants | parameters
        return self._fetch(self._sql, [values[name] for name in self._names])

    def _fetch(self, sql: str, values: Sequence[Any]) -> list[Any]:
        rows = self._database.fetch(sql, values)
        if not self._database.is_sqlite:
            rows = orjson.loads(f'[{",".join([text or "" for text, in rows])}]')
        return list(map(self._make_row, rows))

    def _as_json(self, statement: Query, columns: Columns) -> Query:
        """The query of MySQL that has JSON in place of the columns."""
        return statement.with_only_columns(as_json_array(columns), maintain_column_froms=True)


class ByIds(Prepared):
    """A query of rows by their ids: `fetch_all(ids)` gives those that are there, in no order."""

    def __init__(self, database: Database, columns: Columns, ids: ColumnElement[int]) -> None:
        super().__init__(database, among_ids(select(*columns), ids))

    def fetch_all(self, ids: Sequence[int]) -> list[Any]:
        """The rows with these ids. Raises Unavailable."""
        return self._fetch(with_ids(self._sql, ids), []) if ids else []


class LongList(Prepared):
    """A query of up to a thousand rows, in the order of one of its tables' columns.

    On MySQL all of them travel as one text: the driver takes 2 µs for each row, however little that holds, which is half of
    the whole. Below about 150 rows it does not pay. Put LIMIT into a subquery: the rows of this query become one, and a
    limit of its own would count that one.
    """

    def __init__(self, database: Database, statement: Query, order: ColumnElement[Any]) -> None:
        self._order = order
        super().__init__(database, statement.order_by(order) if database.is_sqlite else statement)

    def _as_json(self, statement: Query, columns: Columns) -> Query:
        return statement.with_only_columns(as_one_text(columns, self._order), maintain_column_froms=True)


class PreparedBy(dict[Shape, Prepared]):
    """The queries of one family, each made when it is first needed: `queries[shape]` is that of `make(*shape)`.

    Where the family has an `order`, they are LongLists.
    """

    def __init__(self, database: Database, make: Callable[..., Query], order: ColumnElement[Any] | None = None) -> None:
        super().__init__()
        self._database, self._make, self._order = database, make, order

    def __missing__(self, shape: Shape) -> Prepared:
        query = self._make(*shape)
        prepared = self[shape] = (Prepared(self._database, query) if self._order is None
                                  else LongList(self._database, query, self._order))
        return prepared
