"""Tables, constraints and indexes.

Times are milliseconds since the epoch, UTC. Names and addresses are unique by a folded column of their own, since the
databases' default collations fold otherwise, and differ. What is compared byte by byte is binary.
"""
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

METADATA = MetaData(naming_convention={  # so that migrations can name a constraint on every database
    'ix': 'ix_%(table_name)s_%(column_0_N_name)s',
    'uq': 'uq_%(table_name)s_%(column_0_N_name)s',
    'fk': 'fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s',
    'pk': 'pk_%(table_name)s',
})
Id = BigInteger().with_variant(Integer, 'sqlite')  # SQLite counts by itself in INTEGER only, which has 64 bits there
Milliseconds = BigInteger
AnyRow = Row[*tuple[Any, ...]]  # of whatever query
WITHOUT_COUNTING: dict[str, Any] = {
    'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4', 'mysql_collate': 'utf8mb4_unicode_ci'}
TABLE: dict[str, Any] = {**WITHOUT_COUNTING, 'sqlite_autoincrement': True}  # ids are never used again


def ascii_key(length: int) -> TypeEngine[str]:
    """Text of ASCII or folded letters that is compared by code point on every database."""
    return String(length).with_variant(mysql.VARCHAR(length, charset='utf8mb4', collation='utf8mb4_bin'),
                                       'mysql', 'mariadb')


def octets(length: int) -> TypeEngine[bytes]:
    """Bytes, compared as bytes, without padding."""
    return LargeBinary(length).with_variant(mysql.VARBINARY(length), 'mysql', 'mariadb')


def reference(target: str) -> ForeignKey:
    """A foreign key to the id of that table."""
    return ForeignKey(f'{target}.id')


# Somebody with an account. Accounts are deactivated, never deleted: their messages stay.
USERS = Table(
    'users', METADATA,
    Column('id', Id, primary_key=True),
    Column('username', String(50), nullable=False),
    Column('username_key', ascii_key(50), nullable=False, unique=True),
    Column('email', String(254), nullable=False),
    Column('email_key', ascii_key(254), nullable=False, unique=True),
    Column('display_name', String(100), nullable=False),
    Column('display_key', ascii_key(300), nullable=False),  # case folded, for searching
    Column('password_hash', String(100), nullable=False),
    Column('is_admin', Boolean, nullable=False, default=False),
    Column('created_at', Milliseconds, nullable=False),
    Column('last_seen', Milliseconds),
    Column('avatar_key', ascii_key(80)),
    Column('deactivated_at', Milliseconds),
    **TABLE)

# One sign-in on one device, from login to logout; all its tokens carry its id (claim `sid`).
#
# `refresh_key` is a hash of the one refresh token that is good at the moment.
SIGN_INS = Table(
    'sign_ins', METADATA,
    Column('id', ascii_key(32), primary_key=True),
    Column('user_id', Id, reference('users'), nullable=False),
    Column('refresh_key', octets(32), nullable=False),
    Column('created_at', Milliseconds, nullable=False),
    Column('expires_at', Milliseconds, nullable=False, index=True),
    Column('ended_at', Milliseconds, index=True),
    Index(None, 'user_id', 'ended_at'),
    **TABLE)

# Where a browser is told of messages while its user is away: with its sign-in, for as long as that goes on.
#
# `endpoint_key` is a hash of the address, which is secret: whoever has it may have the browser woken.
PUSH_SUBSCRIPTIONS = Table(
    'push_subscriptions', METADATA,
    Column('id', Id, primary_key=True),
    Column('user_id', Id, reference('users'), nullable=False),
    Column('sign_in_id', ascii_key(32), reference('sign_ins'), nullable=False, index=True),
    Column('endpoint_key', octets(32), nullable=False, unique=True),
    Column('endpoint', ascii_key(2000), nullable=False),
    Column('p256dh', octets(65), nullable=False),
    Column('auth', octets(16), nullable=False),
    Column('expires_at', Milliseconds),
    Index(None, 'user_id', 'id'),
    **TABLE)

