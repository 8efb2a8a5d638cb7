"""Rooms know when they were written to last, and how often somebody has left"""
import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, 'sqlite')


def upgrade():
    op.add_column('rooms', sa.Column('newest_at', sa.BigInteger, nullable=False, server_default='0'))
    op.add_column('rooms', sa.Column('departures', sa.Integer, nullable=False, server_default='0'))
    op.execute('UPDATE rooms SET newest_at = 1000 * COALESCE('
               '(SELECT created_at FROM messages WHERE messages.id = rooms.last_message_id), 0)')
    op.drop_column('rooms', 'last_message_id')


def downgrade():
    op.add_column('rooms', sa.Column('last_message_id', ID))
    op.execute('UPDATE rooms SET last_message_id = (SELECT MAX(id) FROM messages WHERE messages.room_id = rooms.id)')
    op.drop_column('rooms', 'departures')
    op.drop_column('rooms', 'newest_at')
