"""Connections from their handshake to their end, and each event from its arrival to its answer."""
import logging
import time
from functools import partial

import gevent
from socketio.exceptions import ConnectionRefusedError

from .. import tokens
from ..addresses import client_address
from ..errors import BadRequest, ChatError, Forbidden, Invalid, NotFound, Unauthorized, Unavailable
from ..schemas import parse
from .connections import Arrival, Connection, Registry
from .dialects import AFTER_LOGIN, DEFAULT, DIALECTS
from .fanout import FanOut
from .online import OnlineList
from .waiting import WaitingRoom

log = logging.getLogger(__name__)
MAX_FAILED_LOGINS = 5
LOGIN = 'auth:login'  # the one event of a connection that has not signed in


class Gateway:
    """`handlers` maps a namespace to its events: name to Handler."""

    def __init__(self, app, core, server, wire, handlers):
        self.app, self.core = app, core
        self.registry = Registry()
        self._server, self._wire, self._handlers = server, wire, handlers
        self._waiting = WaitingRoom()
        self._online = OnlineList(core.presence, core.blocks, self.registry, wire)
        core.publisher.subscribe(FanOut(self.registry, wire, {
            'sign_ins_ended': self.end_sign_ins, 'online_list_changed': self._online.changed_for}).deliver)
        self._watch = None

    # ------------------------------------------------------------------ sessions that nobody has signed in to

    def session_opened(self, eio_sid, environ):
        """There is a new Engine.IO session."""
        self._start()
        self._waiting.enter(eio_sid, client_address(environ, self.app.config['TRUSTED_PROXIES']))

    def session_closed(self, eio_sid):
        """An Engine.IO session is gone, and with it all its connections."""
        self._waiting.leave(eio_sid)

    def _start(self):
        if self._watch is None:
            self.app.extensions['chat.start']()
            self._watch = gevent.spawn(self._run)

    def _run(self):
        while True:
            gevent.sleep(1)
            try:
                self._close_overdue()
                self._end_expired()
                self._online.update()
            except Exception:
                log.exception('connections could not be looked after')

    def _close_overdue(self):
        for eio_sid in self._waiting.overdue():
            self._waiting.leave(eio_sid)
            for connection in list(self.registry.of_session(eio_sid)):
                self._wire.send(connection, 'error', Unauthorized('Nobody signed in in time').as_object())
            self.close_session(eio_sid)

    def close_session(self, eio_sid):
        """Close the transport below all connections of an Engine.IO session."""
        self._server.eio.disconnect(eio_sid)

    # ------------------------------------------------------------------ connections

    def connect(self, namespace, sid, environ, auth):
        """A client asks for a namespace. Raises ConnectionRefusedError, which it sees as connect_error."""
        auth = auth if isinstance(auth, dict) else {}
        address = client_address(environ, self.app.config['TRUSTED_PROXIES'])
        eio_sid = self._server.manager.eio_sid_from_sid(sid, namespace)
        connection = Connection(sid, eio_sid, namespace, address)
        try:
            connection.dialect = wanted_dialect(auth)
            token = shown_token(auth, environ)
            if token is not None:
                connection.identify(self._authenticate(connection, token), DEFAULT)
            elif namespace != '/':
                raise Unauthorized()
            elif not self._waiting.count(eio_sid):
                raise Unavailable('Too many connections wait to sign in: try again in a moment')
        except ChatError as error:
            raise ConnectionRefusedError(error.code, error.as_object()) from None
        self.registry.add(connection)

    def opened(self, sid):
        """The client was told that it is connected: from now on it gets events."""
        connection = self.registry.get(sid)
        if connection is not None:
            connection.is_open = True
            if connection.user_id is not None:
                self._enter(connection)

    def _authenticate(self, connection, token):
        """The Identity that a connection shows. Raises Unauthorized, and Forbidden for another user's."""
        with self.app.app_context():
            identity = tokens.authenticate(token, self.core.sessions)
        if connection.user_id is not None and connection.user_id != identity.user_id:
            raise Forbidden('This connection is another user\'s: open one of your own')
        return identity

    def _enter(self, connection):
        """A signed-in connection joins in, unless its sign-in ended in the meantime."""
        try:
            self.core.sessions.require(connection.sign_in_id, connection.user_id)
        except ChatError as error:
            self.end(connection, error)
            return
        if self.registry.get(connection.sid) is connection:
            self._waiting.leave(connection.eio_sid)
            self.registry.sign_in(connection)
            self.core.presence.connected(connection.user_id, connection.sid)
            self._online.greet(connection)

    def login(self, connection, token):
        """`auth:login`: sign in, or extend the sign-in. Raises Unauthorized, Forbidden."""
        is_new = connection.user_id is None
        identity = self._authenticate(connection, token)
        user = self.core.users.get(identity.user_id, identity.user_id)
        connection.identify(identity, AFTER_LOGIN)
        if is_new:
            user['online'] = True
        self._wire.send(connection, 'auth:ok', {'user': user})
        if is_new:
            self._enter(connection)

    def disconnected(self, sid):
        """The client has gone, or was sent away."""
        connection = self.registry.remove(sid)
        if connection is None:
            return
        connection.is_open = False
        self.core.typing.closed(sid)
        if connection.user_id is not None:
            self.core.presence.disconnected(connection.user_id, sid)
            self.core.calls.closed(connection.user_id, sid)
        if not any(other.user_id for other in self.registry.of_session(connection.eio_sid)):
            self._waiting.enter(connection.eio_sid, connection.address)  # the transport may stay, but not for nothing

    def end(self, connection, error):
        """Tell a connection why, and disconnect it."""
        self._wire.send(connection, 'error', error.as_object())
        self._server.disconnect(connection.sid, connection.namespace)

    def end_sign_ins(self, ids):
        """Disconnect whoever hangs on these sign-ins."""
        ended = set(ids)
        for connection in self.registry.all():
            if connection.sign_in_id in ended:
                self.end(connection, Unauthorized('This sign-in has ended: sign in again'))

    def _end_expired(self):
        now = time.time()
        for connection in self.registry.all():
            if connection.expires_at is not None and connection.expires_at <= now:
                self.end(connection, Unauthorized('The token has expired: sign in again'))

    # ------------------------------------------------------------------ events

    def receive(self, eio_sid, namespace, data, ack_id):
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
            result = self._handle(connection, arrival)
        except ChatError as error:
            result = error
        except Exception:
            log.exception('the event %.50r failed', name)
            result = ChatError()
        if result is not None:
            self._answer(arrival, result)

    def _answer(self, arrival, result):
        for answered in arrival.connection.finish(arrival, result):
            self._respond(answered)

    def _handle(self, connection, arrival):
        """The result of an event; None if it is answered later."""
        name, payload = arrival.name, arrival.payload
        self.core.limits.charge('events', connection.sid)
        if not isinstance(name, str):
            raise BadRequest('An event needs a name')
        if connection.user_id is None and name != LOGIN:
            raise Unauthorized('Sign in first: emit auth:login {token}')
        handler = self._handlers[connection.namespace].get(name)
        if handler is None:
            raise NotFound(f'There is no event {name[:50]!r} here')
        request = parse(handler.schema, payload) if isinstance(handler.schema, type) else handler.schema(payload)
        if handler.is_send:
            return handler.function(self, connection, request, partial(self._answer, arrival))
        connection.wait_for_earlier()
        return handler.function(self, connection, request)

    def _respond(self, arrival):
        """Acknowledge an event: with its result, or with the error, which is also sent as an event."""
        connection, name, result = arrival.connection, arrival.name, arrival.result
        if not isinstance(result, ChatError):
            self._wire.acknowledge(connection, arrival.ack_id, {'ok': True} | result)
            return
        self._wire.acknowledge(connection, arrival.ack_id, {'ok': False} | result.as_object())
        described = result.as_object() | {'event': name if isinstance(name, str) else None}
        described.pop('errors', None)
        client_id = arrival.payload.get('clientId') if isinstance(arrival.payload, dict) else None
        if isinstance(client_id, str):
            described['clientId'] = client_id
        self._wire.send(connection, 'error', described)
        if name == LOGIN:
            self._login_failed(connection, result)

    def _login_failed(self, connection, error):
        self._wire.send(connection, 'auth:error', {'message': error.message})
        connection.failed_logins += 1
        if connection.user_id is None and connection.failed_logins >= MAX_FAILED_LOGINS:
            self.close_session(connection.eio_sid)

    def malformed(self, eio_sid):
        """A packet could not be read: tell the connections of its session; they stay open."""
        for connection in list(self.registry.of_session(eio_sid)):
            self._wire.send(connection, 'error', BadRequest('A packet could not be read').as_object() | {'event': None})

    def close_all(self):
        """Close every session, the stock way."""
        for eio_sid in list(self._server.eio.sockets):
            self.close_session(eio_sid)

    def stop(self):
        """Look after nobody any more."""
        if self._watch:
            self._watch.kill()


def wanted_dialect(auth):
    """The dialect that the handshake asks for, or None. Raises Invalid for a name that is none."""
    dialect = auth.get('dialect')
    if dialect is not None and (not isinstance(dialect, str) or dialect not in DIALECTS):
        raise Invalid(dialect=f'must be one of {", ".join(DIALECTS)}')
    return dialect


def shown_token(auth, environ):
    """The token of a handshake: in its auth payload, as a Bearer, or in the header access_token; else None."""
    token = auth.get('token')
    if token is None or token == '':
        scheme, _, token = environ.get('HTTP_AUTHORIZATION', '').partition(' ')
        if scheme.lower() != 'bearer':
            token = '' if scheme else environ.get('HTTP_ACCESS_TOKEN', '')
    return token.strip() or None if isinstance(token, str) else token
