"""The table of reactions, for those who change it within transactions of their own and for those who show messages."""
from collections.abc import Collection

from sqlalchemy import Connection, delete, func, insert, select, update

from ..machinery.clock import now_ms
from ..objects import Reaction
from ..tables import MESSAGES, REACTIONS

MOST = 20  # different emoji on one message


def of_messages(connection: Connection, message_ids: Collection[int]) -> dict[int, list[Reaction]]:
    """{message id: its Reactions}; emoji in the order in which each was first used, and so their users."""
    found: dict[int, dict[bytes, list[int]]] = {}
    query = select(REACTIONS).where(REACTIONS.c.message_id.in_(message_ids)).order_by(
        REACTIONS.c.created_at, REACTIONS.c.emoji, REACTIONS.c.user_id)
    for row in connection.execute(query):
        found.setdefault(row.message_id, {}).setdefault(row.emoji, []).append(row.user_id)
    return {message_id: [{'emoji': emoji.decode(), 'userIds': user_ids} for emoji, user_ids in by_emoji.items()]
            for message_id, by_emoji in found.items()}


def has(connection: Connection, message_id: int, emoji: bytes, user_id: int | None = None) -> bool:
    """Whether somebody, or that user, has reacted with the emoji."""
    query = select(REACTIONS.c.user_id).where(REACTIONS.c.message_id == message_id, REACTIONS.c.emoji == emoji)
    if user_id is not None:
        query = query.where(REACTIONS.c.user_id == user_id)
    return connection.execute(query.limit(1)).first() is not None


def add(connection: Connection, message_id: int, emoji: bytes, user_id: int) -> None:
    """The user, who has not yet, reacts with the emoji. The caller has locked the message's room."""
    connection.execute(insert(REACTIONS).values(message_id=message_id, emoji=emoji, user_id=user_id, created_at=now_ms()))
    _count(connection, message_id)


def take_back(connection: Connection, message_id: int, emoji: bytes, user_id: int) -> None:
    """The user reacts with the emoji no longer. The caller has locked the message's room."""
    connection.execute(delete(REACTIONS).where(
        REACTIONS.c.message_id == message_id, REACTIONS.c.emoji == emoji, REACTIONS.c.user_id == user_id))
    _count(connection, message_id)


def remove(connection: Connection, message_ids: Collection[int]) -> None:
    """Remove all reactions to these messages."""
    connection.execute(delete(REACTIONS).where(REACTIONS.c.message_id.in_(message_ids)))


def _count(connection: Connection, message_id: int) -> None:
    """Have the message say how many different emoji it was reacted to with."""
    different = select(func.count(REACTIONS.c.emoji.distinct())).where(REACTIONS.c.message_id == message_id)
    connection.execute(update(MESSAGES).where(MESSAGES.c.id == message_id).values(
        reaction_count=different.scalar_subquery()))
