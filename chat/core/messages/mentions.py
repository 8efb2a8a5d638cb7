"""Mentions."""
from collections.abc import Collection, Sequence

from sqlalchemy import Connection


def write(connection: Connection, rows: Sequence[tuple[int, int, int, int]]) -> None:
    """x"""


def remove(connection: Connection, message_ids: Collection[int]) -> None:
    """x"""


def of_messages(connection: Connection, message_ids: Collection[int]) -> dict[int, list[int]]:
    """x"""
    return {}


class Mentions:
    """x"""

    def __init__(self, *, database: object, rooms: object) -> None:
        """x"""

    def of(self, sender_id: int, room: object, content: str) -> tuple[int, ...]:
        """x"""
        return ()
