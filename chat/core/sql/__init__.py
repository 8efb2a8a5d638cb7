"""The SQL that is put together by hand, and why.

Everything else is made by SQLAlchemy, which keeps what it has compiled. These statements differ from one time to the next
in how many rows they have, so that there is nothing to be kept, and most are on the way of every message. The figures are
microseconds of the processor with Python 3.11, SQLAlchemy 2.1 and PyMySQL 1.2.

It is safe for one reason: **only whole numbers are put into a text**, each by the format `d`, which raises for anything
else. Whatever a person has written is a parameter of the driver, under `mark`.

The databases differ in this:
- parameters are `?` for SQLite's driver and `%s` for MySQL's, where a percent sign of one's own would have to be doubled;
- SQLite knows neither `FOR UPDATE` nor needs it, since its transactions begin as writers;
- of an INSERT of many rows SQLite tells the last id, MySQL and MariaDB the first one;
- `CASE`, `UNION ALL`, `CONVERT … USING`, `JSON_ARRAY` and `FORCE INDEX` are the same on MySQL 8 and on MariaDB. They part
  in the name under which SQLAlchemy looks a hint up.
"""
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Engine,
    Function,
    LargeBinary,
    ScalarSelect,
    Select,
    Subquery,
    Table,
    Update,
    column,
    func,
    literal_column,
    select,
    text,
)

from ..tables import MENTIONS, MESSAGES, ROOMS

T = TypeVar('T')
ESCAPE = '/'  # in patterns of LIKE; a backslash is one of the strings themselves on MySQL
GATHERED_ROWS = '__rows__'  # stands for the rows in the text of a gathered UPDATE
IDS = '__ids__'  # stands for the ids in the text of a query by ids
BY_ROOM_AND_ID = 'FORCE INDEX (ix_messages_room_id_id)'
BY_PRIMARY_KEY = 'FORCE INDEX (PRIMARY)'
BY_USER_AND_ROOM = 'FORCE INDEX (ix_mentions_user_id_room_id_seq)'


def mark(is_sqlite: bool) -> str:
    """The mark of a parameter in the driver's own SQL."""
    return '?' if is_sqlite else '%s'


def number(value: int | None) -> str:
    """A whole number, or NULL."""
    return 'NULL' if value is None else f'{value:d}'


def numbers(values: Iterable[int]) -> str:
    """Whole numbers as they stand in a list."""
    return ','.join([f'{value:d}' for value in values])


# ---------------------------------------------------------------------- messages of one room

def by_room(query: Select[T], room_id: int | bool | None = True) -> Select[T]:
    """The query, made to use the index by room and id.

    MySQL's planner may walk all ids of the table in search of a room's newest messages instead: of a million messages that
    takes 150 ms, in place of 1. SQLite chooses the index by itself. Without a room there is nothing to do.
    """
    if room_id is None:
        return query
    return query.with_hint(MESSAGES, BY_ROOM_AND_ID, 'mysql').with_hint(MESSAGES, BY_ROOM_AND_ID, 'mariadb')


def newest_of_room(of_message: ColumnElement[T]) -> ScalarSelect[T]:
    """The scalar query, within one of rooms, of a column of each room's newest message.

    One look into the index for each room; `max(id) … GROUP BY room_id` reads the index of all their messages.
    """
    of_room = by_room(select(of_message)).where(MESSAGES.c.room_id == ROOMS.c.id)
    return of_room.order_by(MESSAGES.c.id.desc()).limit(1).scalar_subquery()


# ---------------------------------------------------------------------- mentions

def by_first_table(query: Select[T]) -> Select[T]:
    """The query, made to begin with its first table, and so to end as soon as it has the rows of a page in that order.

    MySQL's planner may begin with another one, read all that belongs to it, and sort.
    """
    return query.prefix_with('STRAIGHT_JOIN', dialect='mysql').prefix_with('STRAIGHT_JOIN', dialect='mariadb')


