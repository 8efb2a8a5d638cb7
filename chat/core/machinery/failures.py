"""What an error of the database means: an outage, a transaction to be tried again, a wrong setting, or a fault of ours.

    an outage        the database can't be reached, or takes nothing: Unavailable, and a line in the log
    in doubt         the connection was lost while the commit was on its way: InDoubt, which is Unavailable as well
    rolled back      for the sake of another transaction (deadlock), or after a wait for its lock: RolledBack
    access denied    the user, its password or the name of the database is wrong: AccessDenied, while the server starts
    everything else  (a missing table or column, a syntax error) stays what SQLAlchemy raised: a bug, or a database
                     that was not migrated, with its traceback in the log and a 500 for the client
"""
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pymysql.constants import CR, ER
from sqlalchemy import exc

from ...errors import Unavailable

log = logging.getLogger(__name__)
DOES_NOT_ANSWER = 'The database does not answer: try again in a moment'
NOT_MIGRATED = 'the database has not been migrated: run flask db upgrade'

# Numbers of MySQL and MariaDB that the driver has no name for
DENIED_WITHOUT_PASSWORD, CONNECTION_KILLED, QUERY_TIMEOUT_MARIADB, QUERY_TIMEOUT_MYSQL = 1698, 1927, 1969, 3024
MYSQL_OUTAGES = {
    ER.CON_COUNT_ERROR, ER.TOO_MANY_USER_CONNECTIONS, ER.HOST_IS_BLOCKED, ER.USER_LIMIT_REACHED, CONNECTION_KILLED,
    ER.SERVER_SHUTDOWN, ER.DISK_FULL, ER.RECORD_FILE_FULL, ER.QUERY_INTERRUPTED, QUERY_TIMEOUT_MARIADB, QUERY_TIMEOUT_MYSQL,
    ER.OPTION_PREVENTS_STATEMENT,  # read only, as a replica or during a failover
    ER.UNKNOWN_COM_ERROR}  # a node of Galera that is not ready
MYSQL_CLIENT_ERRORS = range(CR.CR_ERROR_FIRST, 3000)  # can't connect, lost, out of order
MYSQL_ROLLED_BACK = {ER.LOCK_DEADLOCK, ER.LOCK_WAIT_TIMEOUT, ER.CHECKREAD}
WRONG_USER = {ER.ACCESS_DENIED_ERROR, DENIED_WITHOUT_PASSWORD}
WRONG_NAME = {ER.BAD_DB_ERROR, ER.DBACCESS_DENIED_ERROR}
# Primary result codes of SQLite, as https://sqlite.org/rescode.html has them: Python's module, which knows their names, and
# SQLite itself take 2 MiB that a server on MySQL does not need
SQLITE_CANTOPEN, SQLITE_FULL, SQLITE_IOERR, SQLITE_BUSY, SQLITE_LOCKED = 14, 13, 10, 5, 6
SQLITE_OUTAGES = {SQLITE_CANTOPEN, SQLITE_FULL, SQLITE_IOERR}
SQLITE_ROLLED_BACK = {SQLITE_BUSY, SQLITE_LOCKED}


class InDoubt(Unavailable):
    """The connection was lost while the commit was on its way: look whether it happened before you try again."""


class RolledBack(Unavailable):
    """The database undid the transaction for the sake of others: nothing of it is stored, it can be tried again at once."""

    message = 'Too many change the same thing just now: try again in a moment'


class AccessDenied(Exception):
    """The database refuses to let this server in. `is_name`: because of the database's name, not of user and password."""

    def __init__(self, reason: str, is_name: bool) -> None:
        super().__init__(reason)
        self.is_name = is_name


@contextmanager
def translated() -> Iterator[None]:
    """Raise what the module says for what the database raises within."""
    try:
        yield
    except exc.TimeoutError as error:  # no connection of the pool became free in time
        log.warning('the database is too slow for what is asked of it: %s', error)
        raise Unavailable(DOES_NOT_ANSWER) from error
    except exc.DBAPIError as error:
        if is_rolled_back(error):
            log.debug('the database rolled a transaction back: %s', error.orig)
            raise RolledBack from error
        if is_outage(error):
            log.warning('the database does not answer: %s', error.orig)
            raise Unavailable(DOES_NOT_ANSWER) from error
        if is_not_migrated(error):
            log.error(NOT_MIGRATED)
        raise


@contextmanager
def in_doubt_if_lost() -> Iterator[None]:
    """Raise Unavailable as InDoubt where the connection was lost that was to bring the commit as well: perhaps after it."""
    try:
        yield
    except Unavailable as error:
        if getattr(error.__cause__, 'connection_invalidated', False):
            raise InDoubt(error.message) from error.__cause__
        raise


def is_outage(error: exc.DBAPIError) -> bool:
    """Whether the database is out of reach, or takes nothing just now."""
    if _is_of_sqlite(error):
        return _sqlite_code(error.orig) in SQLITE_OUTAGES
    number = _number(error)
    if not number:  # the driver itself met a closed connection, or lost its place in the conversation
        return not isinstance(error, exc.ProgrammingError)
    return error.connection_invalidated or number in MYSQL_OUTAGES or number in MYSQL_CLIENT_ERRORS


def is_rolled_back(error: exc.DBAPIError) -> bool:
    """Whether the transaction gave way to another one, or waited for it in vain."""
    if _is_of_sqlite(error):
        return _sqlite_code(error.orig) in SQLITE_ROLLED_BACK
    return not error.connection_invalidated and _number(error) in MYSQL_ROLLED_BACK


def is_not_migrated(error: exc.DBAPIError) -> bool:
    """Whether a table or a column is missing."""
    if _is_of_sqlite(error):
        return str(error.orig).startswith(('no such table', 'no such column')) or 'has no column named' in str(error.orig)
    return _number(error) in (ER.NO_SUCH_TABLE, ER.BAD_FIELD_ERROR)


def access_denied(error: exc.DBAPIError) -> AccessDenied | None:
    """What is wrong with the settings, if the database refuses them."""
    number = _number(error)
    if number not in WRONG_USER | WRONG_NAME or error.orig is None:
        return None
    return AccessDenied(': '.join(map(str, error.orig.args)), is_name=number in WRONG_NAME)


def _is_of_sqlite(error: exc.DBAPIError) -> bool:
    return type(error.orig).__module__ == 'sqlite3'


def _sqlite_code(error: BaseException | None) -> int | None:
    """SQLite's primary result code; None for errors of Python's module."""
    code: int | None = getattr(error, 'sqlite_errorcode', None)
    return None if code is None else code & 0xFF


def _number(error: exc.DBAPIError) -> int | None:
    """MySQL's error number; None where the driver gives none."""
    number = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return number if isinstance(number, int) else None
