"""Where we reach into python-socketio's server: how its connections and events come to the gateway.

It is used with the transport of this package and with the stock one.
"""
import logging
import re
from typing import Any, Protocol

import socketio
from socketio import packet

from .. import jsonio
from ..errors import NotFound

log = logging.getLogger(__name__)
MAX_ATTACHMENTS = 10  # binary parts of one packet; the protocol sets no bound
EVENT = re.compile(rf'{packet.EVENT}(?:(/[^,?]*),)?([0-9]{{1,15}})?(?=\[)')  # an event up to its data


class Gateway(Protocol):
    """Where connections and their events go."""

    def session_opened(self, eio_sid: str, environ: dict[str, Any]) -> None:
        """There is a new Engine.IO session."""

    def session_closed(self, eio_sid: str) -> None:
        """It is gone."""

    def connect(self, namespace: str, sid: str, environ: dict[str, Any], auth: Any) -> None:
        """A client asks for a namespace. Raises ConnectionRefusedError."""

    def opened(self, sid: str) -> None:
        """The client was told that it is connected."""

    def disconnected(self, sid: str) -> None:
        """The client has gone, or was sent away."""

    def receive(self, eio_sid: str, namespace: str, data: Any, ack_id: int | None) -> None:
        """Handle one event of a client."""

    def malformed(self, eio_sid: str) -> None:
        """A packet of a client could not be read."""


class IndexedManager(socketio.Manager):  # type: ignore[misc]  # Socket.IO has no types
    """A manager whose clients leave in constant time; the stock one looks through everybody's rooms.

    Our connections enter no rooms but their own, since the fan-out finds recipients by membership.
    """

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
    """Hands connections to the gateway. Client events arrive by `take_events`, so that none can pose as `connect`."""

    def __init__(self, namespace: str, gateway: Gateway) -> None:
        super().__init__(namespace)
        self._gateway = gateway

    def trigger_event(self, event: str, *args: Any) -> None:
        """Pass on that a client comes or goes."""
        if event == 'connect':
            sid, environ, auth = args
            self._gateway.connect(self.namespace, sid, environ, auth)
        elif event == 'disconnect':
            self._gateway.disconnected(args[0])


def take_events(server: Any, gateway: Gateway) -> None:
    """Have the gateway receive every event with its acknowledgement id, and be told of packets that can't be read."""
    stock_connect = server._handle_connect

    def handle_connect(eio_sid: str, namespace: str | None, data: Any) -> None:
        if (namespace or '/') not in server.namespace_handlers:
            refuse_namespace(server, eio_sid, namespace)
            return
        stock_connect(eio_sid, namespace, data)
        sid = server.manager.sid_from_eio_sid(eio_sid, namespace or '/')
        if sid is not None:
            gateway.opened(sid)

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


def refuse_namespace(server: Any, eio_sid: str, namespace: str | None) -> None:
    """Tell a client by connect_error that there is no such namespace; the stock server's message can't be seen there."""
    error = NotFound(f'There is no such namespace: {(namespace or "/")[:100]}')
    server._send_packet(eio_sid, server.packet_class(
        packet.CONNECT_ERROR, data={'message': error.message, 'data': error.as_object()}, namespace=namespace))


def check_attachments(data: Any) -> None:
    """Refuse a packet that announces more binary parts than anybody needs: they are collected in memory."""
    if isinstance(data, str) and data[:1] in (str(packet.BINARY_EVENT), str(packet.BINARY_ACK)):
        count, dash, _ = data[1:].partition('-')
        if not (dash and count.isascii() and count.isdigit() and len(count) <= 2 and 0 < int(count) <= MAX_ATTACHMENTS):
            raise ValueError('too many attachments, or none')
