"""The way to the database: short units of work on pooled connections.

A unit holds database work and nothing else. Nothing in it may yield to another greenlet on purpose (no emit, no hash,
no file): on SQLite a unit that is left half-way makes every other writer block the whole process.
"""
import logging
import sqlite3
import time
from contextlib import closing, contextmanager

import gevent
from pymysql.constants import CLIENT
from sqlalchemy import create_engine, event, exc, text
from sqlalchemy.pool import StaticPool

from ...errors import Unavailable

BUSY_MS = 20         # milliseconds that SQLite itself waits for a lock
LOCK_TIMEOUT = 5      # seconds that a writer waits for it
NO_SUCH_TABLE = 1146  # MySQL's error number
OF_A_ROW = {(1366,), (1644,), (3819,), (4025,)}  # those of a value, a trigger or a CHECK, for which the driver has no class
IDLE_BEFORE_PING = 1  # seconds that a pooled connection may rest before it is tried first
log = logging.getLogger(__name__)
QUIET = {'hide_parameters': True}  # an error must not show passwords' hashes or people's messages
AUTOCOMMIT = {'isolation_level': 'AUTOCOMMIT', 'skip_autocommit_rollback': True}
LOOPBACK = ('localhost', '127.0.0.1', '::1')
MYSQL_TIMEOUT = 30    # seconds that a statement may take before its connection counts as lost


