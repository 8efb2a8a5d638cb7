"""Pages of lists that are ordered by the ids of messages."""
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import BindParameter, ColumnElement, Select

from ..tables import MESSAGES

Item = TypeVar('Item')
Query = TypeVar('Query', bound=Select[Any])
Bound = int | BindParameter[int] | None


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of a list of messages by id: the newest `limit` before `before`, or the oldest after `after`.

    `before_time` (ms) stands in for `before` until the page is `placed` in a list.
    """

    limit: int
    before: int | None = None
    after: int | None = None
    before_time: int | None = None

    def placed(self, first_at: Callable[[int], int]) -> 'Page':
        """The page with an id for its time, of which `first_at(time)` knows."""
        if self.before_time is None:
            return self
        return Page(self.limit, first_at(self.before_time), self.after)

    @property
    def is_forward(self) -> bool:
        """Whether it begins with the oldest."""
        return self.after is not None

    def comes_before(self, one_id: int, other_id: int) -> bool:
        """Whether one id stands before the other in the order of this page."""
        return one_id < other_id if self.is_forward else one_id > other_id

    def order(self, query: Query, column: ColumnElement[int]) -> Query:
        """The query in the order of this page."""
        return query.order_by(column if self.is_forward else column.desc())

    def narrow(self, query: Query, ids: ColumnElement[int] = MESSAGES.c.id) -> Query:
        """The query, for one more row than the page has, to see whether there are more."""
        return self.order(within(query, self.before, self.after, ids), ids).limit(self.limit + 1)

    def cut(self, items: list[Item]) -> tuple[list[Item], bool]:
        """(the page's items, oldest first, whether there are more) of what `narrow` found."""
        page = items[:self.limit]
        return (page if self.is_forward else page[::-1]), len(items) > self.limit


def within(query: Query, before: Bound, after: Bound, ids: ColumnElement[int] = MESSAGES.c.id) -> Query:
    """The query, with only what has an id between these two."""
    if after is not None:
        query = query.where(ids > after)
    if before is not None:
        query = query.where(ids < before)
    return query
