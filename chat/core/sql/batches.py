"""What stores a batch of messages.

On MySQL a batch is two UPDATEs, one INSERT (two where somebody is mentioned) and a COMMIT in one round trip, executed by
the driver alone. Each statement takes effect only where the one before it found what it should.

One process knows the places of its messages before. Where several write, a batch that `is_counted` is numbered by the
database: by how much it is beyond what this process knows is kept in variables of the connection (`@seq_7` and `@at_7` of
room 7), added to each number and time, and told in the same round trip: two statements more, some 10 for each room.
"""
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from . import BY_PRIMARY_KEY, BY_ROOM_AND_ID, mark, number

MESSAGE_COLUMNS = 'room_id, sender_id, seq, nonce, created_at, reply_to_id, mention_count, type, content, client_id'


class RoomState(Protocol):
    """What a room is expected to be like while messages are put into it; a LiveRoom, or a row of rooms."""

    @property
    def last_seq(self) -> int | None: ...

    @property
    def members_version(self) -> int: ...


class NumberedRoom(Protocol):
    """A room that messages go into."""

    @property
    def id(self) -> int: ...


class NumberedMessage(Protocol):
    """A message that has its place in its room."""

    @property
    def room(self) -> NumberedRoom: ...

    @property
    def type(self) -> str: ...

    sender_id: int
    content: str
    reply_to_id: int | None
    client_id: str | None
    mentions: Sequence[int]
    nonce: int
    seq: int
    created_at: int


def lock_rooms(room_ids: Iterable[int], is_sqlite: bool) -> str:
    """The SELECT of rooms that are still there, locked in the order of their ids, so that no two wait in a circle.

    By the primary key, also where MySQL's planner thinks better of another index: its locks would come first. By hand:
    19 with its execution on SQLite, against 117 by SQLAlchemy out of its cache.
    """
    ids = ','.join([f'{room_id:d}' for room_id in sorted(room_ids)])
    hint, lock = ('', '') if is_sqlite else (f' {BY_PRIMARY_KEY}', ' FOR UPDATE')
    columns = 'id, last_seq, members_version'
    return f'SELECT {columns} FROM rooms{hint} WHERE id IN ({ids}) AND deleted_at IS NULL ORDER BY id{lock}'


def claim_places(newest: Mapping[int, tuple[int, int]], expected: Mapping[int, RoomState], is_sqlite: bool,
                 is_counted: bool = False) -> str:
    """The UPDATE that takes the next numbers of rooms, of those that are there and as expected; it locks them as well.

    `newest` has the new (last_seq, newest_at) of each room; where that is counted, whatever the room's last_seq is by now.
    One statement for all rooms, since each further one is a round trip. By hand: 3 for one room and 13 for ten, against 250
    and 1,340 by SQLAlchemy.
    """
    conditions = ' OR '.join([
        f'id = {room_id:d} AND members_version = {room.members_version:d}'
        f'{"" if is_counted else f" AND last_seq = {room.last_seq:d}"}' for room_id, room in sorted(expected.items())])
    newest_at = _by_id({room_id: at for room_id, (_, at) in newest.items()})
    if is_counted:
        counts = {room_id: seq - (expected[room_id].last_seq or 0) for room_id, (seq, _) in newest.items()}
        last_seq, newest_at = f'last_seq + {_by_id(counts)}', f'GREATEST(newest_at, {newest_at})'
    else:
        last_seq = _by_id({room_id: seq for room_id, (seq, _) in newest.items()})
    return (f'UPDATE rooms{"" if is_sqlite else f" {BY_PRIMARY_KEY}"} SET last_seq = {last_seq}, newest_at = {newest_at} '
            f'WHERE ({conditions}) AND deleted_at IS NULL')


def _by_id(numbers: Mapping[int, int]) -> str:
    """The expression that has a number for each id."""
    return f'CASE id {" ".join([f"WHEN {key:d} THEN {number:d}" for key, number in numbers.items()])} END'


def lock_order_if(claimed: int) -> str:
    """The UPDATE that takes the lock of rooms/changes.py if the UPDATE right before it found so many rows.

    It changes nothing, so that nothing is written; with CLIENT.FOUND_ROWS the row counts all the same. As a statement of
    this round trip it costs less than can be measured (5 of MariaDB's 320, with the noise of twice that).
    """
    return f'UPDATE commit_order SET id = 1 WHERE id = 1 AND ROW_COUNT() = {claimed:d}'


