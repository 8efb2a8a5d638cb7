"""How connections to each kind of database are made: SQLAlchemy's engines and their pools."""
import importlib
from typing import Any

from pymysql import _auth
from pymysql.constants import CLIENT
from sqlalchemy import URL, Connection, Dialect, Engine, event
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

BUSY_MS = 20         # milliseconds that SQLite itself waits for a lock, in C, and with it everybody here
LOCK_TIMEOUT = 5     # seconds that a writer waits for a lock
MYSQL_TIMEOUT = 30   # seconds that a statement may take before its connection counts as lost
LONGEST_TEXT = 8 * 1024 * 1024  # bytes of a list of 1,000 rows as one text; the longest rows have 2 KiB
QUIET: dict[str, Any] = {'hide_parameters': True}  # an error must not show hashes of passwords or people's messages
AUTOCOMMIT: dict[str, Any] = {'isolation_level': 'AUTOCOMMIT', 'skip_autocommit_rollback': True}
LOOPBACK = ('localhost', '127.0.0.1', '::1')


def engine_options(url: URL, pool_size: int) -> dict[str, Any]:
    """Arguments of SQLAlchemy's create_engine for this kind of database."""
    if is_memory(url):
        return {'poolclass': StaticPool, 'connect_args': {'check_same_thread': False}, **QUIET}
    pool = {**QUIET, 'pool_size': pool_size, 'max_overflow': 0, 'pool_use_lifo': True, 'pool_timeout': 10}
    if url.get_backend_name() == 'sqlite':
        return {**pool, 'connect_args': {'check_same_thread': False}}
    return {**pool, 'isolation_level': 'READ COMMITTED', 'connect_args': _mysql_arguments(url),
            'pool_reset_on_return': None}  # a transaction ends by itself here: a ROLLBACK behind it is a round trip lost


def _mysql_arguments(url: URL) -> dict[str, Any]:
    """Arguments of the driver's connect."""
    settings = (f"SET SESSION sql_mode = 'TRADITIONAL', innodb_lock_wait_timeout = {LOCK_TIMEOUT:d}, "
                f'group_concat_max_len = {LONGEST_TEXT:d}')
    arguments: dict[str, Any] = {
        'connect_timeout': 5, 'read_timeout': MYSQL_TIMEOUT, 'write_timeout': MYSQL_TIMEOUT, 'init_command': settings,
        'client_flag': CLIENT.FOUND_ROWS | CLIENT.MULTI_STATEMENTS}
    if url.password:
        arguments['password'] = url.password.encode()  # the driver's own encoding is Latin-1
    if url.host in LOOPBACK and not any(name.startswith('ssl') for name in url.query):
        arguments['ssl_disabled'] = True  # or each connection makes a TLS context, which takes 20 ms and 1 MiB
    return arguments


def load_cryptography_when_needed(engine: Engine) -> None:
    """Let PyMySQL find `cryptography` (8 MiB) only once a server asks for a kind of sign-in that needs it.

    That is MySQL 8 without TLS, when a user signs in for the first time since it was started (`caching_sha2_password`):
    the password is then encrypted with the server's RSA key. PyMySQL looks for the library once, while it is itself being
    loaded, and wsgi.py hides it then.
    """

    @event.listens_for(engine, 'do_connect')
    def connect(dialect: Dialect, _record: ConnectionPoolEntry, arguments: Any, named: Any) -> Any:
        try:
            return dialect.connect(*arguments, **named)
        except RuntimeError:
            importlib.reload(_auth)
            return dialect.connect(*arguments, **named)


def is_memory(url: URL) -> bool:
    """Whether the URL names an SQLite database that lives in this process only."""
    return url.get_backend_name() == 'sqlite' and url.database in (None, '', ':memory:')


def prepare_sqlite(engine: Engine) -> None:
    """Write-ahead log and durable commits; transactions of others (migrations) begin as writers, as ours do."""

    @event.listens_for(engine, 'connect')
    def set_up(dbapi_connection: Any, _record: ConnectionPoolEntry) -> None:
        dbapi_connection.isolation_level = None  # the driver begins no transactions; `begin` below does
        for pragma in ('journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON', f'busy_timeout = {BUSY_MS}'):
            dbapi_connection.execute(f'PRAGMA {pragma}')

    @event.listens_for(engine, 'begin')
    def begin(connection: Connection) -> None:
        if not connection.get_execution_options().get('begins_itself'):
            connection.exec_driver_sql('BEGIN IMMEDIATE')


def learn_id_step(engine: Engine) -> None:
    """Note in each new connection's `info` how far apart the ids of one INSERT are: 1, but in clusters (Galera)."""

    @event.listens_for(engine, 'connect')
    def ask(dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
        with dbapi_connection.cursor() as cursor:
            cursor.execute('SELECT @@auto_increment_increment')
            record.info['id_step'], = cursor.fetchone()
