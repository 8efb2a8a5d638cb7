"""Messages that go for good, and what goes with them."""
from collections.abc import Collection, Sequence

from sqlalchemy import Connection, delete, select, update

from ..files import attachments
from ..files.stored_files import Files
from ..machinery.background import in_pieces
from ..machinery.clock import now_ms
from ..machinery.database import Database
from ..tables import ATTACHMENTS, BANS, CHANGES, MESSAGES, ROOMS
from . import mentions, reactions
from .search_index import SearchIndex
from .sending import TEXT

PURGED_AT_ONCE = 500   # messages of a removed room in one transaction
PURGE_SECONDS = 5      # between two looks for removed rooms


class RemovedRooms:
    """What removed rooms leave behind."""

    def __init__(self, database: Database, files: Files, index: SearchIndex) -> None:
        self._database, self._files, self._index = database, files, index

    def purge(self) -> None:
        """Delete what search knows of removed rooms, their messages and files, in small pieces, then the rooms."""
        in_pieces(iter(self._purge_some, 0))

    def _purge_some(self) -> int:
        """Delete some rows of a removed room, or at last the room; returns how many."""
        removed = select(ROOMS.c.id).where(ROOMS.c.deleted_at.is_not(None)).limit(1)
        room_id = self._database.scalar(removed)
        if room_id is None:
            return 0
        with self._database.writing() as connection:
            if count := self._index.purge(connection, room_id):
                return count
            ids = connection.execute(select(MESSAGES.c.id).where(MESSAGES.c.room_id == room_id)
                                     .limit(PURGED_AT_ONCE)).scalars().all()
            unused: Sequence[str] = ()
            if ids:
                unused = remove(connection, ids)
            else:
                connection.execute(delete(BANS).where(BANS.c.room_id == room_id))
                connection.execute(delete(ROOMS).where(ROOMS.c.id == room_id))
        self._files.delete(unused)
        return len(ids) or 1


def remove(connection: Connection, ids: Collection[int]) -> Sequence[str]:
    """Remove messages for good, with all that hangs on them; returns the keys of files to delete after the commit."""
    unused = _remove_parts(connection, ids)
    connection.execute(delete(CHANGES).where(CHANGES.c.message_id.in_(ids)))
    connection.execute(delete(MESSAGES).where(MESSAGES.c.id.in_(ids)))
    return unused


def empty(connection: Connection, message_id: int) -> Sequence[str]:
    """Leave nothing of a message but its place; returns the keys of files to delete after the commit."""
    unused = _remove_parts(connection, (message_id,))
    connection.execute(update(MESSAGES).where(MESSAGES.c.id == message_id).values(
        content='', type=TEXT, reaction_count=0, mention_count=0, deleted_at=now_ms()))
    return unused


def _remove_parts(connection: Connection, ids: Collection[int]) -> Sequence[str]:
    reactions.remove(connection, ids)
    mentions.remove(connection, ids)
    _, unused = attachments.remove(connection, ATTACHMENTS.c.message_id.in_(ids))
    return unused
