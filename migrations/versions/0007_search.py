"""Messages can be searched: an index of their words, which a running server fills by itself"""
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, 'sqlite')
TABLE = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4', 'mysql_collate': 'utf8mb4_unicode_ci'}


def octets(length):
    return sa.LargeBinary(length).with_variant(mysql.VARBINARY(length), 'mysql', 'mariadb')


def upgrade():
    op.create_table(
        'search_blocks',
        sa.Column('room_id', ID, nullable=False, autoincrement=False),
        sa.Column('id', ID, nullable=False, autoincrement=False),
        sa.Column('last_id', ID, nullable=False),
        sa.Column('last_seq', sa.BigInteger, nullable=False),
        sa.Column('size', sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint('room_id', 'id', name='pk_search_blocks'),
        sqlite_with_rowid=False, **TABLE)
    op.create_table(
        'search_offsets',
        sa.Column('block_id', ID, nullable=False, autoincrement=False),
        sa.Column('offsets', octets(8192), nullable=False),
        sa.PrimaryKeyConstraint('block_id', name='pk_search_offsets'),
        **TABLE)
    op.create_table(
        'search_terms',
        sa.Column('block_id', ID, nullable=False, autoincrement=False),
        sa.Column('term', octets(48), nullable=False),
        sa.Column('places', octets(256), nullable=False),
        sa.PrimaryKeyConstraint('block_id', 'term', name='pk_search_terms'),
        sqlite_with_rowid=False, **TABLE)
    indexed = op.create_table(
        'search_indexed',
        sa.Column('id', sa.Integer, nullable=False, autoincrement=False),
        sa.Column('message_id', ID, nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_search_indexed'),
        **TABLE)
    op.bulk_insert(indexed, [{'id': 1, 'message_id': 0}])


def downgrade():
    for table in ('search_indexed', 'search_terms', 'search_offsets', 'search_blocks'):
        op.drop_table(table)
