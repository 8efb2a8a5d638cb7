"""The way to the database: short units of work on pooled connections.

A unit holds database work and nothing else. Nothing in it may yield to another greenlet on purpose (no emit, no hash,
no file): on SQLite a unit that is left half-way makes every other writer block the whole process.
"""
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

import gevent
from pymysql.constants import CLIENT
from sqlalchemy import Connection, CursorResult, Engine, Executable, Select, UpdateBase, create_engine, exc, text
from sqlalchemy.pool import PoolProxiedConnection, QueuePool
from sqlalchemy.sql.compiler import SQLCompiler

from ...errors import Unavailable
from ..tables import AnyRow
from .engines import AUTOCOMMIT, LOCK_TIMEOUT, engine_options, learn_id_step, load_cryptography_when_needed, prepare_sqlite
from .failures import InDoubt, RolledBack, access_denied, in_doubt_if_lost, is_rolled_back, translated
from .pre_ping import PrePing
from .texts import texts_of

log = logging.getLogger(__name__)
P = ParamSpec('P')
T = TypeVar('T')
Parameters = Mapping[str, Any]
ATTEMPTS = 5         # at a unit that the database rolls back
ATTEMPTS_WITHIN = 10  # seconds after which it is not begun again
RETRY_PAUSE = 0.01   # seconds, at most, before the second attempt; twice as long before each further one
WAIT_PAUSE = 2       # seconds between two looks whether the database answers by now


