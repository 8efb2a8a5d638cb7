"""Stored files, attachments and avatars"""
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, 'sqlite')
TABLE = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4', 'mysql_collate': 'utf8mb4_unicode_ci'}
SHA256 = sa.LargeBinary(32).with_variant(mysql.VARBINARY(32), 'mysql', 'mariadb')


def ascii_key(length):
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, charset='utf8mb4', collation='utf8mb4_bin'), 'mysql', 'mariadb')


def upgrade():
    op.add_column('users', sa.Column('avatar_key', ascii_key(80)))
    op.create_table(
        'stored_files',
        sa.Column('key', ascii_key(80), nullable=False),
        sa.Column('sha256', SHA256, nullable=False),
        sa.Column('uses', sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint('key', name='pk_stored_files'),
        sa.UniqueConstraint('sha256', name='uq_stored_files_sha256'),
        **TABLE)
    op.create_table(
        'attachments',
        sa.Column('id', ID, nullable=False),
        sa.Column('uploader_id', ID, nullable=False),
        sa.Column('message_id', ID),
        sa.Column('position', sa.Integer, nullable=False, server_default='0'),
        sa.Column('kind', ascii_key(8), nullable=False),
        sa.Column('filename', sa.String(255), nullable=False),
        sa.Column('content_type', ascii_key(100), nullable=False),
        sa.Column('size', sa.BigInteger, nullable=False),
        sa.Column('width', sa.Integer),
        sa.Column('height', sa.Integer),
        sa.Column('duration_ms', sa.BigInteger),
        sa.Column('key', ascii_key(80), nullable=False),
        sa.Column('thumbnail_key', ascii_key(80)),
        sa.Column('created_at', sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_attachments'),
        sa.ForeignKeyConstraint(['uploader_id'], ['users.id'], name='fk_attachments_uploader_id_users'),
        sa.ForeignKeyConstraint(['message_id'], ['messages.id'], name='fk_attachments_message_id_messages'),
        sa.ForeignKeyConstraint(['key'], ['stored_files.key'], name='fk_attachments_key_stored_files'),
        sa.ForeignKeyConstraint(['thumbnail_key'], ['stored_files.key'],
                                name='fk_attachments_thumbnail_key_stored_files'),
        sa.Index('ix_attachments_message_id_position', 'message_id', 'position'),
        sa.Index('ix_attachments_uploader_id_size', 'uploader_id', 'size'),
        sqlite_autoincrement=True, **TABLE)


def downgrade():
    op.drop_table('attachments')
    op.drop_table('stored_files')
    with op.batch_alter_table('users', table_kwargs={'sqlite_autoincrement': True}) as batch:
        batch.drop_column('avatar_key')
