"""Where we reach into python-socketio's server: how its connections and events come to the gateway.

It is used with the transport of this package and with the stock one.
"""
import logging
import re
from typing import Any, NotRequired, Protocol

import socketio
from engineio import Server as EngineServer
from socketio import packet
from typing_extensions import TypedDict

from .. import jsonio
from ..errors import NotFound

log = logging.getLogger(__name__)
MAX_ATTACHMENTS = 10  # binary parts of one packet; the protocol sets no bound
EVENT = re.compile(rf'{packet.EVENT}(?:(/[^,?]*),)?([0-9]{{1,15}})?(?=\[)')  # an event up to its data

REASON = EngineServer.reason
LOST = {REASON.TRANSPORT_CLOSE, REASON.TRANSPORT_ERROR, REASON.PING_TIMEOUT}


class Welcome(TypedDict):
    """What a client is told when it is connected: its id and, where its state can be recovered, its private one."""

    sid: str
    pid: NotRequired[str]


class Gateway(Protocol):
    """Where connections and their events go."""

    def session_opened(self, eio_sid: str, environ: dict[str, Any]) -> None:
        """There is a new Engine.IO session."""

    def session_closed(self, eio_sid: str) -> None:
        """It is gone."""

    def connect(self, namespace: str, sid: str, environ: dict[str, Any], auth: Any) -> Welcome:
        """A client asks for a namespace. Its id is the one in the Welcome. Raises ConnectionRefusedError."""

    def opened(self, sid: str) -> None:
        """The client was told that it is connected."""

    def disconnected(self, sid: str, is_lost: bool = False) -> None:
        """The client has gone, or was sent away; or its line is lost, and it may come back."""

    def receive(self, eio_sid: str, namespace: str, data: Any, ack_id: int | None) -> None:
        """Handle one event of a client."""

    def malformed(self, eio_sid: str) -> None:
        """A packet of a client could not be read."""


class IndexedManager(socketio.Manager):  # type: ignore[misc]  # Socket.IO has no types
    """A manager whose clients leave in constant time; the stock one looks through everybody's rooms.

    Our connections enter no rooms but their own, since the fan-out finds recipients by membership.
    """

    def rename(self, sid: str, new: str, namespace: str) -> None:
        """Give a connection that is not complete yet another id."""
        eio_sid = self.eio_sid_from_sid(sid, namespace)
        self.basic_disconnect(sid, namespace)
        for room in (None, new):
            self.basic_enter_room(new, namespace, room, eio_sid=eio_sid)
        self.pending_connect.setdefault(namespace, []).append(new)

    def basic_disconnect(self, sid: str, namespace: str, **kwargs: Any) -> None:
        """Forget a connection."""
        for room in (sid, None):
            self.basic_leave_room(sid, namespace, room)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            if sid in pending.get(namespace, ()):
                pending[namespace].remove(sid)
                if not pending[namespace]:
                    del pending[namespace]


class Namespace(socketio.Namespace):  # type: ignore[misc]  # Socket.IO has no types
    """Tells the gateway who has gone. All else arrives by `take_events`, so that no client's event can pose as `connect`."""

    def __init__(self, namespace: str, gateway: Gateway) -> None:
        super().__init__(namespace)
        self._gateway = gateway

    def trigger_event(self, event: str, *args: Any) -> None:
        """Pass on that a client goes."""
        if event == 'disconnect':
            sid, reason = args
            self._gateway.disconnected(sid, reason in LOST)


