"""Rooms that are joined and left, invite codes, and blocks"""
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, 'sqlite')
TABLE = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4', 'mysql_collate': 'utf8mb4_unicode_ci'}
CODE = sa.String(43).with_variant(mysql.VARCHAR(43, charset='utf8mb4', collation='utf8mb4_bin'), 'mysql', 'mariadb')


def upgrade():
    op.add_column('rooms', sa.Column('member_count', sa.Integer, nullable=False, server_default='0'))
    op.execute('UPDATE rooms SET member_count = (SELECT COUNT(*) FROM room_members WHERE room_id = rooms.id)')
    op.add_column('rooms', sa.Column('invite_code', CODE))
    op.add_column('rooms', sa.Column('deleted_at', sa.BigInteger))
    op.create_index('ix_rooms_invite_code', 'rooms', ['invite_code'], unique=True)
    op.create_index('ix_rooms_deleted_at', 'rooms', ['deleted_at'])
    op.create_table(
        'room_bans',
        sa.Column('room_id', ID, nullable=False, autoincrement=False),
        sa.Column('user_id', ID, nullable=False, autoincrement=False),
        sa.Column('created_at', sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint('room_id', 'user_id', name='pk_room_bans'),
        sa.ForeignKeyConstraint(['room_id'], ['rooms.id'], name='fk_room_bans_room_id_rooms'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name='fk_room_bans_user_id_users'),
        **TABLE)
    op.create_table(
        'blocks',
        sa.Column('blocker_id', ID, nullable=False, autoincrement=False),
        sa.Column('blocked_id', ID, nullable=False, autoincrement=False),
        sa.Column('created_at', sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint('blocker_id', 'blocked_id', name='pk_blocks'),
        sa.ForeignKeyConstraint(['blocker_id'], ['users.id'], name='fk_blocks_blocker_id_users'),
        sa.ForeignKeyConstraint(['blocked_id'], ['users.id'], name='fk_blocks_blocked_id_users'),
        sa.Index('ix_blocks_blocked_id', 'blocked_id'),
        **TABLE)


def downgrade():
    op.drop_table('blocks')
    op.drop_table('room_bans')
    op.execute("DELETE FROM messages WHERE room_id IN (SELECT id FROM rooms WHERE kind IN ('public', 'private'))")
    op.execute("DELETE FROM room_members WHERE room_id IN (SELECT id FROM rooms WHERE kind IN ('public', 'private'))")
    op.execute("DELETE FROM rooms WHERE kind IN ('public', 'private')")
    op.drop_index('ix_rooms_deleted_at', 'rooms')
    op.drop_index('ix_rooms_invite_code', 'rooms')
    with op.batch_alter_table('rooms', table_kwargs={'sqlite_autoincrement': True}) as batch:
        batch.drop_column('deleted_at')
        batch.drop_column('invite_code')
        batch.drop_column('member_count')
