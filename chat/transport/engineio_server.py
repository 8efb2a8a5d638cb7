"""Gives python-engineio 4.15 this transport: the one place that reaches into the server object.

What is used of it, and checked by tests/transport/test_transport_contract.py: the `websocket` and `queue` entries of
the async driver, the `connect` handler, the WSGI entry `handle_request`, and the table `sockets`, whose new entries
become `EngineSession`s. A server without `install()` is the stock one.
"""
import functools
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import gevent

from .carrier import Carrier
from .frames import GOING_AWAY, frame, handshake
from .greenlets import Deadlines, Pinger
from .quiet import QuietLog
from .request import TAKE_SOCKET, remember
from .session import EngineSession, PollQueue
from .websocket import WebSocket

Environ = dict[str, Any]  # of a WSGI request
StartResponse = Callable[..., Any]
UPGRADE_TIMEOUT = 10  # seconds from a polling client's WebSocket to the end of its upgrade
LAST_WORDS = 1  # seconds for the disconnect handlers of those that had to be cut off at shutdown

misconfigured = QuietLog(__name__)


def install(eio: Any, *, max_backlog: int = 1 << 21, max_connections: int = 10_000) -> 'Transport':
    """Give this transport to an `engineio.Server` with async mode gevent and return the `Transport`.

    To be called after the handlers are set (socketio.Server does that when it is made) and before the first request.

    `max_backlog`: bytes kept for a client that reads too slowly, beside 0.5 MiB in the kernel.
    `max_connections`: clients of either transport; further ones get a 503.
    """
    return Transport(eio, max_backlog, max_connections)


def direct_connection(eio_socket: Any) -> WebSocket | None:
    """Return the WebSocket that carries this Engine.IO socket; None if it polls, is in mid-upgrade or is a stock one.

    `write(frames)` on it never waits, and keeps its order with everything that Engine.IO sends.
    """
    queue = eio_socket.queue
    return queue.websocket if type(queue) is Carrier else None


def text_frame(message: str | bytes) -> bytes:
    """Return the WebSocket frame of a text message, str or UTF-8 bytes.

    It is sent as it is: before a Socket.IO packet the caller puts Engine.IO's '4'.
    """
    return frame(message.encode() if isinstance(message, str) else message)


class Transport:
    """The sessions of one Engine.IO server, and the WebSockets that carry them."""

    def __init__(self, eio: Any, max_backlog: int, max_connections: int) -> None:
        self._eio, self._max_backlog, self._max_connections = eio, max_backlog, max_connections
        self._carriers: set[Carrier] = set()
        self._stopping = False
        self._pinger = Pinger(eio.ping_interval, eio.ping_timeout)
        self._upgrades: Deadlines[Carrier] = Deadlines(UPGRADE_TIMEOUT, lambda carrier: carrier.websocket.abort())
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
    def websockets(self) -> int:
        """The number of open WebSockets, upgrades and those in their closing handshake included."""
        return len(self._carriers)

    @property
    def sessions(self) -> int:
        """The number of Engine.IO sessions on either transport."""
        return len(self._eio.sockets)

    @property
    def waiting(self) -> int:
        """The number of sessions that wait for a ping or owe an answer, and of unfinished upgrades."""
        return len(self._pinger) + len(self._upgrades)

    def _has_room(self, clients: int) -> bool:
        return not self._stopping and clients < self._max_connections

    # ------------------------------------------------------------------ requests

    def _handle_request(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The WSGI application: Engine.IO's, unless the request is refused at the door."""
        query = parse_qs(environ.get('QUERY_STRING', ''))
        if 'j' in query:  # JSONP runs scripts of one site in pages of another, and no client needs it any more
            return _refuse(start_response, '400 Bad Request')
        if 'sid' not in query and not self._has_room(max(self.sessions, self.websockets)):
            return _refuse(start_response, '503 Service Unavailable')
        answer: Iterable[bytes] = self._answer(environ, start_response)
        return answer

    def _connect(self, sid: str, environ: Environ) -> Any:
        EngineSession.adopt(self._eio.sockets[sid], self._pinger)
        return self._on_connect(sid, remember(environ))

    def _upgrade(self, session: EngineSession, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The WSGI application that Engine.IO calls for a WebSocket request, of a new session or a polling one."""
        response, take_socket = handshake(environ), environ.get(TAKE_SOCKET)
        if response is None or session.upgrading:
            return self._refuse_upgrade(session, start_response, '400 Bad Request')
        if take_socket is None:
            misconfigured.write('the web server does not use ChatHandler: WebSockets are refused')
            return self._refuse_upgrade(session, start_response, '501 Not Implemented')
        if session.connected and not self._has_room(self.websockets):
            return self._refuse_upgrade(session, start_response, '503 Service Unavailable')
        sock, early, detached = take_socket(len(response))
        websocket = WebSocket(sock, self._eio.max_http_buffer_size, self._max_backlog)
        carrier = Carrier(self, session, websocket, response)
        (carrier.start if detached else carrier.serve)(early)
        return ()  # a list would make Engine.IO send a response of its own

    def _refuse_upgrade(self, session: EngineSession, start_response: StartResponse, status: str) -> Iterable[bytes]:
        if not session.connected:
            session.close(abort=True, reason=self._eio.reason.TRANSPORT_ERROR)
        return _refuse(start_response, status)

    # ------------------------------------------------------------------ told by the carriers

    def opened(self, carrier: Carrier, is_upgrade: bool) -> None:
        """The carrier exists; an upgrade has UPGRADE_TIMEOUT seconds to finish."""
        self._carriers.add(carrier)
        if is_upgrade:
            self._upgrades.add(carrier)

    def carries(self, carrier: Carrier) -> None:
        """The carrier has its session."""
        self._upgrades.discard(carrier)

    def closed(self, carrier: Carrier) -> None:
        """The carrier's WebSocket is over."""
        self._carriers.discard(carrier)
        self._upgrades.discard(carrier)

    # ------------------------------------------------------------------ shutdown

    def shutdown(self, timeout: float) -> None:
        """Refuse new clients, tell those that are there (1001, going away), and return when they are gone.

        Those that have not answered after `timeout` seconds are cut off. The `disconnect` handlers of all run.
        """
        self._stopping = True
        for carrier in list(self._carriers):
            carrier.websocket.close(GOING_AWAY)
        for session in list(self._eio.sockets.values()):
            if direct_connection(session) is None:
                session.close_soon(abort=False, reason=self._eio.reason.SERVER_DISCONNECT)
        self._wait_until_empty(timeout)
        for carrier in list(self._carriers):
            carrier.websocket.abort()
        self._wait_until_empty(LAST_WORDS)

    def _wait_until_empty(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while (self._carriers or self._eio.sockets) and time.monotonic() < deadline:
            gevent.sleep(0.01)


def _refuse(start_response: StartResponse, status: str) -> Iterable[bytes]:
    start_response(status, [('Sec-WebSocket-Version', '13'), ('Content-Length', '0')])
    return ()
