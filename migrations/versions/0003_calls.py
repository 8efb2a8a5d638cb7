"""Records of calls"""
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, 'sqlite')
TABLE = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4', 'mysql_collate': 'utf8mb4_unicode_ci'}
OUTCOME = sa.String(9).with_variant(mysql.VARCHAR(9, charset='utf8mb4', collation='utf8mb4_bin'), 'mysql', 'mariadb')


def upgrade():
    op.create_table(
        'calls',
        sa.Column('id', ID, nullable=False, autoincrement=False),
        sa.Column('caller_id', ID, nullable=False),
        sa.Column('callee_id', ID, nullable=False),
        sa.Column('started_at', sa.BigInteger, nullable=False),
        sa.Column('answered_at', sa.BigInteger),
        sa.Column('ended_at', sa.BigInteger, nullable=False),
        sa.Column('outcome', OUTCOME, nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_calls'),
        sa.ForeignKeyConstraint(['caller_id'], ['users.id'], name='fk_calls_caller_id_users'),
        sa.ForeignKeyConstraint(['callee_id'], ['users.id'], name='fk_calls_callee_id_users'),
        sa.Index('ix_calls_caller_id_id', 'caller_id', 'id'),
        sa.Index('ix_calls_callee_id_id', 'callee_id', 'id'),
        **TABLE)


def downgrade():
    op.drop_table('calls')