class Database:
    """Units of work: `transact(work)` for a transaction, `rows` and its kin for queries.

    All raise Unavailable when the database does not answer, as `InDoubt` if that happens to a commit. A connection
    that was lost is replaced the next time one is needed.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == 'sqlite'
        self._reader: Engine
        self._writer: Engine
        if self.is_sqlite:
            self._reader = self._writer = engine.execution_options(begins_itself=True)
            prepare_sqlite(engine)
        else:  # a pool of its own, since changing a connection's isolation level costs four round trips
            assert isinstance(engine.pool, QueuePool)
            options = engine_options(engine.url, engine.pool.size()) | AUTOCOMMIT
            options['connect_args']['client_flag'] = CLIENT.FOUND_ROWS  # here statements come one at a time
            self._reader, self._writer = create_engine(engine.url, **options), engine
            self._batch_engine = create_engine(engine.url, **engine_options(engine.url, 1))
            self._batch_connection: PoolProxiedConnection | None = None
            for writer in engine, self._batch_engine:
                learn_id_step(writer)
            for each in self._reader, self._writer, self._batch_engine:
                load_cryptography_when_needed(each)
            self._pre_ping = PrePing(self._reader, self._writer, self._batch_engine)

    def close(self) -> None:
        """Close the connections."""
        if not self.is_sqlite:
            if self._batch_connection is not None:
                self._batch_connection.close()
            self._batch_engine.dispose()
        self._reader.dispose()
        self.engine.dispose()

    def wait(self, seconds: float) -> None:
        """Wait until the database answers.

        Raises Unavailable when it does not within that time, and AccessDenied at once when it refuses to let us in.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.row(text('SELECT 1'))
                return
            except Unavailable as error:
                if time.monotonic() >= deadline:
                    raise
                log.warning('waiting for the database: %s', error.__cause__)
                gevent.sleep(WAIT_PAUSE)
            except exc.DBAPIError as error:
                denied = access_denied(error)
                if denied is None:
                    raise
                raise denied from error

    # ------------------------------------------------------------------ transactions

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Call `work(connection)` within a transaction; returns what it does, once that is committed.

        What the work raises rolls back. Where the database rolls back for the sake of others (a deadlock, or a lock that
        could not be had in time) the work is called again in a transaction of its own, so it must not do outside of the
        database what can't be done twice. Raises Unavailable when that was of no use either.
        """
        def once() -> T:
            with self.writing() as connection:
                return work(connection)

        return _repeated(once)

    def execute(self, statement: UpdateBase, parameters: Parameters | None = None) -> int:
        """A transaction of one INSERT, UPDATE or DELETE; returns how many rows it was about."""
        if self.is_sqlite:
            return self.transact(lambda connection: connection.execute(statement, parameters).rowcount)
        return _repeated(self._execute_alone, statement, parameters)

    def _execute_alone(self, statement: UpdateBase, parameters: Parameters | None) -> int:
        """One that MySQL commits by itself, which saves a round trip."""
        with in_doubt_if_lost(), self.reading() as connection:
            return connection.execute(statement, parameters).rowcount

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: commit at the end, roll back on an exception.

        A deadlock or a lock that can't be had raises RolledBack: `repeated` tries again whoever uses this.
        """
        is_committing = False
        try:
            with translated(), self._writer.connect() as connection:
                if self.is_sqlite:
                    self._begin_immediate(connection)
                with connection.begin():
                    yield connection
                    is_committing = True
        except Unavailable as error:
            if is_committing and not isinstance(error, RolledBack):
                raise InDoubt(error.message) from error.__cause__
            raise

    def _begin_immediate(self, connection: Connection) -> None:
        """Begin as a writer. Another process may hold the lock: SQLite would wait in C, and with it everybody here."""
        deadline = time.monotonic() + LOCK_TIMEOUT
        while True:
            try:
                connection.connection.driver_connection.execute('BEGIN IMMEDIATE')  # type: ignore[union-attr]
                return
            except self.engine.dialect.loaded_dbapi.Error as error:
                failure = self._as_sqlalchemy(error)
                if not is_rolled_back(failure):
                    raise failure from error
                if time.monotonic() > deadline:
                    raise Unavailable('The database is locked by another program: try again in a moment') from error
                gevent.sleep(0.02)

    def at_once(self, statements: Sequence[str], parameters: Sequence[Any]) -> tuple[int, list[int], int]:
        """Execute statements of MySQL's SQL, the last one COMMIT, in one round trip.

        Returns (the first id of the first INSERT, the one row that a SELECT among them gave, how far apart the ids of one
        INSERT are). For one caller at a time: the connection is kept for it, since to take one from the pool each time
        costs a twentieth of the whole. Raises as `writing` does.
        """
        with in_doubt_if_lost(), translated():
            connection = self._take_batch_connection()
            with self._driver_cursor(connection) as cursor:
                cursor.execute(';'.join(statements), parameters)
                first_id, row = cursor.lastrowid, cursor.fetchone()
                while cursor.nextset():
                    first_id, row = first_id or cursor.lastrowid, row or cursor.fetchone()
                return first_id, list(row or ()), connection.info['id_step']

    def _take_batch_connection(self) -> PoolProxiedConnection:
        """The connection of `at_once`: a new one if it was lost."""
        kept = self._batch_connection
        if kept is not None and kept.is_valid:
            try:
                self._pre_ping.check(kept.dbapi_connection, kept.info)
            except exc.DisconnectionError as error:
                kept.invalidate(error)
        if kept is None or not kept.is_valid:
            self._batch_connection = kept = self._driver_connection(self._batch_engine)
        self._pre_ping.rests(kept.info)
        return kept

    # ------------------------------------------------------------------ queries

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for several queries, each by itself, without a transaction."""
        with translated(), self._reader.connect() as connection:
            yield connection

    def scalar(self, statement: Executable, parameters: Parameters | None = None) -> Any:
        """The first column of the first row, or None."""
        row = self.row(statement, parameters)
        return row and row[0]

    def row(self, statement: Executable, parameters: Parameters | None = None) -> AnyRow | None:
        """The first row of a query, or None."""
        def first() -> AnyRow | None:
            with self.reading() as connection:
                return connection.execute(statement, parameters).first()

        return _repeated(first)

    def rows(self, statement: Executable, parameters: Parameters | None = None) -> Sequence[AnyRow]:
        """All rows of a query."""
        def everything() -> Sequence[AnyRow]:
            with self.reading() as connection:
                return connection.execute(statement, parameters).all()

        return _repeated(everything)

    def compile(self, statement: Select[*tuple[Any, ...]]) -> SQLCompiler:
        """The statement with positional parameters: what `fetch` takes can be made of it."""
        paramstyle = 'qmark' if self.is_sqlite else 'format'
        dialect = type(self.engine.dialect)(paramstyle=paramstyle)  # type: ignore[call-arg]
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        return compiled

    def fetch(self, sql: str, values: Sequence[Any]) -> Sequence[tuple[Any, ...]]:
        """All rows of a query in the driver's own SQL, as tuples, at a third of the cost of `rows`."""
        return _repeated(self._fetch_once, sql, values)

    def _fetch_once(self, sql: str, values: Sequence[Any]) -> Sequence[tuple[Any, ...]]:
        with (translated(), closing(self._driver_connection(self._reader)) as connection,
              self._driver_cursor(connection) as cursor):
            cursor.execute(sql, values)
            rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def fetch_texts(self, sql: str, values: Sequence[Any]) -> list[bytes]:
        """All rows of a query of one column of text in MySQL's own SQL, in UTF-8 and without NULLs; for hundreds of rows
        at a third of the cost of `fetch`.
        """
        return _repeated(self._fetch_texts_once, sql, values)

    def _fetch_texts_once(self, sql: str, values: Sequence[Any]) -> list[bytes]:
        with translated(), closing(self._driver_connection(self._reader)) as connection, self._driver_errors(connection):
            driver: Any = connection.dbapi_connection
            return texts_of(driver, sql % tuple([value if type(value) is int else driver.escape(value) for value in values]))

    # ------------------------------------------------------------------ the driver

    def _driver_connection(self, engine: Engine) -> PoolProxiedConnection:
        try:
            return engine.raw_connection()
        except engine.dialect.loaded_dbapi.Error as error:
            raise self._as_sqlalchemy(error) from error

    @contextmanager
    def _driver_cursor(self, connection: PoolProxiedConnection) -> Iterator[Any]:
        """A cursor of the driver."""
        with self._driver_errors(connection):
            yield connection.cursor()

    @contextmanager
    def _driver_errors(self, connection: PoolProxiedConnection) -> Iterator[None]:
        """Raise errors of the driver as SQLAlchemy's, once the transaction is rolled back or a lost connection is away."""
        try:
            yield
        except self.engine.dialect.loaded_dbapi.Error as error:
            is_lost = self.engine.dialect.is_disconnect(error, connection, None)
            if is_lost or not _rolled_back(connection):
                is_lost = True
                if not self.is_sqlite:
                    self._pre_ping.note_loss()
                connection.invalidate(error)
            raise self._as_sqlalchemy(error, is_lost) from error
        except BaseException as error:  # the greenlet was killed half-way: what the connection would read next is unknown
            connection.invalidate(error)
            raise

    def _as_sqlalchemy(self, error: Exception, is_lost: bool = False) -> exc.DBAPIError:
        dialect = self.engine.dialect
        wrapped = exc.DBAPIError.instance(None, None, error, dialect.loaded_dbapi.Error, hide_parameters=True,
                                          connection_invalidated=is_lost, dialect=dialect)
        assert isinstance(wrapped, exc.DBAPIError)
        return wrapped


