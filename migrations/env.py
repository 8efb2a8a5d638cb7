"""What Alembic runs: the application's own engine and tables. Logging is left to the application."""
from alembic import context
from flask import current_app

from chat import models  # noqa: F401  (so that the metadata holds every table)

db = current_app.extensions['migrate'].db
options = {'target_metadata': db.metadata, 'render_as_batch': True, 'compare_server_default': True}

if context.is_offline_mode():
    context.configure(url=db.engine.url.render_as_string(hide_password=False), literal_binds=True, **options)
    with context.begin_transaction():
        context.run_migrations()
else:
    with db.engine.connect() as connection:
        if connection.dialect.name == 'sqlite':  # which changes a table by making it anew, under those that refer to it
            connection.connection.driver_connection.execute('PRAGMA foreign_keys = OFF')
        context.configure(connection=connection, **options)
        with context.begin_transaction():
            context.run_migrations()
        if connection.dialect.name == 'sqlite':
            connection.connection.driver_connection.execute('PRAGMA foreign_keys = ON')
