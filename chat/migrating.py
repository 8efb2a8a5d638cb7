"""Bringing the database's schema to the newest migration, one process at a time."""
import fcntl
from contextlib import contextmanager

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from flask_migrate import upgrade as run_migrations
from sqlalchemy import text

from .core.database import is_memory
from .extensions import db
from .extensions import migrate as extension

LOCK_TIMEOUT = 600  # seconds that the others wait while one migrates


def upgrade():
    """Migrate to the newest revision. Of several processes that start at once one does it, the others wait."""
    if not _engine_is_current():
        with _lock():
            if not _engine_is_current():
                run_migrations()


def _engine_is_current():
    with current_app.extensions['chat'].database.reading() as connection:
        return is_current(connection)


def is_current(connection):
    """Whether the database of the connection is at the newest migration."""
    heads = ScriptDirectory.from_config(extension.get_config()).get_heads()
    return set(MigrationContext.configure(connection).get_current_heads()) == set(heads)


def _lock():
    url = db.engine.url
    if is_memory(url):
        return _no_lock()
    return _file_lock() if url.get_backend_name() == 'sqlite' else _mysql_lock()


@contextmanager
def _no_lock():
    yield


@contextmanager
def _file_lock():
    with open(f'{db.engine.url.database}.migrating', 'w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released when the file closes, by a crash too
        yield


@contextmanager
def _mysql_lock():
    """A named lock of the server, which belongs to the connection and so ends with it."""
    name = f'chat.migrate.{db.engine.url.database}'[:64]
    with db.engine.connect() as connection:
        lock = text('SELECT GET_LOCK(:name, :wait)')
        if connection.execute(lock, {'name': name, 'wait': LOCK_TIMEOUT}).scalar() != 1:
            raise RuntimeError(f'another process has been migrating the database for {LOCK_TIMEOUT} s')
        try:
            yield
        finally:
            connection.execute(text('SELECT RELEASE_LOCK(:name)'), {'name': name})
