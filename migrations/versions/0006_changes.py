"""Messages are edited, deleted, reacted to; they mention; what has changed can be caught up with"""
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, 'sqlite')
TABLE = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4', 'mysql_collate': 'utf8mb4_unicode_ci'}
EMOJI = sa.LargeBinary(160).with_variant(mysql.VARBINARY(160), 'mysql', 'mariadb')
NOTIFY = sa.String(8).with_variant(mysql.VARCHAR(8, charset='utf8mb4', collation='utf8mb4_bin'), 'mysql', 'mariadb')


def upgrade():
    op.add_column('rooms', sa.Column('last_change', sa.BigInteger, nullable=False, server_default='0'))
    op.add_column('room_members', sa.Column('notify', NOTIFY))
    op.add_column('room_members', sa.Column('is_pinned', sa.Boolean, nullable=False, server_default='0'))
    op.add_column('messages', sa.Column('reaction_count', sa.SmallInteger, nullable=False, server_default='0'))
    op.add_column('messages', sa.Column('mention_count', sa.Integer, nullable=False, server_default='0'))
    op.create_table(
        'reactions',
        sa.Column('message_id', ID, nullable=False, autoincrement=False),
        sa.Column('emoji', EMOJI, nullable=False),
        sa.Column('user_id', ID, nullable=False, autoincrement=False),
        sa.Column('created_at', sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint('message_id', 'emoji', 'user_id', name='pk_reactions'),
        sa.ForeignKeyConstraint(['message_id'], ['messages.id'], name='fk_reactions_message_id_messages'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name='fk_reactions_user_id_users'),
        **TABLE)
    op.create_table(
        'mentions',
        sa.Column('user_id', ID, nullable=False, autoincrement=False),
        sa.Column('message_id', ID, nullable=False, autoincrement=False),
        sa.Column('room_id', ID, nullable=False),
        sa.Column('seq', sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint('user_id', 'message_id', name='pk_mentions'),
        sa.ForeignKeyConstraint(['message_id'], ['messages.id'], name='fk_mentions_message_id_messages'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name='fk_mentions_user_id_users'),
        sa.Index('ix_mentions_message_id', 'message_id'),
        sa.Index('ix_mentions_user_id_room_id_seq', 'user_id', 'room_id', 'seq'),
        **TABLE)
    op.create_table(
        'changes',
        sa.Column('id', ID, nullable=False),
        sa.Column('after_id', ID, nullable=False),
        sa.Column('room_id', ID, nullable=False),
        sa.Column('message_id', ID),
        sa.Column('user_id', ID),
        sa.Column('is_return', sa.Boolean, nullable=False, server_default='0'),
        sa.PrimaryKeyConstraint('id', name='pk_changes'),
        sa.UniqueConstraint('message_id', name='uq_changes_message_id'),
        sa.UniqueConstraint('user_id', 'room_id', name='uq_changes_user_id_room_id'),
        sa.Index('ix_changes_room_id_id', 'room_id', 'id'),
        sa.Index('ix_changes_user_id_id', 'user_id', 'id'),
        sa.Index('ix_changes_after_id_id', 'after_id', 'id'),
        sqlite_autoincrement=True, **TABLE)
    order = op.create_table(
        'commit_order',
        sa.Column('id', sa.Integer, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint('id', name='pk_commit_order'),
        **TABLE)
    op.bulk_insert(order, [{'id': 1}])


def downgrade():
    for table in ('commit_order', 'changes', 'mentions', 'reactions'):
        op.drop_table(table)
    counting = {'sqlite_autoincrement': True}
    for table, columns, options in (('messages', ('mention_count', 'reaction_count'), counting),
                                    ('room_members', ('is_pinned', 'notify'), {}),
                                    ('rooms', ('last_change',), counting)):
        with op.batch_alter_table(table, table_kwargs=options) as batch:
            for column in columns:
                batch.drop_column(column)
