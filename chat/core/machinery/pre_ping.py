"""A ping before a pooled connection is used, where it may have been lost."""
import time
from typing import Any

from sqlalchemy import Engine, event, exc
from sqlalchemy.engine import ExceptionContext

RESTED = 1  # seconds in the pool after which a connection is pinged before it is used


class PrePing:
    """Pings connections that have rested in the pool, and each of them once after any was lost.

    As safe as SQLAlchemy's own `pool_pre_ping` against restarts of the database, without its round trip for connections
    that are in use all the time.
    """

    def __init__(self, *engines: Engine) -> None:
        self._lost_at = 0.0
        for engine in engines:
            event.listen(engine, 'handle_error', self._see_error)
            event.listen(engine, 'checkin', lambda _connection, record: self.rests(record.info))
            event.listen(engine, 'checkout', lambda connection, record, _proxy: self.check(connection, record.info))

    def note_loss(self) -> None:
        """A connection was lost: the others may have been, too."""
        self._lost_at = time.monotonic()

    def _see_error(self, context: ExceptionContext) -> None:
        if context.is_disconnect:
            self.note_loss()

    def rests(self, info: Any) -> None:
        """A connection with this `info` is not used any more just now."""
        info['rested_since'] = time.monotonic()

    def check(self, dbapi_connection: Any, info: Any) -> None:
        """Raise DisconnectionError, upon which the pool makes a new one, if the connection was lost while it rested."""
        since = info.get('rested_since')
        if since is None or since > self._lost_at and time.monotonic() - since < RESTED:
            return
        try:
            dbapi_connection.ping(reconnect=False)
        except Exception as error:
            raise exc.DisconnectionError('the connection was lost while it rested') from error
