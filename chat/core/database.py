"""The way to the database: short units of work on pooled connections.

A unit holds database work and nothing else. Nothing in it may yield to another greenlet on purpose (no emit, no hash,
no file): on SQLite a unit that is left half-way makes every other writer block the whole process.
"""
import time
from contextlib import contextmanager

from sqlalchemy import create_engine, event, exc
from sqlalchemy.pool import StaticPool

from ..errors import Unavailable

IDLE_BEFORE_PING = 1  # seconds that a pooled connection may rest before it is tried first
AUTOCOMMIT = {'isolation_level': 'AUTOCOMMIT', 'skip_autocommit_rollback': True}
MYSQL_TIMEOUT = 30    # seconds that a statement may take before its connection counts as lost


def engine_options(url, pool_size):
    """Arguments of SQLAlchemy's create_engine for this kind of database."""
    if is_memory(url):
        return {'poolclass': StaticPool, 'connect_args': {'check_same_thread': False}}
    pool = {'pool_size': pool_size, 'max_overflow': 0, 'pool_use_lifo': True, 'pool_timeout': 10}
    if url.get_backend_name() == 'sqlite':
        return {**pool, 'connect_args': {'check_same_thread': False, 'timeout': 5}}
    connect_args = {'connect_timeout': 5, 'read_timeout': MYSQL_TIMEOUT, 'write_timeout': MYSQL_TIMEOUT,
                    'init_command': "SET SESSION sql_mode = 'TRADITIONAL'"}
    return {**pool, 'isolation_level': 'READ COMMITTED', 'connect_args': connect_args}


def is_memory(url):
    """Whether the URL names an SQLite database that lives in this process only."""
    return url.get_backend_name() == 'sqlite' and url.database in (None, '', ':memory:')


class Database:
    """Units of work: `reading()` for queries, `writing()` for a transaction. Both give a SQLAlchemy Connection.

    Both raise Unavailable when the database does not answer. Losses of the connection are met by a new one next time.
    """

    def __init__(self, engine):
        self.engine = engine
        self.is_sqlite = engine.dialect.name == 'sqlite'
        if self.is_sqlite:
            self._reader = engine.execution_options(reading=True)
            _prepare_sqlite(engine)
        else:  # a pool of its own, since changing a connection's isolation level costs four round trips
            self._reader = create_engine(engine.url, **engine_options(engine.url, engine.pool.size()) | AUTOCOMMIT)
            _try_rested_connections(engine)
            _try_rested_connections(self._reader)

    @contextmanager
    def reading(self):
        """Each statement by itself, without a transaction."""
        with _translated(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def writing(self):
        """Commit at the end, roll back on an exception."""
        with _translated(), self.engine.begin() as connection:
            yield connection

    def scalar(self, statement, parameters=None):
        """The first column of the first row, or None."""
        row = self.row(statement, parameters)
        return row and row[0]

    def close(self):
        """Close the pooled connections."""
        self._reader.dispose()
        self.engine.dispose()

    def row(self, statement, parameters=None):
        """The first row of a query, or None."""
        with self.reading() as connection:
            return connection.execute(statement, parameters).first()

    def rows(self, statement, parameters=None):
        """All rows of a query."""
        with self.reading() as connection:
            return connection.execute(statement, parameters).all()


@contextmanager
def _translated():
    try:
        yield
    except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, exc.InternalError) as error:
        raise Unavailable('The database does not answer: try again in a moment') from error


def _prepare_sqlite(engine):
    """Write-ahead log, durable commits, and transactions that begin as writers, so that none has to turn into one."""

    @event.listens_for(engine, 'connect')
    def set_up(dbapi_connection, _):
        dbapi_connection.isolation_level = None  # the driver begins no transactions; `begin` below does
        for pragma in ('journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON', 'busy_timeout = 5000'):
            dbapi_connection.execute(f'PRAGMA {pragma}')

    @event.listens_for(engine, 'begin')
    def begin(connection):
        if not connection.get_execution_options().get('reading'):
            connection.exec_driver_sql('BEGIN IMMEDIATE')


def _try_rested_connections(engine):
    """A ping for connections that have rested: as safe as one at each checkout against restarts, at no cost in use."""

    @event.listens_for(engine, 'checkin')
    def note(dbapi_connection, record):
        record.info['rested_since'] = time.monotonic()

    @event.listens_for(engine, 'checkout')
    def check(dbapi_connection, record, proxy):
        since = record.info.get('rested_since')
        if since is None or time.monotonic() - since < IDLE_BEFORE_PING:
            return
        try:
            dbapi_connection.ping(reconnect=False)
        except Exception as error:
            raise exc.DisconnectionError('the connection was lost while it rested') from error
