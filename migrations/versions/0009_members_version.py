"""Rooms count every change of their members, since others may come in by another process"""
import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def rename(old, new):
    with op.batch_alter_table('rooms', table_kwargs={'sqlite_autoincrement': True}) as rooms:
        rooms.alter_column(old, new_column_name=new, existing_type=sa.Integer, existing_nullable=False,
                           existing_server_default='0')


def upgrade():
    rename('departures', 'members_version')


def downgrade():
    rename('members_version', 'departures')
