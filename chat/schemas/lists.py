"""Queries of lists that come in pages."""
from typing import Annotated

from pydantic import Field

from ..core.lists import LONGEST
from ..fields import Count, Id
from ..validation import Request


class Paged(Request):
    """The base of the queries of all lists that come in pages: `Link` names the next one."""


class Listing(Paged):
    """A list of things other than messages: so many of them."""

    limit: Annotated[Count, Field(ge=1, le=LONGEST)] = LONGEST


class ListAfter(Listing):
    """A list that continues behind the one with this id, wherever that stands in its order."""

    after: Id | None = None


class ListById(Listing):
    """A list in the order of ids, that continues after this one."""

    after: Id = 0