def take_events(server: Any, gateway: Gateway) -> None:
    """Have the gateway receive connections, every event with its acknowledgement id, and packets that can't be read."""

    def handle_connect(eio_sid: str, namespace: str | None, data: Any) -> None:
        if (namespace or '/') in server.namespace_handlers:
            connect(server, gateway, eio_sid, namespace or '/', data)
        else:
            refuse_namespace(server, eio_sid, namespace)

    def handle_event(eio_sid: str, namespace: str | None, ack_id: int | None, data: Any) -> None:
        gateway.receive(eio_sid, namespace or '/', data, ack_id)

    def handle_message(eio_sid: str, data: Any) -> None:
        try:
            event = EVENT.match(data) if type(data) is str and eio_sid not in server._binary_packet else None
            if event:  # as the stock decoder would read it, in a third of the time
                namespace, ack_id = event.groups()
                handle_event(eio_sid, namespace, int(ack_id) if ack_id else None, jsonio.loads(data[event.end():]))
                return
            check_attachments(data)
            server._handle_eio_message(eio_sid, data)
        except Exception as error:
            log.debug('a packet could not be read: %r', error)
            server._binary_packet.pop(eio_sid, None)
            gateway.malformed(eio_sid)

    def handle_close(eio_sid: str, reason: Any) -> None:
        if reason == REASON.CLIENT_DISCONNECT:  # of the transport, by Engine.IO's packet: Socket.IO's own said nothing
            reason = REASON.TRANSPORT_CLOSE
        server._handle_eio_disconnect(eio_sid, reason)
        server._binary_packet.pop(eio_sid, None)
        gateway.session_closed(eio_sid)

    def handle_open(eio_sid: str, environ: dict[str, Any]) -> Any:
        gateway.session_opened(eio_sid, environ)
        return server._handle_eio_connect(eio_sid, environ)

    server._handle_connect, server._handle_event = handle_connect, handle_event
    server.eio.on('connect', handle_open)
    server.eio.on('message', handle_message)
    server.eio.on('disconnect', handle_close)


def connect(server: Any, gateway: Gateway, eio_sid: str, namespace: str, auth: Any) -> None:
    """Take a client into a namespace, as the stock server does, but for the id and the answer, which the gateway decides."""
    manager = server.manager
    sid = manager.pre_connect(eio_sid, namespace)
    if sid is None:
        answer(server, eio_sid, namespace, packet.CONNECT_ERROR, {'message': 'This namespace is connected already'})
        return
    try:
        welcome = gateway.connect(namespace, sid, server.environ[eio_sid], auth)
    except socketio.exceptions.ConnectionRefusedError as refused:
        answer(server, eio_sid, namespace, packet.CONNECT_ERROR, refused.error_args)
        manager.disconnect(sid, namespace, ignore_queue=True)
        return
    if welcome['sid'] != sid:
        manager.rename(sid, welcome['sid'], namespace)
        sid = welcome['sid']
    manager.connect(sid, namespace)
    if eio_sid in server.environ:
        answer(server, eio_sid, namespace, packet.CONNECT, welcome)
        gateway.opened(sid)
    else:  # it went while it was looked at, and nobody has been told of it
        gateway.disconnected(sid, is_lost=True)
        manager.disconnect(sid, namespace, ignore_queue=True)


def answer(server: Any, eio_sid: str, namespace: str | None, packet_type: int, data: Any) -> None:
    """Answer a client's wish to connect."""
    server._send_packet(eio_sid, server.packet_class(packet_type, data=data, namespace=namespace))


def cut(server: Any, eio_sid: str) -> None:
    """End a session whose client has come back on another line; its connections count as lost."""
    eio_socket = server.eio.sockets.get(eio_sid)
    if eio_socket is not None:
        eio_socket.close(abort=True, reason=REASON.TRANSPORT_ERROR)


def refuse_namespace(server: Any, eio_sid: str, namespace: str | None) -> None:
    """Tell a client by connect_error that there is no such namespace; the stock server's message can't be seen there."""
    error = NotFound(f'There is no such namespace: {(namespace or "/")[:100]}')
    answer(server, eio_sid, namespace, packet.CONNECT_ERROR, {'message': error.message, 'data': error.as_object()})


def check_attachments(data: Any) -> None:
    """Refuse a packet that announces more binary parts than anybody needs: they are collected in memory."""
    if isinstance(data, str) and data[:1] in (str(packet.BINARY_EVENT), str(packet.BINARY_ACK)):
        count, dash, _ = data[1:].partition('-')
        if not (dash and count.isascii() and count.isdigit() and len(count) <= 2 and 0 < int(count) <= MAX_ATTACHMENTS):
            raise ValueError('too many attachments, or none')
