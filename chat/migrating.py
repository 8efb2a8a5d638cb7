"""Bringing the database's schema to the newest migration, one process at a time.

Flask-Migrate, with Alembic and what that needs, is loaded only when there is something to migrate: a serving process is
14 MiB smaller without it.
"""
import fcntl
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache

from flask import Flask, current_app
from sqlalchemy import Connection, inspect, text

from config import ROOT, ConfigError

from .core.machinery.engines import is_memory
from .core.machinery.failures import AccessDenied
from .errors import Unavailable
from .extensions import db

LOCK_TIMEOUT = 600  # seconds that the others wait while one migrates
FOLDER = ROOT / 'migrations'
REVISION = re.compile(r"^(down_)?revision = '(\w+)'$", re.MULTILINE)


def bind(app: Flask) -> None:
    """Give the application Flask-Migrate, for `flask db` and for `upgrade`."""
    from flask_migrate import Migrate
    if 'migrate' not in app.extensions:
        Migrate(app, db, directory=str(FOLDER))


def prepare(timeout: float) -> None:
    """Bring the schema up to date, if AUTO_MIGRATE says so; in memory always, since there is nothing else.

    A database that does not answer is waited for, up to `timeout` seconds, if it is to be migrated. Raises ConfigError
    where it refuses the settings, and Unavailable where it does not come up.
    """
    migrates = current_app.config['AUTO_MIGRATE'] or is_memory(db.engine.url)
    try:
        current_app.extensions['chat'].database.wait(timeout if migrates else 0)
    except AccessDenied as error:
        raise _refused_settings(error) from error
    except Unavailable:
        if migrates:
            raise
    if migrates:
        upgrade()


def _refused_settings(denied: AccessDenied) -> ConfigError:
    """The ConfigError that says which settings are wrong."""
    of_user, of_name = current_app.config['DATABASE_SETTINGS']
    if denied.is_name:
        return ConfigError(f'The database has none of this name for this user: correct {of_name}, or create it. {denied}')
    return ConfigError(f'The database refuses the user or the password: correct {of_user}. {denied}')


def upgrade() -> None:
    """Migrate to the newest revision. Of several processes that start at once one does it, the others wait."""
    if not _engine_is_current():
        with _lock():
            if not _engine_is_current():
                bind(current_app._get_current_object())  # type: ignore[attr-defined]
                from flask_migrate import upgrade as run_migrations
                run_migrations()


def _engine_is_current() -> bool:
    with current_app.extensions['chat'].database.reading() as connection:
        return is_current(connection)


def is_current(connection: Connection) -> bool:
    """Whether the database of the connection is at the newest migration."""
    return inspect(connection).has_table('alembic_version') and \
        set(connection.execute(text('SELECT version_num FROM alembic_version')).scalars()) == newest_revisions()


@cache
def newest_revisions() -> set[str]:
    """The revisions upon which no other is built, as Alembic would find them: there is one."""
    found = [match for path in (FOLDER / 'versions').glob('*.py') for match in REVISION.findall(path.read_text())]
    return {name for down, name in found if not down} - {name for down, name in found if down}


def _lock() -> AbstractContextManager[None]:
    url = db.engine.url
    if is_memory(url):
        return _no_lock()
    return _file_lock() if url.get_backend_name() == 'sqlite' else _mysql_lock()


@contextmanager
def _no_lock() -> Iterator[None]:
    yield


@contextmanager
def _file_lock() -> Iterator[None]:
    with open(f'{db.engine.url.database}.migrating', 'w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released when the file closes, by a crash too
        yield


@contextmanager
def _mysql_lock() -> Iterator[None]:
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