def repeated(method: Callable[P, T]) -> Callable[P, T]:
    """The method, called again where the one transaction in it was rolled back for the sake of others.

    For what needs `writing`. Before the transaction it must do nothing that can't be done twice.
    """
    @wraps(method)
    def called(*arguments: P.args, **named: P.kwargs) -> T:
        return _repeated(partial(method, *arguments, **named))

    return called


def _repeated(function: Callable[..., T], *arguments: Any) -> T:
    """What the function returns, called again where the database rolled it back for the sake of others."""
    deadline, attempt = time.monotonic() + ATTEMPTS_WITHIN, 1
    while True:
        try:
            return function(*arguments)
        except RolledBack as error:
            if attempt == ATTEMPTS or time.monotonic() > deadline:
                log.warning('given up after %d attempts: %s', attempt, error.__cause__)
                raise
            gevent.sleep(random.uniform(0, RETRY_PAUSE * 2**attempt))  # so that the two don't meet again
            attempt += 1


def _rolled_back(connection: PoolProxiedConnection) -> bool:
    """Roll back; False if the connection can't even do that."""
    try:
        connection.rollback()
        return True
    except Exception:
        return False


def inserted_id(result: CursorResult[Any]) -> int:
    """The id that the database gave to the one row of an INSERT."""
    assert result.inserted_primary_key is not None
    new_id: int = result.inserted_primary_key[0]
    return new_id
