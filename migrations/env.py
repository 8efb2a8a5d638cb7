"""What Alembic runs: the application's own engine and tables. Logging is left to the application."""
from contextlib import contextmanager

from alembic import context
from flask import current_app

from chat.core.machinery.engines import BUSY_MS


@contextmanager
def rules_suspended(connection):
    """SQLite changes a table by making it anew, under those that refer to it, and waits for whoever is writing."""
    pragmas = {'foreign_keys': ('OFF', 'ON'), 'busy_timeout': (30_000, BUSY_MS)}
    driver = connection.connection.driver_connection

    def set_pragmas(index):
        for name, values in pragmas.items():
            driver.execute(f'PRAGMA {name} = {values[index]}')

    if connection.dialect.name != 'sqlite':
        yield
        return
    set_pragmas(0)
    try:
        yield
    finally:
        set_pragmas(1)


db = current_app.extensions['migrate'].db
options = {'target_metadata': db.metadata, 'render_as_batch': True, 'compare_server_default': True}

if context.is_offline_mode():
    context.configure(url=db.engine.url.render_as_string(hide_password=False), literal_binds=True, **options)
    with context.begin_transaction():
        context.run_migrations()
else:
    with db.engine.connect() as connection, rules_suspended(connection):
        context.configure(connection=connection, **options)
        with context.begin_transaction():
            context.run_migrations()
