"""Tables, constraints and indexes.

Times are milliseconds since the epoch, UTC. Names and addresses are unique by a folded column of their own, since the
databases' default collations fold otherwise, and differ. What is compared byte by byte is binary.
"""
from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import mapped_column

from .extensions import db

Id = BigInteger().with_variant(Integer, 'sqlite')  # SQLite counts by itself in INTEGER only, which has 64 bits there
Milliseconds = BigInteger
TABLE = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4', 'mysql_collate': 'utf8mb4_unicode_ci',
         'sqlite_autoincrement': True}  # ids are never used again


def ascii_key(length):
    """Text of ASCII or folded letters that is compared by code point on every database."""
    return String(length).with_variant(mysql.VARCHAR(length, charset='utf8mb4', collation='utf8mb4_bin'),
                                       'mysql', 'mariadb')


def octets(length):
    """Bytes, compared as bytes, without padding."""
    return LargeBinary(length).with_variant(mysql.VARBINARY(length), 'mysql', 'mariadb')


def reference(target):
    return ForeignKey(f'{target}.id')


class User(db.Model):
    """Somebody with an account. Accounts are deactivated, never deleted: their messages stay."""

    __tablename__ = 'users'
    __table_args__ = TABLE

    id = mapped_column(Id, primary_key=True)
    username = mapped_column(String(50), nullable=False)
    username_key = mapped_column(ascii_key(50), nullable=False, unique=True)
    email = mapped_column(String(254), nullable=False)
    email_key = mapped_column(ascii_key(254), nullable=False, unique=True)
    display_name = mapped_column(String(100), nullable=False)
    display_key = mapped_column(ascii_key(300), nullable=False)  # case folded, for searching
    password_hash = mapped_column(String(100), nullable=False)
    is_admin = mapped_column(Boolean, nullable=False, default=False)
    created_at = mapped_column(Milliseconds, nullable=False)
    last_seen = mapped_column(Milliseconds)
    avatar_key = mapped_column(ascii_key(80))
    deactivated_at = mapped_column(Milliseconds)


class SignIn(db.Model):
    """One sign-in on one device, from login to logout; all its tokens carry its id (claim `sid`).

    `refresh_key` is a hash of the one refresh token that is good at the moment.
    """

    __tablename__ = 'sign_ins'
    __table_args__ = (Index(None, 'user_id', 'ended_at'), TABLE)

    id = mapped_column(ascii_key(32), primary_key=True)
    user_id = mapped_column(Id, reference('users'), nullable=False)
    refresh_key = mapped_column(octets(32), nullable=False)
    created_at = mapped_column(Milliseconds, nullable=False)
    expires_at = mapped_column(Milliseconds, nullable=False, index=True)
    ended_at = mapped_column(Milliseconds, index=True)


class Room(db.Model):
    """A conversation of any kind: public, private, direct or lobby.

    `unique_key` holds what there can be only one of: the lobby, and the direct room of two users (`low:high`). A removed
    room keeps its row, with `deleted_at`, until its messages are gone. `last_seq` counts the messages ever sent to the
    room, `newest_at` is the time of the newest of them (microseconds, 0 before the first one), and `departures` counts
    how often a member has left or was removed: whoever was in at a certain count still is while the count stays.
    """

    __tablename__ = 'rooms'
    __table_args__ = (Index(None, 'kind', 'id'), TABLE)

    id = mapped_column(Id, primary_key=True)
    kind = mapped_column(ascii_key(8), nullable=False)
    unique_key = mapped_column(ascii_key(50), unique=True)
    name = mapped_column(String(120), nullable=False)
    created_by = mapped_column(Id, reference('users'))
    created_at = mapped_column(Milliseconds, nullable=False)
    last_seq = mapped_column(BigInteger, nullable=False, default=0)
    newest_at = mapped_column(BigInteger, nullable=False, server_default='0')
    departures = mapped_column(Integer, nullable=False, server_default='0')
    member_count = mapped_column(Integer, nullable=False, server_default='0')
    invite_code = mapped_column(ascii_key(43), index=True, unique=True)
    deleted_at = mapped_column(Milliseconds, index=True)


class RoomMember(db.Model):
    """A user in a room. What was read and what was delivered are watermarks: sequence numbers of the room."""

    __tablename__ = 'room_members'
    __table_args__ = (Index(None, 'user_id', 'room_id'), {**TABLE, 'sqlite_autoincrement': False})

    room_id = mapped_column(Id, reference('rooms'), primary_key=True, autoincrement=False)
    user_id = mapped_column(Id, reference('users'), primary_key=True, autoincrement=False)
    role = mapped_column(ascii_key(8), nullable=False, default='member')
    joined_at = mapped_column(Milliseconds, nullable=False)
    read_seq = mapped_column(BigInteger, nullable=False, default=0)
    read_at = mapped_column(Milliseconds)
    delivered_seq = mapped_column(BigInteger, nullable=False, default=0)
    delivered_at = mapped_column(Milliseconds)


