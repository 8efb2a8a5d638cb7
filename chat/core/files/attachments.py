"""The table of attachments, for those who change it within transactions of their own: the writer, and who deletes.

An attachment belongs to one message: the writer locks those of a batch before it decides which message gets them.
"""
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, select, update

from ..tables import ATTACHMENTS, AnyRow
from .stored_files import release

IMAGE: Final = 'image'
FILE: Final = 'file'
VOICE: Final = 'voice'
MAX_ATTACHMENTS = 10  # of each message
KINDS = {IMAGE, FILE, VOICE}  # also the types of messages that have attachments


def lock_unsent(connection: Connection, ids: Collection[int]) -> set[int]:
    """The ids of those that no message has yet; nobody else can send or remove them until the transaction ends."""
    rows = connection.execute(select(ATTACHMENTS.c.id, ATTACHMENTS.c.message_id).where(ATTACHMENTS.c.id.in_(ids))
                              .order_by(ATTACHMENTS.c.id).with_for_update())
    return {row.id for row in rows if row.message_id is None}


def claim(connection: Connection, message_id: int, ids: Iterable[int]) -> None:
    """Give attachments that `lock_unsent` found to a message, in this order."""
    for position, attachment_id in enumerate(ids):
        connection.execute(update(ATTACHMENTS).where(ATTACHMENTS.c.id == attachment_id).values(
            message_id=message_id, position=position))


def of_messages(connection: Connection, message_ids: Collection[int]) -> dict[int, list[AnyRow]]:
    """{message id: its attachments' rows, in order}."""
    found: dict[int, list[AnyRow]] = {}
    query = (select(ATTACHMENTS).where(ATTACHMENTS.c.message_id.in_(message_ids))
             .order_by(ATTACHMENTS.c.message_id, ATTACHMENTS.c.position))
    for row in connection.execute(query):
        found.setdefault(row.message_id, []).append(row)
    return found


def remove(connection: Connection, *conditions: ColumnElement[bool], limit: int | None = None) -> tuple[int, Sequence[str]]:
    """Remove those that meet the conditions; returns (how many, the keys of files to delete after the commit)."""
    query = select(ATTACHMENTS.c.id, ATTACHMENTS.c.key, ATTACHMENTS.c.thumbnail_key).where(*conditions)
    rows = connection.execute(query.order_by(ATTACHMENTS.c.id).limit(limit).with_for_update()).all()
    if not rows:
        return 0, []
    connection.execute(delete(ATTACHMENTS).where(ATTACHMENTS.c.id.in_([row.id for row in rows])))
    return len(rows), release(connection, [key for row in rows for key in (row.key, row.thumbnail_key)])
