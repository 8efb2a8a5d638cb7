"""Gives python-engineio 4.15 this transport: the one place that reaches into the server object.

What is used of it, and checked by tests/transport/test_transport_contract.py: the `websocket` and `queue` entries of
the async driver, the `connect` handler, the WSGI entry `handle_request`, and the table `sockets`, whose new entries
become `Session`s. A server without `install()` is the stock one.
"""
import functools
import time
from urllib.parse import parse_qs

import gevent

from .connection import Connection
from .frames import GOING_AWAY, frame, handshake
from .greenlets import Deadlines, Pinger
from .quiet import QuietLog
from .request import TAKE_SOCKET, remember
from .session import PollQueue, Session
from .websocket import WebSocket

UPGRADE_TIMEOUT = 10  # seconds from a polling client's WebSocket to the end of its upgrade
LAST_WORDS = 1  # seconds for the disconnect handlers of those that had to be cut off at shutdown

misconfigured = QuietLog(__name__)


def install(eio, *, max_backlog=1 << 21, max_connections=10_000):
    """Give this transport to an `engineio.Server` with async mode gevent and return the `Transport`.

    To be called after the handlers are set (socketio.Server does that when it is made) and before the first request.

    `max_backlog`: bytes kept for a client that reads too slowly, beside 0.5 MiB in the kernel.
    `max_connections`: clients of either transport; further ones get a 503.
    """
    return Transport(eio, max_backlog, max_connections)


def direct_connection(eio_socket):
    """Return the WebSocket that carries this Engine.IO socket; None if it polls, is in mid-upgrade or is a stock one.

    `write(frames)` on it never waits, and keeps its order with everything that Engine.IO sends.
    """
    queue = eio_socket.queue
    return queue.websocket if type(queue) is Connection else None


def text_frame(message):
    """Return the WebSocket frame of a text message, str or UTF-8 bytes.

    It is sent as it is: before a Socket.IO packet the caller puts Engine.IO's '4'.
    """
    return frame(message.encode() if isinstance(message, str) else message)


class Transport:
    """The connections of one Engine.IO server."""

    def __init__(self, eio, max_backlog, max_connections):
        self._eio, self._max_backlog, self._max_connections = eio, max_backlog, max_connections
        self._connections, self._stopping = set(), False
        self._pinger = Pinger(eio.ping_interval, eio.ping_timeout)
        self._upgrades = Deadlines(UPGRADE_TIMEOUT, lambda connection: connection.websocket.abort())
        self._on_connect, self._answer = eio.handlers['connect'], eio.handle_request
        eio.on('connect', self._connect)
        eio.handle_request = self._handle_request
        eio.start_service_task = False  # the pinger does its work
        eio._async = {
            **eio._async,
            'queue': functools.partial(PollQueue, max_backlog),
            'websocket': lambda handler, _: functools.partial(self._upgrade, handler.__self__),
        }

    # ------------------------------------------------------------------ counts

    @property
    def websockets(self):
        """The number of open WebSockets, upgrades and those in their closing handshake included."""
        return len(self._connections)

    @property
    def sessions(self):
        """The number of Engine.IO sessions on either transport."""
        return len(self._eio.sockets)

    @property
    def waiting(self):
        """The number of sessions that wait for a ping or owe an answer, and of unfinished upgrades."""
        return len(self._pinger) + len(self._upgrades)

    def _has_room(self, connections):
        return not self._stopping and connections < self._max_connections

    # ------------------------------------------------------------------ requests

    def _handle_request(self, environ, start_response):
        """The WSGI application: Engine.IO's, unless the request is refused at the door."""
        query = parse_qs(environ.get('QUERY_STRING', ''))
        if 'j' in query:  # JSONP runs scripts of one site in pages of another, and no client needs it any more
            return _refuse(start_response, '400 Bad Request')
        if 'sid' not in query and not self._has_room(max(self.sessions, self.websockets)):
            return _refuse(start_response, '503 Service Unavailable')
        return self._answer(environ, start_response)

    def _connect(self, sid, environ):
        Session.adopt(self._eio.sockets[sid], self._pinger)
        return self._on_connect(sid, remember(environ))

    def _upgrade(self, session, environ, start_response):
        """The WSGI application that Engine.IO calls for a WebSocket request, of a new session or a polling one."""
        response, take_socket = handshake(environ), environ.get(TAKE_SOCKET)
        refusal = None
        if response is None or session.upgrading:
            refusal = '400 Bad Request'
        elif take_socket is None:
            misconfigured.write('the web server does not use ChatHandler: WebSockets are refused')
            refusal = '501 Not Implemented'
        elif session.connected and not self._has_room(self.websockets):
            refusal = '503 Service Unavailable'
        if refusal:
            if not session.connected:
                session.close(abort=True, reason=self._eio.reason.TRANSPORT_ERROR)
            return _refuse(start_response, refusal)
        sock, early, detached = take_socket(len(response))
        websocket = WebSocket(sock, self._eio.max_http_buffer_size, self._max_backlog)
        connection = Connection(self, session, websocket, response)
        (connection.start if detached else connection.serve)(early)
        return ()  # a list would make Engine.IO send a response of its own

    # ------------------------------------------------------------------ told by the connections

    def opened(self, connection, is_upgrade):
        """The connection exists; an upgrade has UPGRADE_TIMEOUT seconds to finish."""
        self._connections.add(connection)
        if is_upgrade:
            self._upgrades.add(connection)

    def carries(self, connection):
        """The connection has its session."""
        self._upgrades.discard(connection)

    def closed(self, connection):
        """The connection is over."""
        self._connections.discard(connection)
        self._upgrades.discard(connection)

    # ------------------------------------------------------------------ shutdown

    def shutdown(self, timeout):
        """Refuse new clients, tell those that are there (1001, going away), and return when they are gone.

        Those that have not answered after `timeout` seconds are cut off. The `disconnect` handlers of all run.
        """
        self._stopping = True
        for connection in list(self._connections):
            connection.websocket.close(GOING_AWAY)
        for session in list(self._eio.sockets.values()):
            if direct_connection(session) is None:
                session.close_soon(abort=False, reason=self._eio.reason.SERVER_DISCONNECT)
        self._wait_until_empty(timeout)
        for connection in list(self._connections):
            connection.websocket.abort()
        self._wait_until_empty(LAST_WORDS)

    def _wait_until_empty(self, timeout):
        deadline = time.monotonic() + timeout
        while (self._connections or self._eio.sockets) and time.monotonic() < deadline:
            gevent.sleep(0.01)


def _refuse(start_response, status):
    start_response(status, [('Sec-WebSocket-Version', '13'), ('Content-Length', '0')])
    return ()