def count_places(last_seqs: Mapping[int, int], first_at: Mapping[int, int]) -> str:
    """What sets the variables, after `claim_places` and `lock_order_if`.

    `last_seqs` are the numbers of the newest messages of the batch as this process would give them, `first_at` the times of
    the first ones. The snapshot that is read is younger than the locks, so nothing of the rooms is missing from it.
    """
    variables = [(f'@seq_{room_id:d} = (SELECT last_seq - {seq:d} FROM rooms WHERE id = {room_id:d}), '
                  f'@at_{room_id:d} = GREATEST(0, COALESCE((SELECT created_at + 1 - {first_at[room_id]:d} FROM messages '
                  f'{BY_ROOM_AND_ID} WHERE room_id = {room_id:d} ORDER BY id DESC LIMIT 1), 0))')
                 for room_id, seq in last_seqs.items()]
    return f'SET @is_claimed = ROW_COUNT() = 1, {", ".join(variables)}'


def counted_places(room_ids: Iterable[int]) -> str:
    """The SELECT of the variables, two for each room."""
    return f'SELECT {", ".join([f"@seq_{room_id:d}, @at_{room_id:d}" for room_id in room_ids])}'


def insert_messages(messages: Sequence[NumberedMessage], is_sqlite: bool, is_checked: bool = False,
                    is_counted: bool = False) -> tuple[str, list[str | bytes]]:
    """(the INSERT of all messages, its parameters).

    One that `is_checked` is refused, for a NULL, unless `lock_order_if` right before it found its row: so the whole batch
    can be sent at once and yet be stored only if all rooms were as expected. Where it `is_counted` too, `count_places` comes
    between. By hand: 230 for 256 messages, against 21,000 by SQLAlchemy; and whole numbers in the text, since PyMySQL needs
    560 for the rest against 1,230 for nine parameters each.
    """
    rows: list[str] = []
    values: list[str | bytes] = []
    parameter = mark(is_sqlite)
    check = '@is_claimed' if is_counted else 'ROW_COUNT() = 1'
    for message in messages:
        reply_to_id, client_id, room_id = message.reply_to_id, message.client_id, message.room.id
        seq, at = _seq(message, is_counted), f'{message.created_at:d}{f" + @at_{room_id:d}" if is_counted else ""}'
        if is_checked and not rows:
            seq = f'IF({check}, {seq}, NULL)'
        rows.append(f'({room_id:d},{message.sender_id:d},{seq},{message.nonce:d},{at},'
                    f'{number(reply_to_id)},{len(message.mentions):d},{parameter},{parameter},'
                    f'{"NULL" if client_id is None else parameter})')
        values += (message.type, message.content)
        if client_id is not None:
            values.append(client_id.encode())
    return f'INSERT INTO messages ({MESSAGE_COLUMNS}) VALUES {",".join(rows)}', values


def _seq(message: NumberedMessage, is_counted: bool) -> str:
    return f'{message.seq:d} + @seq_{message.room.id:d}' if is_counted else f'{message.seq:d}'


def insert_mentions(messages: Sequence[NumberedMessage], is_counted: bool = False) -> list[str]:
    """MySQL's INSERT of what messages mention that were inserted right before, or nothing where there is none.

    Their ids are known to the server only: that of the first one, and those behind it in the steps of a cluster.
    """
    rows = [f'({user_id:d},LAST_INSERT_ID() + {index:d} * @@auto_increment_increment,{message.room.id:d},'
            f'{_seq(message, is_counted)})' for index, message in enumerate(messages) for user_id in message.mentions]
    return [f'INSERT INTO mentions (user_id, message_id, room_id, seq) VALUES {",".join(rows)}'] if rows else []


def insert_mention_rows(rows: Iterable[tuple[int, int, int, int]]) -> str:
    """The INSERT of rows of mentions: user id, message id, room id, seq.

    By hand: 900 for 1,000 rows, with their execution on MariaDB, against 4,700 by SQLAlchemy.
    """
    values = ','.join([f'({user_id:d},{message_id:d},{room_id:d},{seq:d})' for user_id, message_id, room_id, seq in rows])
    return f'INSERT INTO mentions (user_id, message_id, room_id, seq) VALUES {values}'
