"""Accounts, sign-ins, rooms of every kind, and messages"""
import time

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, 'sqlite')
TABLE = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4', 'mysql_collate': 'utf8mb4_unicode_ci'}
COUNTED = TABLE | {'sqlite_autoincrement': True}


def ascii_key(length):
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, charset='utf8mb4', collation='utf8mb4_bin'), 'mysql', 'mariadb')


def octets(length):
    return sa.LargeBinary(length).with_variant(mysql.VARBINARY(length), 'mysql', 'mariadb')


def upgrade():
    op.create_table(
        'users',
        sa.Column('id', ID, nullable=False),
        sa.Column('username', sa.String(50), nullable=False),
        sa.Column('username_key', ascii_key(50), nullable=False),
        sa.Column('email', sa.String(254), nullable=False),
        sa.Column('email_key', ascii_key(254), nullable=False),
        sa.Column('display_name', sa.String(100), nullable=False),
        sa.Column('display_key', ascii_key(300), nullable=False),
        sa.Column('password_hash', sa.String(100), nullable=False),
        sa.Column('is_admin', sa.Boolean, nullable=False),
        sa.Column('created_at', sa.BigInteger, nullable=False),
        sa.Column('last_seen', sa.BigInteger),
        sa.Column('deactivated_at', sa.BigInteger),
        sa.PrimaryKeyConstraint('id', name='pk_users'),
        sa.UniqueConstraint('username_key', name='uq_users_username_key'),
        sa.UniqueConstraint('email_key', name='uq_users_email_key'),
        **COUNTED)
    op.create_table(
        'sign_ins',
        sa.Column('id', ascii_key(32), nullable=False),
        sa.Column('user_id', ID, nullable=False),
        sa.Column('refresh_key', octets(32), nullable=False),
        sa.Column('created_at', sa.BigInteger, nullable=False),
        sa.Column('expires_at', sa.BigInteger, nullable=False),
        sa.Column('ended_at', sa.BigInteger),
        sa.PrimaryKeyConstraint('id', name='pk_sign_ins'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name='fk_sign_ins_user_id_users'),
        sa.Index('ix_sign_ins_user_id_ended_at', 'user_id', 'ended_at'),
        sa.Index('ix_sign_ins_expires_at', 'expires_at'),
        sa.Index('ix_sign_ins_ended_at', 'ended_at'),
        **TABLE)
    rooms = op.create_table(
        'rooms',
        sa.Column('id', ID, nullable=False),
        sa.Column('kind', ascii_key(8), nullable=False),
        sa.Column('unique_key', ascii_key(50)),
        sa.Column('name', sa.String(120), nullable=False),
        sa.Column('created_by', ID),
        sa.Column('created_at', sa.BigInteger, nullable=False),
        sa.Column('last_seq', sa.BigInteger, nullable=False),
        sa.Column('last_message_id', ID),
        sa.PrimaryKeyConstraint('id', name='pk_rooms'),
        sa.ForeignKeyConstraint(['created_by'], ['users.id'], name='fk_rooms_created_by_users'),
        sa.UniqueConstraint('unique_key', name='uq_rooms_unique_key'),
        sa.Index('ix_rooms_kind_id', 'kind', 'id'),
        **COUNTED)
    op.bulk_insert(rooms, [{
        'kind': 'lobby', 'unique_key': 'lobby', 'name': 'Lobby', 'created_at': time.time_ns() // 1_000_000, 'last_seq': 0}])
    op.create_table(
        'room_members',
        sa.Column('room_id', ID, nullable=False, autoincrement=False),
        sa.Column('user_id', ID, nullable=False, autoincrement=False),
        sa.Column('role', ascii_key(8), nullable=False),
        sa.Column('joined_at', sa.BigInteger, nullable=False),
        sa.Column('read_seq', sa.BigInteger, nullable=False),
        sa.Column('read_at', sa.BigInteger),
        sa.Column('delivered_seq', sa.BigInteger, nullable=False),
        sa.Column('delivered_at', sa.BigInteger),
        sa.PrimaryKeyConstraint('room_id', 'user_id', name='pk_room_members'),
        sa.ForeignKeyConstraint(['room_id'], ['rooms.id'], name='fk_room_members_room_id_rooms'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name='fk_room_members_user_id_users'),
        sa.Index('ix_room_members_user_id_room_id', 'user_id', 'room_id'),
        **TABLE)
    op.create_table(
        'messages',
        sa.Column('id', ID, nullable=False),
        sa.Column('room_id', ID, nullable=False),
        sa.Column('sender_id', ID, nullable=False),
        sa.Column('seq', sa.BigInteger, nullable=False),
        sa.Column('type', ascii_key(8), nullable=False),
        sa.Column('content', sa.Text, nullable=False),
        sa.Column('reply_to_id', ID),
        sa.Column('client_id', octets(256)),
        sa.Column('nonce', sa.BigInteger, nullable=False),
        sa.Column('created_at', sa.BigInteger, nullable=False),
        sa.Column('edited_at', sa.BigInteger),
        sa.Column('deleted_at', sa.BigInteger),
        sa.PrimaryKeyConstraint('id', name='pk_messages'),
        sa.ForeignKeyConstraint(['room_id'], ['rooms.id'], name='fk_messages_room_id_rooms'),
        sa.ForeignKeyConstraint(['sender_id'], ['users.id'], name='fk_messages_sender_id_users'),
        sa.UniqueConstraint('sender_id', 'client_id', name='uq_messages_sender_id_client_id'),
        sa.Index('ix_messages_room_id_id', 'room_id', 'id'),
        **COUNTED)


def downgrade():
    for table in ('messages', 'room_members', 'rooms', 'sign_ins', 'users'):
        op.drop_table(table)
