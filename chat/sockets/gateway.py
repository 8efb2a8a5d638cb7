"""Connections from their handshake to their end, and each event from its arrival to its answer."""
import hmac
import logging
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

import gevent
from flask import Flask

from .. import tokens
from ..addresses import client_address
from ..core import Core
from ..core.events import OnlineListChanged, SignInsEnded
from ..dialects import AFTER_LOGIN, DEFAULT, DIALECTS, Handler, handlers_for
from ..errors import BadRequest, ChatError, Forbidden, NotFound, Unauthorized, Unavailable
from ..tokens import Identity
from ..transport import Welcome, Wire, cut, takes_offsets, unseen
from ..validation import parse
from .away import Away
from .connections import Arrival, Connection, Kind, Registry, Result
from .fanout import CHAT_NAMESPACES, FanOut, can_be_called
from .handshake import Environ, refused, shown_token, wanted_dialect
from .moves import Moves
from .notices import ERROR, LOGIN_FAILED, LOGIN_OK, refusal
from .online import OnlineList
from .waiting import WaitingRoom

log = logging.getLogger(__name__)
MAX_FAILED_LOGINS = 5
LOGIN = 'auth:login'  # the one event of a connection that has not signed in


class Gateway:
    """`handlers` maps a namespace to its events, name to Handler; dialects add theirs to those of chat namespaces."""

    def __init__(self, *, app: Flask, core: Core, server: Any, wire: Wire,
                 handlers: Mapping[str, Mapping[str, Handler]]) -> None:
        self.app, self.core = app, core
        self.registry = Registry()
        self._server, self._wire = server, wire
        by_dialect = {
            (namespace, name): handlers_for(name, of_namespace) if namespace in CHAT_NAMESPACES else of_namespace
            for namespace, of_namespace in handlers.items() for name in DIALECTS}
        self._handlers = {Kind(*key, has_offsets): found for key, found in by_dialect.items()
                          for has_offsets in (True, False)}
        self._login = handlers['/'][LOGIN]
        self._waiting = WaitingRoom(core.places)
        self._online = OnlineList(presence=core.presence, blocks=core.blocks, registry=self.registry, wire=wire)
        self._away = away = Away(
            registry=self.registry, history=wire.history, seconds=app.config['RECOVERY_SECONDS'],
            unseen=unseen(server.eio.ping_interval, server.eio.ping_timeout), key=key_of_pids(app))
        self._moves = Moves(log=core.log, order=core.order, registry=self.registry, away=away, server=server) \
            if core.order and wire.history else None
        core.here.subscribe(FanOut(rooms=core.rooms, registry=self.registry, wire=wire, lost=away.get, control={
            SignInsEnded: self._end_sign_ins, OnlineListChanged: self._online.changed_for}).deliver)
        self._watch: gevent.Greenlet[..., Any] | None = None

    # ------------------------------------------------------------------ sessions that nobody has signed in to

    def session_opened(self, eio_sid: str, environ: Environ) -> None:
        """There is a new Engine.IO session."""
        self._start()
        self._waiting.enter(eio_sid, client_address(environ, self.app.config['TRUSTED_PROXIES']))

    def session_closed(self, eio_sid: str) -> None:
        """An Engine.IO session is gone, and with it all its connections."""
        self._waiting.leave(eio_sid)

    def _start(self) -> None:
        if self._watch is None:
            self.app.extensions['chat.start']()
            self._watch = gevent.spawn(self._run)

    def _run(self) -> None:
        while True:
            gevent.sleep(1)
            try:
                self._close_overdue()
                self._end_expired()
                self._away.expire()
                self._online.update()
            except Exception:
                log.exception('connections could not be looked after')

    def _close_overdue(self) -> None:
        for eio_sid in self._waiting.overdue():
            self._waiting.leave(eio_sid)
            for connection in list(self.registry.of_session(eio_sid)):
                self._wire.send(connection, ERROR, Unauthorized('Nobody signed in in time').as_object())
            self.close_session(eio_sid)

    def close_session(self, eio_sid: str) -> None:
        """Close the transport below all connections of an Engine.IO session."""
        self._server.eio.disconnect(eio_sid)

    # ------------------------------------------------------------------ connections

    def connect(self, namespace: str, sid: str, environ: Environ, auth: Any) -> Welcome:
        """A client asks for a namespace: returns who it is there. Raises ConnectionRefusedError, seen as connect_error.

        One that comes back after its line was lost, and whom nothing hinders, is who it was before.
        """
        auth = auth if isinstance(auth, dict) else {}
        address = client_address(environ, self.app.config['TRUSTED_PROXIES'])
        eio_sid = self._server.manager.eio_sid_from_sid(sid, namespace)
        has_offsets = self._away.is_possible and takes_offsets(environ, auth)
        connection = Connection(sid, eio_sid, namespace, address, has_offsets)
        pid = None
        try:
            connection.dialect = wanted_dialect(auth)
            token = shown_token(auth, environ)
            if token is not None:
                connection.identify(self._authenticate(connection, token), DEFAULT)
                if self._comes_back(connection, auth):
                    pid = auth['pid']
            elif namespace != '/':
                raise Unauthorized()
            elif not self._waiting.count(eio_sid):
                raise Unavailable('Too many connections wait to sign in: try again in a moment')
        except ChatError as error:
            raise refused(error) from None
        except Exception:
            log.exception('a connection to %s could not be taken in', namespace)
            raise refused(ChatError()) from None
        self.registry.add(connection)
        pid = pid or self._away.new_pid(connection)
        return {'sid': connection.sid, 'pid': pid} if pid else {'sid': connection.sid}

    def _comes_back(self, connection: Connection, auth: Mapping[str, Any]) -> bool:
        """Whether the connection continues one that was lost; then it is that one from now on."""
        known = self._away.read(auth.get('pid'), connection.namespace)
        if known is None:
            return False
        sid, start = known
        before = self.registry.get(sid)
        if before is not None and before.user_id == connection.user_id and before.eio_sid != connection.eio_sid:
            cut(self._server, before.eio_sid)  # it is lost, and nobody has noticed
        lost = self._away.get(sid)
        if lost is None and before is None and self._moves is not None:
            lost = self._moves.fetch(connection, sid, start, auth.get('offset'))
        if lost is None or auth.get('dialect') not in (None, lost.dialect) or not self._goes_on(lost):
            return False
        is_settled = self._server.manager.eio_sid_from_sid(sid, connection.namespace) is None
        if not is_settled or not self._away.is_claimed_by(connection, sid) \
                and self._away.claim(connection, auth['pid'], auth.get('offset')) is None:
            return False
        connection.continues(lost)
        return True

    def _goes_on(self, lost: Connection) -> bool:
        """Whether the sign-in of a lost connection has not ended."""
        try:
            self.core.sign_ins.require(lost.sign_in_id or '', lost.me)
        except Unauthorized:
            return False
        return True

    def opened(self, sid: str) -> None:
        """The client was told that it is connected: from now on it gets events."""
        connection = self.registry.get(sid)
        if connection is None:
            return
        connection.is_open = True
        try:
            if connection.user_id is not None:
                self._enter(connection)
        except Exception:
            log.exception('a connection to %s could not join in', connection.namespace)
            self.end(connection, ChatError())

    def _authenticate(self, connection: Connection, token: Any) -> Identity:
        """The Identity that a connection shows. Raises Unauthorized, and Forbidden for another user's."""
        with self.app.app_context():
            identity = tokens.authenticate(token, self.core.sign_ins)
        if connection.user_id is not None and connection.user_id != identity.user_id:
            raise Forbidden('This connection is another user\'s: open one of your own')
        return identity

    def _enter(self, connection: Connection) -> None:
        """A signed-in connection joins in, unless its sign-in ended in the meantime."""
        try:
            self.core.sign_ins.require(connection.sign_in_id or '', connection.me)
        except ChatError as error:
            self.end(connection, error)
            return
        if self.registry.get(connection.sid) is connection:
            self._waiting.leave(connection.eio_sid)
            if self._away.is_heir(connection):
                missed = self._away.catch_up(connection)
                if missed is None:  # it was promised, but meanwhile too much has happened: it comes again, as a new one
                    self.close_session(connection.eio_sid)
                    return
                self._wire.deliver({connection: missed})
            self.registry.sign_in(connection)
            self.core.presence.connected(connection.me, connection.sid, can_be_called(connection))
            self._online.greet(connection)

    def login(self, connection: Connection, token: str) -> None:
        """`auth:login`: sign in, or extend the sign-in. Raises Unauthorized, Forbidden."""
        is_new = connection.user_id is None
        identity = self._authenticate(connection, token)
        user = self.core.users.me(identity.user_id)
        self.core.sign_ins.require(identity.sign_in_id, identity.user_id)  # once more: it may have ended meanwhile
        connection.identify(identity, AFTER_LOGIN)
        if is_new:
            user['online'] = True
        self._wire.send(connection, LOGIN_OK, {'user': user})
        if is_new:
            self._enter(connection)

    def disconnected(self, sid: str, is_lost: bool = False) -> None:
        """The client has gone, or was sent away; or its line is lost, and it may come back."""
        connection = self.registry.remove(sid)
        if connection is None:
            return
        connection.is_open = False
        if connection.user_id is not None:
            if is_lost:
                self._away.add(connection)
            else:
                self._away.discard(sid)
            self.core.presence.disconnected(connection.user_id, sid)
            self.core.calls.closed(connection.user_id, sid)
        self.core.typing.closed(sid)  # which may wait, so that nothing may be left to do that a return would overtake
        if not any(other.user_id for other in self.registry.of_session(connection.eio_sid)):
            self._waiting.enter(connection.eio_sid, connection.address)  # the transport may stay, but not for nothing

    def end(self, connection: Connection, error: ChatError) -> None:
        """Tell a connection why, and disconnect it."""
        self._wire.send(connection, ERROR, error.as_object())
        self._server.disconnect(connection.sid, connection.namespace)

    def _end_sign_ins(self, event: SignInsEnded) -> None:
        ended = set(event.ids)
        for connection in self.registry.all():
            if connection.sign_in_id in ended:
                self.end(connection, Unauthorized('This sign-in has ended: sign in again'))

    def _end_expired(self) -> None:
        now = time.time()
        for connection in self.registry.all():
            if connection.expires_at is not None and connection.expires_at <= now:
                self.end(connection, Unauthorized('The token has expired: sign in again'))

    # ------------------------------------------------------------------ events

    def receive(self, eio_sid: str, namespace: str, data: Any, ack_id: int | None) -> None:
        """Handle one event of a client; its answer is sent before this returns or, for a send, in its turn.

        `data` is what it sent: the event's name and its arguments, if it did it right.
        """
        connection = self.registry.of_namespace(eio_sid, namespace)
        if connection is None:
            return
        name, *arguments = data if isinstance(data, list) and data else [None]
        arrival = Arrival(connection, name, arguments[0] if arguments else None, ack_id)
        connection.begin(arrival)
        try:
            result: Result | None = self._handle(connection, arrival)
        except ChatError as error:
            result = error
        except Exception:
            log.exception('the event %.50r failed', name)
            result = ChatError()
        if result is not None:
            self._answer(arrival, result)

    def _answer(self, arrival: Arrival, result: Result) -> None:
        for answered in arrival.connection.finish(arrival, result):
            self._respond(answered)

    def _handle(self, connection: Connection, arrival: Arrival) -> Result | None:
        """The result of an event; None if it is answered later."""
        name, payload = arrival.name, arrival.payload
        self.core.limits.charge('events', connection.sid)
        if not isinstance(name, str):
            raise BadRequest('An event needs a name')
        if connection.user_id is None and name != LOGIN:
            raise Unauthorized('Sign in first: emit auth:login {token}')
        handler = self._login if connection.user_id is None else self._handlers[connection.kind].get(name)
        if handler is None:
            raise NotFound(f'There is no event {name[:50]!r} here')
        request: Any = parse(handler.schema, {handler.bare: payload} if handler.bare else payload)
        if handler.read is not None:
            request = handler.read(request, payload)
        if not handler.answers_later:
            connection.wait_for_earlier()
            return cast(Result, handler.function(self, connection, request))
        handler.function(self, connection, request, partial(self._answer, arrival))
        return None

    def _respond(self, arrival: Arrival) -> None:
        """Acknowledge an event: with its result, or with the error, which is also sent as an event."""
        connection, name, result = arrival.connection, arrival.name, arrival.result
        if not isinstance(result, ChatError):
            self._wire.acknowledge(connection, arrival.ack_id, {'ok': True, **(result or {})})
            return
        self._wire.acknowledge(connection, arrival.ack_id, {'ok': False, **result.as_object()})
        self._wire.send(connection, ERROR, refusal(arrival, result))
        if name == LOGIN:
            self._login_failed(connection, result)

    def _login_failed(self, connection: Connection, error: ChatError) -> None:
        self._wire.send(connection, LOGIN_FAILED, {'message': error.message})
        connection.failed_logins += 1
        if connection.user_id is None and connection.failed_logins >= MAX_FAILED_LOGINS:
            self.close_session(connection.eio_sid)

    def malformed(self, eio_sid: str) -> None:
        """A packet could not be read: tell the connections of its session; they stay open."""
        for connection in list(self.registry.of_session(eio_sid)):
            self._wire.send(connection, ERROR, BadRequest('A packet could not be read').as_object() | {'event': None})

    def close_all(self, timeout: float) -> None:
        """Close every session, the stock way, which waits for clients that may be gone: so many seconds at most."""
        gevent.joinall([gevent.spawn(self.close_session, eio_sid) for eio_sid in list(self._server.eio.sockets)], timeout)

    def stop(self) -> None:
        """Look after nobody any more."""
        if self._watch:
            self._watch.kill()


def key_of_pids(app: Flask) -> bytes | None:
    """What the ids of connections that may come back are sealed with, where all processes are to know them."""
    if not app.config['REDIS_URL']:
        return None
    return hmac.digest(app.config['JWT_SECRET_KEY'].encode(), b'chat: private ids of connections', 'sha256')