class RoomBan(db.Model):
    """A user whom an admin removed from a room, and who needs an invite code to come back."""

    __tablename__ = 'room_bans'
    __table_args__ = {**TABLE, 'sqlite_autoincrement': False}

    room_id = mapped_column(Id, reference('rooms'), primary_key=True, autoincrement=False)
    user_id = mapped_column(Id, reference('users'), primary_key=True, autoincrement=False)
    created_at = mapped_column(Milliseconds, nullable=False)


class Block(db.Model):
    """A user who does not want to be written to, or called, by another one."""

    __tablename__ = 'blocks'
    __table_args__ = {**TABLE, 'sqlite_autoincrement': False}

    blocker_id = mapped_column(Id, reference('users'), primary_key=True, autoincrement=False)
    blocked_id = mapped_column(Id, reference('users'), primary_key=True, autoincrement=False, index=True)
    created_at = mapped_column(Milliseconds, nullable=False)


class Call(db.Model):
    """A call between two users that is over. Its id is made of the time at which it began."""

    __tablename__ = 'calls'
    __table_args__ = (Index(None, 'caller_id', 'id'), Index(None, 'callee_id', 'id'),
                      {**TABLE, 'sqlite_autoincrement': False})

    id = mapped_column(Id, primary_key=True, autoincrement=False)
    caller_id = mapped_column(Id, reference('users'), nullable=False)
    callee_id = mapped_column(Id, reference('users'), nullable=False)
    started_at = mapped_column(Milliseconds, nullable=False)
    answered_at = mapped_column(Milliseconds)
    ended_at = mapped_column(Milliseconds, nullable=False)
    outcome = mapped_column(ascii_key(9), nullable=False)


class Message(db.Model):
    """One message. `seq` numbers it within its room; `nonce` tells, after a lost connection, whether it was stored."""

    __tablename__ = 'messages'
    __table_args__ = (Index(None, 'room_id', 'id'), UniqueConstraint('sender_id', 'client_id'), TABLE)

    id = mapped_column(Id, primary_key=True)
    room_id = mapped_column(Id, reference('rooms'), nullable=False)
    sender_id = mapped_column(Id, reference('users'), nullable=False)
    seq = mapped_column(BigInteger, nullable=False)
    type = mapped_column(ascii_key(8), nullable=False)
    content = mapped_column(Text, nullable=False)
    reply_to_id = mapped_column(Id)
    client_id = mapped_column(octets(256))
    nonce = mapped_column(BigInteger, nullable=False)
    created_at = mapped_column(Milliseconds, nullable=False)
    edited_at = mapped_column(Milliseconds)
    deleted_at = mapped_column(Milliseconds)


class StoredFile(db.Model):
    """Bytes in the storage, under `key`, once however many attachments and avatars (`uses`) have them."""

    __tablename__ = 'stored_files'
    __table_args__ = {**TABLE, 'sqlite_autoincrement': False}

    key = mapped_column(ascii_key(80), primary_key=True)
    sha256 = mapped_column(octets(32), nullable=False, unique=True)
    uses = mapped_column(Integer, nullable=False)


class Attachment(db.Model):
    """A file that somebody uploaded; `message_id` is empty until it is sent, `position` is its place in the message."""

    __tablename__ = 'attachments'
    __table_args__ = (Index(None, 'message_id', 'position'), Index(None, 'uploader_id', 'size'), TABLE)

    id = mapped_column(Id, primary_key=True)
    uploader_id = mapped_column(Id, reference('users'), nullable=False)
    message_id = mapped_column(Id, reference('messages'))
    position = mapped_column(Integer, nullable=False, server_default='0')
    kind = mapped_column(ascii_key(8), nullable=False)
    filename = mapped_column(String(255), nullable=False)
    content_type = mapped_column(ascii_key(100), nullable=False)
    size = mapped_column(BigInteger, nullable=False)
    width = mapped_column(Integer)
    height = mapped_column(Integer)
    duration_ms = mapped_column(BigInteger)
    key = mapped_column(ascii_key(80), ForeignKey('stored_files.key'), nullable=False)
    thumbnail_key = mapped_column(ascii_key(80), ForeignKey('stored_files.key'))
    created_at = mapped_column(Milliseconds, nullable=False)
