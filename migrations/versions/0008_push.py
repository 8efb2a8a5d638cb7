"""Browsers are told of messages while their users are away"""
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, 'sqlite')
TABLE = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4', 'mysql_collate': 'utf8mb4_unicode_ci'}


def ascii_key(length):
    return sa.String(length).with_variant(mysql.VARCHAR(length, charset='utf8mb4', collation='utf8mb4_bin'),
                                          'mysql', 'mariadb')


def octets(length):
    return sa.LargeBinary(length).with_variant(mysql.VARBINARY(length), 'mysql', 'mariadb')


def upgrade():
    op.create_table(
        'push_subscriptions',
        sa.Column('id', ID, nullable=False),
        sa.Column('user_id', ID, nullable=False),
        sa.Column('sign_in_id', ascii_key(32), nullable=False),
        sa.Column('endpoint_key', octets(32), nullable=False),
        sa.Column('endpoint', ascii_key(2000), nullable=False),
        sa.Column('p256dh', octets(65), nullable=False),
        sa.Column('auth', octets(16), nullable=False),
        sa.Column('expires_at', sa.BigInteger),
        sa.PrimaryKeyConstraint('id', name='pk_push_subscriptions'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name='fk_push_subscriptions_user_id_users'),
        sa.ForeignKeyConstraint(['sign_in_id'], ['sign_ins.id'], name='fk_push_subscriptions_sign_in_id_sign_ins'),
        sa.UniqueConstraint('endpoint_key', name='uq_push_subscriptions_endpoint_key'),
        sa.Index('ix_push_subscriptions_sign_in_id', 'sign_in_id'),
        sa.Index('ix_push_subscriptions_user_id_id', 'user_id', 'id'),
        sqlite_autoincrement=True, **TABLE)
    op.create_index('ix_room_members_room_id_notify', 'room_members', ['room_id', 'notify'])


def downgrade():
    op.drop_index('ix_room_members_room_id_notify', 'room_members')
    op.drop_table('push_subscriptions')