# A conversation of any kind: public, private, direct or lobby.
#
# `unique_key` holds what there can be only one of: the lobby, and the direct room of two users (`low:high`). A removed
# room keeps its row, with `deleted_at`, until its messages are gone. `last_seq` counts the messages ever sent to the
# room, `newest_at` is the time of the newest of them (microseconds, 0 before the first one), and `members_version` counts
# how often somebody came in or went (the lobby's stays 0): who is in at a certain count is so while the count stays.
# `last_change` is the id of the newest of its `changes`: what is known of its messages holds while it stays.
ROOMS = Table(
    'rooms', METADATA,
    Column('id', Id, primary_key=True),
    Column('kind', ascii_key(8), nullable=False),
    Column('unique_key', ascii_key(50), unique=True),
    Column('name', String(120), nullable=False),
    Column('created_by', Id, reference('users')),
    Column('created_at', Milliseconds, nullable=False),
    Column('last_seq', BigInteger, nullable=False, default=0),
    Column('newest_at', BigInteger, nullable=False, server_default='0'),
    Column('members_version', Integer, nullable=False, server_default='0'),
    Column('last_change', BigInteger, nullable=False, server_default='0'),
    Column('member_count', Integer, nullable=False, server_default='0'),
    Column('invite_code', ascii_key(43), index=True, unique=True),
    Column('deleted_at', Milliseconds, index=True),
    Index(None, 'kind', 'id'),
    **TABLE)

# A user in a room. What was read and what was delivered are watermarks: sequence numbers of the room. `notify` is what
# the user wants to be told of while away; empty, it is as usual in rooms of that kind.
MEMBERS = Table(
    'room_members', METADATA,
    Column('room_id', Id, reference('rooms'), primary_key=True, autoincrement=False),
    Column('user_id', Id, reference('users'), primary_key=True, autoincrement=False),
    Column('role', ascii_key(8), nullable=False, default='member'),
    Column('joined_at', Milliseconds, nullable=False),
    Column('read_seq', BigInteger, nullable=False, default=0),
    Column('read_at', Milliseconds),
    Column('delivered_seq', BigInteger, nullable=False, default=0),
    Column('delivered_at', Milliseconds),
    Column('notify', ascii_key(8)),
    Column('is_pinned', Boolean, nullable=False, server_default='0'),
    Index(None, 'user_id', 'room_id'),
    Index(None, 'room_id', 'notify'),
    **WITHOUT_COUNTING)

# A user whom an admin removed from a room, and who needs an invite code to come back.
BANS = Table(
    'room_bans', METADATA,
    Column('room_id', Id, reference('rooms'), primary_key=True, autoincrement=False),
    Column('user_id', Id, reference('users'), primary_key=True, autoincrement=False),
    Column('created_at', Milliseconds, nullable=False),
    **WITHOUT_COUNTING)

# A user who does not want to be written to, or called, by another one.
BLOCKS = Table(
    'blocks', METADATA,
    Column('blocker_id', Id, reference('users'), primary_key=True, autoincrement=False),
    Column('blocked_id', Id, reference('users'), primary_key=True, autoincrement=False, index=True),
    Column('created_at', Milliseconds, nullable=False),
    **WITHOUT_COUNTING)

# A call between two users that is over. Its id is made of the time at which it began.
CALLS = Table(
    'calls', METADATA,
    Column('id', Id, primary_key=True, autoincrement=False),
    Column('caller_id', Id, reference('users'), nullable=False),
    Column('callee_id', Id, reference('users'), nullable=False),
    Column('started_at', Milliseconds, nullable=False),
    Column('answered_at', Milliseconds),
    Column('ended_at', Milliseconds, nullable=False),
    Column('outcome', ascii_key(9), nullable=False),
    Index(None, 'caller_id', 'id'),
    Index(None, 'callee_id', 'id'),
    **WITHOUT_COUNTING)

# One message. `seq` numbers it within its room; `nonce` tells, after a lost connection, whether it was stored. How many
# different emoji it was reacted to with, and how many users it mentions, says where there is something to be looked up.
# A deleted one keeps its place, without anything that was in it.
MESSAGES = Table(
    'messages', METADATA,
    Column('id', Id, primary_key=True),
    Column('room_id', Id, reference('rooms'), nullable=False),
    Column('sender_id', Id, reference('users'), nullable=False),
    Column('seq', BigInteger, nullable=False),
    Column('type', ascii_key(8), nullable=False),
    Column('content', Text, nullable=False),
    Column('reply_to_id', Id),
    Column('client_id', octets(256)),
    Column('nonce', BigInteger, nullable=False),
    Column('created_at', Milliseconds, nullable=False),
    Column('edited_at', Milliseconds),
    Column('deleted_at', Milliseconds),
    Column('reaction_count', SmallInteger, nullable=False, server_default='0'),
    Column('mention_count', Integer, nullable=False, server_default='0'),
    Index(None, 'room_id', 'id'),
    UniqueConstraint('sender_id', 'client_id'),
    **TABLE)

# An emoji with which a user reacted to a message.
REACTIONS = Table(
    'reactions', METADATA,
    Column('message_id', Id, reference('messages'), primary_key=True, autoincrement=False),
    Column('emoji', octets(160), primary_key=True),
    Column('user_id', Id, reference('users'), primary_key=True, autoincrement=False),
    Column('created_at', Milliseconds, nullable=False),
    **WITHOUT_COUNTING)