def engine_options(url, pool_size):
    """Arguments of SQLAlchemy's create_engine for this kind of database."""
    if is_memory(url):
        return {'poolclass': StaticPool, 'connect_args': {'check_same_thread': False}, **QUIET}
    pool = {**QUIET, 'pool_size': pool_size, 'max_overflow': 0, 'pool_use_lifo': True, 'pool_timeout': 10}
    if url.get_backend_name() == 'sqlite':
        return {**pool, 'connect_args': {'check_same_thread': False}}
    connect_args = {'connect_timeout': 5, 'read_timeout': MYSQL_TIMEOUT, 'write_timeout': MYSQL_TIMEOUT,
                    'init_command': "SET SESSION sql_mode = 'TRADITIONAL'",
                    'client_flag': CLIENT.FOUND_ROWS | CLIENT.MULTI_STATEMENTS}
    if url.password:
        connect_args['password'] = url.password.encode()  # the driver's own encoding is Latin-1
    if url.host in LOOPBACK and not any(name.startswith('ssl') for name in url.query):
        connect_args['ssl_disabled'] = True  # or each connection makes a TLS context, which takes 20 ms and 1 MiB
    return {**pool, 'isolation_level': 'READ COMMITTED', 'connect_args': connect_args,
            'pool_reset_on_return': None}  # a transaction ends by itself here: a ROLLBACK behind it is a round trip lost


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
            self._reader = self._writer = engine.execution_options(begins_itself=True)
            _prepare_sqlite(engine)
        else:  # a pool of its own, since changing a connection's isolation level costs four round trips
            options = engine_options(engine.url, engine.pool.size()) | AUTOCOMMIT
            del options['connect_args']['client_flag']  # what reads has no need of several statements at once
            self._reader = create_engine(engine.url, **options)
            self._writer = engine
            self._keeper, self._kept = create_engine(engine.url, **engine_options(engine.url, 1)), None
            for writer in engine, self._keeper:
                event.listen(writer, 'connect', _learn_id_step)
            self._losses = Losses(self._reader, self._writer, self._keeper)

    @contextmanager
    def reading(self):
        """Each statement by itself, without a transaction."""
        with _translated(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def writing(self):
        """Commit at the end, roll back on an exception."""
        with _translated(), self._writer.connect() as connection:
            if self.is_sqlite:
                _begin_immediate(connection)
            with connection.begin():
                yield connection

    def compile(self, statement):
        """SQLAlchemy's Compiled of a statement with positional parameters: what `fetch` takes can be made of it."""
        return statement.compile(dialect=type(self.engine.dialect)(paramstyle='qmark' if self.is_sqlite else 'format'))

    def fetch(self, text, values):
        """All rows of a query in the driver's own SQL, as tuples, at a third of the cost of `rows`."""
        with (_translated(), closing(self._of_pool(self._reader)) as connection,
              self._of_driver(connection) as cursor):
            cursor.execute(text, values)
            return cursor.fetchall()

    def at_once(self, statements, parameters):
        """Statements of MySQL's own SQL, the last one COMMIT, in one round trip; (the first id that each gave, id step).

        The id step is how far apart the ids of one INSERT are. For one caller at a time: the connection is kept for it,
        since to take one from the pool each time costs a twentieth of the whole.
        """
        with _translated():
            connection = self._kept_connection()
            with self._of_driver(connection) as cursor:
                cursor.execute(';'.join(statements), parameters)
                ids = [cursor.lastrowid]
                while cursor.nextset():
                    ids.append(cursor.lastrowid)
                return ids, connection.info['id_step']

    def _kept_connection(self):
        """The connection of `at_once`: a new one if it was lost."""
        kept = self._kept
        if kept is not None and kept.is_valid:
            try:
                self._losses.check(kept.dbapi_connection, kept.info)
            except exc.DisconnectionError as error:
                kept.invalidate(error)
        if kept is None or not kept.is_valid:
            self._kept = kept = self._of_pool(self._keeper)
        kept.info['rested_since'] = time.monotonic()
        return kept

    def _of_pool(self, engine):
        """A connection of the driver."""
        try:
            return engine.raw_connection()
        except engine.dialect.loaded_dbapi.Error as error:
            raise self._as_sqlalchemy(error) from error

    @contextmanager
    def _of_driver(self, connection):
        """A cursor of the driver, with its errors as SQLAlchemy's; they roll back, or put away what is lost."""
        try:
            yield connection.cursor()
        except self.engine.dialect.loaded_dbapi.Error as error:
            is_lost = self.engine.dialect.is_disconnect(error, connection.dbapi_connection, None)
            if is_lost or not _rolled_back(connection):
                is_lost = True
                self._losses.note()
                connection.invalidate(error)
            raise self._as_sqlalchemy(error, is_lost) from error
        except BaseException as error:  # the greenlet is ended in mid-sentence
            connection.invalidate(error)
            raise

    def _as_sqlalchemy(self, error, is_lost=False):
        dialect = self.engine.dialect
        return exc.DBAPIError.instance(None, None, error, dialect.loaded_dbapi.Error, hide_parameters=True,
                                       connection_invalidated=is_lost, dialect=dialect)

    def wait(self, seconds):
        """Wait until the database answers. Raises Unavailable when it does not within that time."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.row(text('SELECT 1'))
                return
            except Unavailable as error:
                if time.monotonic() > deadline:
                    raise
                log.warning('waiting for the database: %s', error.__cause__)
                gevent.sleep(2)

    def scalar(self, statement, parameters=None):
        """The first column of the first row, or None."""
        row = self.row(statement, parameters)
        return row and row[0]

    def close(self):
        """Close the connections."""
        if not self.is_sqlite:
            if self._kept is not None:
                self._kept.close()
            self._keeper.dispose()
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
        if isinstance(error, exc.DBAPIError) and error.orig.args[:1] in OF_A_ROW:
            raise
        log.warning('the database does not answer: %s', getattr(error, 'orig', error))
        raise Unavailable('The database does not answer: try again in a moment') from error
    except exc.ProgrammingError as error:
        if error.orig.args[0] != NO_SUCH_TABLE:
            raise
        raise Unavailable('The database has not been migrated: run flask db upgrade') from error


def _rolled_back(connection):
    """Roll back; False if the connection can't even do that."""
    try:
        connection.rollback()
        return True
    except Exception:
        return False


def _begin_immediate(connection):
    """Begin as a writer. Another process may hold the lock: SQLite would wait in C, and with it everybody here."""
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            connection.connection.driver_connection.execute('BEGIN IMMEDIATE')
            return
        except sqlite3.OperationalError as error:
            if time.monotonic() > deadline:
                raise Unavailable('The database is locked by another program: try again in a moment') from error
            gevent.sleep(0.02)


def _prepare_sqlite(engine):
    """Write-ahead log and durable commits; transactions of others (migrations) begin as writers, as ours do."""

    @event.listens_for(engine, 'connect')
    def set_up(dbapi_connection, _):
        dbapi_connection.isolation_level = None  # the driver begins no transactions; `begin` below does
        for pragma in ('journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON', f'busy_timeout = {BUSY_MS}'):
            dbapi_connection.execute(f'PRAGMA {pragma}')

    @event.listens_for(engine, 'begin')
    def begin(connection):
        if not connection.get_execution_options().get('begins_itself'):
            connection.exec_driver_sql('BEGIN IMMEDIATE')


def _learn_id_step(dbapi_connection, record):
    """Note how far apart the ids of one INSERT are: 1 but in clusters (Galera, group replication)."""
    with dbapi_connection.cursor() as cursor:
        cursor.execute('SELECT @@auto_increment_increment')
        record.info['id_step'], = cursor.fetchone()


class Losses:
    """Pings connections that have rested, and all after one was lost.

    As safe as a ping at each checkout against restarts of the database, at no cost in use.
    """

    def __init__(self, *engines):
        self._lost_at = 0.0
        for engine in engines:
            event.listen(engine, 'handle_error', self._look_at)
            event.listen(engine, 'checkin', self._rests)
            event.listen(engine, 'checkout', lambda connection, record, _: self.check(connection, record.info))

    def note(self):
        """A connection was lost."""
        self._lost_at = time.monotonic()

    def _look_at(self, context):
        if context.is_disconnect:
            self.note()

    def _rests(self, dbapi_connection, record):
        record.info['rested_since'] = time.monotonic()

    def check(self, dbapi_connection, info):
        """Raise DisconnectionError if the connection was lost while it rested."""
        since = info.get('rested_since')
        if since is None or since > self._lost_at and time.monotonic() - since < IDLE_BEFORE_PING:
            return
        try:
            dbapi_connection.ping(reconnect=False)
        except Exception as error:
            raise exc.DisconnectionError('the connection was lost while it rested') from error
