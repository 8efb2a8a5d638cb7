"""Queries of the messages of one room, made to use the index by room and id."""
from sqlalchemy import select

from ..tables import MESSAGES, ROOMS


def by_room(query, room_id=True):
    """The query, made to use the index by room and id: MySQL's planner walks all ids of a room otherwise."""
    if room_id is None:
        return query
    return query.with_hint(MESSAGES, 'FORCE INDEX (ix_messages_room_id_id)', 'mysql').with_hint(
        MESSAGES, 'FORCE INDEX (ix_messages_room_id_id)', 'mariadb')


def newest_of_room(column):
    """The scalar query, within one of rooms, of a column of each room's newest message."""
    of_room = by_room(select(column)).where(MESSAGES.c.room_id == ROOMS.c.id)
    return of_room.order_by(MESSAGES.c.id.desc()).limit(1).scalar_subquery()