# A user whom a message mentions; `seq` and `room_id` are the message's.
MENTIONS = Table(
    'mentions', METADATA,
    Column('user_id', Id, reference('users'), primary_key=True, autoincrement=False),
    Column('message_id', Id, reference('messages'), primary_key=True, autoincrement=False, index=True),
    Column('room_id', Id, nullable=False),
    Column('seq', BigInteger, nullable=False),
    Index(None, 'user_id', 'room_id', 'seq'),
    **WITHOUT_COUNTING)

# What became of a message (edited, deleted, reacted to), or of a user's stay in a room (begun, ended): the newest change
# of each. It stands, in the order of commits, behind the message `after_id`: chat/core/rooms/changes.py says how. The stay
# of a user who has been in the room before `is_return`.
CHANGES = Table(
    'changes', METADATA,
    Column('id', Id, primary_key=True),
    Column('after_id', Id, nullable=False),
    Column('room_id', Id, nullable=False),
    Column('message_id', Id, unique=True),
    Column('user_id', Id),
    Column('is_return', Boolean, nullable=False, default=False, server_default='0'),
    UniqueConstraint('user_id', 'room_id'),
    Index(None, 'room_id', 'id'),
    Index(None, 'user_id', 'id'),
    Index(None, 'after_id', 'id'),
    **TABLE)

# One row, to be locked by whoever adds messages or changes, so that their ids are in the order of commits.
COMMIT_ORDER = Table(
    'commit_order', METADATA,
    Column('id', Integer, primary_key=True, autoincrement=False),
    **WITHOUT_COUNTING)

# Up to 2,048 messages of a room that follow one another, in the index of words: chat/core/messages/search_index.py says
# how. `id` is that of the first one, `last_id` and `last_seq` are those of the newest one, `size` is how many there are.
SEARCH_BLOCKS = Table(
    'search_blocks', METADATA,
    Column('room_id', Id, primary_key=True, autoincrement=False),
    Column('id', Id, primary_key=True, autoincrement=False),
    Column('last_id', Id, nullable=False),
    Column('last_seq', BigInteger, nullable=False),
    Column('size', SmallInteger, nullable=False),
    sqlite_with_rowid=False, **WITHOUT_COUNTING)

# How far the ids of a block's messages are above its own: 4 bytes for each. Apart, since every search reads all blocks.
SEARCH_OFFSETS = Table(
    'search_offsets', METADATA,
    Column('block_id', Id, primary_key=True, autoincrement=False),
    Column('offsets', octets(8192), nullable=False),
    **WITHOUT_COUNTING)

# In which messages of a block a term stands: `places` in the block, as chat/core/messages/search_places.py has them.
SEARCH_TERMS = Table(
    'search_terms', METADATA,
    Column('block_id', Id, primary_key=True, autoincrement=False),
    Column('term', octets(48), primary_key=True),
    Column('places', octets(256), nullable=False),
    sqlite_with_rowid=False, **WITHOUT_COUNTING)

# One row: the messages up to this one are in the index. Whoever changes the index locks it.
SEARCH_INDEXED = Table(
    'search_indexed', METADATA,
    Column('id', Integer, primary_key=True, autoincrement=False),
    Column('message_id', Id, nullable=False),
    **WITHOUT_COUNTING)

# Bytes in the storage, under `key`, once however many attachments and avatars (`uses`) have them.
FILES = Table(
    'stored_files', METADATA,
    Column('key', ascii_key(80), primary_key=True),
    Column('sha256', octets(32), nullable=False, unique=True),
    Column('uses', Integer, nullable=False),
    **WITHOUT_COUNTING)

# A file that somebody uploaded; `message_id` is empty until it is sent, `position` is its place in the message.
ATTACHMENTS = Table(
    'attachments', METADATA,
    Column('id', Id, primary_key=True),
    Column('uploader_id', Id, reference('users'), nullable=False),
    Column('message_id', Id, reference('messages')),
    Column('position', Integer, nullable=False, server_default='0'),
    Column('kind', ascii_key(8), nullable=False),
    Column('filename', String(255), nullable=False),
    Column('content_type', ascii_key(100), nullable=False),
    Column('size', BigInteger, nullable=False),
    Column('width', Integer),
    Column('height', Integer),
    Column('duration_ms', BigInteger),
    Column('key', ascii_key(80), ForeignKey('stored_files.key'), nullable=False),
    Column('thumbnail_key', ascii_key(80), ForeignKey('stored_files.key')),
    Column('created_at', Milliseconds, nullable=False),
    Index(None, 'message_id', 'position'),
    Index(None, 'uploader_id', 'size'),
    **TABLE)
