"""Lists that come in pages: which page is asked for, and how the next one is named."""
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import request

from ..core.machinery.clock import milliseconds
from ..core.messages.page import Page
from ..core.objects import Message
from ..schemas.messages import ListMessages

Answer = tuple[Any, dict[str, str]]  # body and headers


def page_answer(items: Sequence[Any], next_page: Mapping[str, int | str] | None, noun: str | None = None) -> Answer:
    """The answer with one page of a list, wrapped by its noun if it has one.

    `next_page` are the parameters that ask for the next page, beside those of this request; None if there is none. It
    is named by the header of RFC 8288.
    """
    body = items if noun is None else {noun: items}
    if next_page is None:
        return body, {}
    parameters = {**{name: value for name, value in request.args.items() if name != 'cursor'}, **next_page}
    return body, {'Link': f'<{request.path}?{urlencode(parameters)}>; rel="next"'}


def page_of(query: ListMessages, default: int) -> Page:
    """The Page of messages that the query parameters ask for."""
    limit = query.limit or default
    if query.before is None and isinstance(query.cursor, datetime):
        return Page(limit, None, query.after, milliseconds(query.cursor))
    before = query.cursor if query.before is None else query.before
    assert not isinstance(before, datetime)
    return Page(limit, before, query.after)


def next_messages(found: tuple[Sequence[Message], bool], page: Page) -> dict[str, int] | None:
    """The parameters of the page that continues in the same direction behind these messages, oldest first."""
    messages, more = found
    if not more:
        return None
    return {'after': messages[-1]['id']} if page.is_forward else {'before': messages[0]['id']}
