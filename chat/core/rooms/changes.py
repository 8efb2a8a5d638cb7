"""The order of commits, by which clients catch up: for those who add to it within transactions of their own.

What happens is in two tables: new messages in `messages`, and in `changes` what became of a message or of a user's stay in
a room, the newest change of each. Whoever adds to one of them has locked the one row of `commit_order` before and keeps it
until the commit, so ids of both are given in the order of commits, whichever process commits: whoever sees an id can see
all smaller ones of that table. A change's `after_id` is the newest message at that moment, so the two are one order.

The lock comes last, behind those of rooms and of whatever else there is, so that no two wait for each other in a circle.
SQLite needs none, since only one transaction writes at a time.
"""
from sqlalchemy import Connection, delete, func, insert, literal, select, update

from ..machinery.database import inserted_id
from ..tables import CHANGES, COMMIT_ORDER, MEMBERS, MESSAGES, ROOMS

NEWEST = select(select(func.max(MESSAGES.c.id)).scalar_subquery(), select(func.max(CHANGES.c.after_id)).scalar_subquery())
LOCK = select(COMMIT_ORDER.c.id).where(COMMIT_ORDER.c.id == 1).with_for_update()


def lock_order(connection: Connection) -> None:
    """Come next in the order of commits; whoever wants to come after this transaction waits for it."""
    if connection.dialect.name != 'sqlite':
        connection.execute(LOCK)


def message_changed(connection: Connection, room_id: int, message_id: int) -> int:
    """A message is not what it was; returns the id of the change. The caller has locked its room."""
    lock_order(connection)
    connection.execute(delete(CHANGES).where(CHANGES.c.message_id == message_id))
    change_id = inserted_id(connection.execute(insert(CHANGES).values(
        after_id=_newest_message(connection), room_id=room_id, message_id=message_id)))
    connection.execute(update(ROOMS).where(ROOMS.c.id == room_id).values(last_change=change_id))
    return change_id


def stay_changed(connection: Connection, room_id: int, user_id: int) -> None:
    """A user came into a room, or left it. The caller has locked the room."""
    lock_order(connection)
    earlier = connection.execute(delete(CHANGES).where(CHANGES.c.user_id == user_id, CHANGES.c.room_id == room_id)).rowcount
    connection.execute(insert(CHANGES).values(
        after_id=_newest_message(connection), room_id=room_id, user_id=user_id, is_return=earlier > 0))


def all_stays_end(connection: Connection, room_id: int) -> None:
    """The room is no more: nobody stays. The caller has locked it, and removes its members after this call."""
    lock_order(connection)
    connection.execute(delete(CHANGES).where(CHANGES.c.user_id.is_not(None), CHANGES.c.room_id == room_id))
    stays = select(literal(_newest_message(connection)), MEMBERS.c.room_id, MEMBERS.c.user_id)
    connection.execute(insert(CHANGES).from_select(
        ['after_id', 'room_id', 'user_id'], stays.where(MEMBERS.c.room_id == room_id)))


def _newest_message(connection: Connection) -> int:
    """The id of the newest message, also if it is gone by now.

    By a query of its own: as part of an INSERT it would lock the message, for which another transaction that changes it and
    waits for the order would have to wait.
    """
    return max(filter(None, connection.execute(NEWEST).one()), default=0)
