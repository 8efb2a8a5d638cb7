"""The messages that mention a user, page by page."""
from typing import Any

from sqlalchemy import Integer, Select, and_, bindparam, select

from ..machinery.database import Database
from ..machinery.statements import PreparedBy
from ..objects import Message
from ..sql import by_first_table
from ..tables import MEMBERS, MENTIONS
from .histories import Histories
from .page import Page, within


class Mentioned:

    def __init__(self, *, database: Database, histories: Histories) -> None:
        self._histories = histories
        self._pages = PreparedBy(database, ids_of_page)

    def history(self, user_id: int, page: Page) -> tuple[list[Message], bool]:
        """A Page of the messages that mention the user, of the rooms that it is in now.

        It comes as those of Histories do: (messages, oldest first; whether there are more in the page's direction).
        """
        page = page.placed(self._histories.first_at)
        rows = self._pages[page.before is not None, page.is_forward].fetch(
            user=user_id, before=page.before, after=page.after, most=page.limit + 1)
        return page.cut(self._histories.messages(user_id, [row.message_id for row in rows]))


def ids_of_page(has_before: bool, is_forward: bool) -> Select[Any]:
    """The query of a Page's ids; its parameters: user, most, and before or after where it has any."""
    ids = MENTIONS.c.message_id
    is_own = and_(MEMBERS.c.room_id == MENTIONS.c.room_id, MEMBERS.c.user_id == MENTIONS.c.user_id)
    query = by_first_table(select(ids)).join_from(MENTIONS, MEMBERS, is_own).where(MENTIONS.c.user_id == bindparam('user'))
    query = within(query, bindparam('before') if has_before else None, bindparam('after') if is_forward else None, ids)
    return query.order_by(ids if is_forward else ids.desc()).limit(bindparam('most', type_=Integer))