def mentions_behind(seq: ColumnElement[int], user_id: ColumnElement[int]) -> ScalarSelect[int]:
    """The scalar query, within one of rooms, of how many messages behind that place in each mention the user.

    MySQL's planner, while it takes the table for a small one, would read all mentions of the user for each room. By the
    index it reads those in that room (0.2 each), SQLite's only those behind the place.
    """
    count = select(func.count()).select_from(MENTIONS).with_hint(MENTIONS, BY_USER_AND_ROOM, 'mysql').with_hint(
        MENTIONS, BY_USER_AND_ROOM, 'mariadb')
    return count.where(MENTIONS.c.user_id == user_id, MENTIONS.c.room_id == ROOMS.c.id,
                       MENTIONS.c.seq > seq).scalar_subquery()


def count_mentions(user_id: int, behind: Mapping[int, int]) -> str:
    """The SELECT of room ids and how many messages in each, behind that place (seq), mention the user.

    By hand, since it has as many parts as rooms, each with constants: so every database reads only what it counts. SQLite
    takes up to 500.
    """
    return ' UNION ALL '.join([
        f'SELECT {room_id:d}, count(*) FROM mentions WHERE user_id = {user_id:d} AND room_id = {room_id:d} AND seq > {seq:d}'
        for room_id, seq in behind.items()])


# ---------------------------------------------------------------------- patterns

def containing(text: str) -> str:
    """The pattern of LIKE, with ESCAPE, for what contains the text; `autoescape` of SQLAlchemy is for literals only."""
    escaped = re.sub('[/%_]', rf'{ESCAPE}\g<0>', text)
    return f'%{escaped}%'


# ---------------------------------------------------------------------- rows that are written

def replace_rows(table: Table, is_sqlite: bool) -> str:
    """The statement that puts a row into a table, in the place of the one with the same key if there is one.

    SQLAlchemy has each database's own words for that, and no common ones; these are the same on all.
    """
    columns = table.columns.keys()
    return f'REPLACE INTO {table.name} ({", ".join(columns)}) VALUES ({", ".join([mark(is_sqlite)] * len(columns))})'


def gathered_update(columns: Sequence[str], update: Callable[[Subquery], Update], engine: Engine) -> str:
    """The text of `update(new)`, made once, with GATHERED_ROWS in place of the rows of the subquery `new`."""
    new = text(GATHERED_ROWS).columns(*[column(name, BigInteger) for name in columns]).subquery('new')
    return str(update(new).compile(engine, compile_kwargs={'literal_binds': True}))


def with_rows(update: str, columns: Sequence[str], rows: Sequence[Sequence[int | None]]) -> str:
    """A gathered UPDATE with its rows: one statement for hundreds of rows, in place of one for each.

    By hand: 580 for 500 rows, against 155,000 (of one event loop) by SQLAlchemy. The rows are a union of SELECTs; `VALUES`
    as a table would be shorter, but MySQL 8, MariaDB and SQLite each write it in another way.
    """
    first = ', '.join([f'{number(value)} AS {name}' for name, value in zip(columns, rows[0], strict=True)])
    others = [', '.join([number(value) for value in row]) for row in rows[1:]]
    return update.replace(GATHERED_ROWS, 'SELECT ' + ' UNION ALL SELECT '.join([first, *others]))


# ---------------------------------------------------------------------- rows by their ids

def among_ids(query: Select[*tuple[Any, ...]], ids: ColumnElement[int]) -> Select[*tuple[Any, ...]]:
    """The query of the rows with certain ids, with IDS in place of these; a list of parameters is made anew each time."""
    return query.where(ids.op('IN')(literal_column(f'({IDS})')))


def with_ids(query: str, ids: Iterable[int]) -> str:
    """The text of a query of `among_ids` with its ids, one at least."""
    return query.replace(IDS, numbers(ids))


# ---------------------------------------------------------------------- rows as JSON

def as_json_array(columns: Sequence[ColumnElement[Any]]) -> Function[Any]:
    """The expression of MySQL that has a row's columns as one JSON array; bytes must hold UTF-8, and become text.

    PyMySQL takes three times as long for the columns as orjson for the array. JSON has no bytes, hence the conversion,
    for which SQLAlchemy has no words.
    """
    return func.json_array(*map(_as_text, columns))


def _as_text(of_row: ColumnElement[Any]) -> ColumnElement[Any]:
    is_bytes = isinstance(of_row.type, LargeBinary)
    return literal_column(f'CONVERT({of_row} USING utf8mb4)') if is_bytes else of_row
