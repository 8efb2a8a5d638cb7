"""How events and acknowledgements get from here to the clients: directly to their sockets, or the stock way.

Both work on objects with `eio_sid`, `namespace` and `sid`: connections of one client in one namespace.
"""
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from engineio import packet as engineio_packet
from socketio import packet as socketio_packet

from .. import jsonio
from .engineio_server import direct_connection, text_frame


class Addressee(Protocol):
    """A connection of one client in one namespace."""

    sid: str
    eio_sid: str
    namespace: str


class Wire(Protocol):
    """What the fan-out and the gateway need of either way."""

    def acknowledge(self, connection: Addressee, ack_id: int | None, result: Mapping[str, Any]) -> None:
        """Answer an event; nothing happens where the client asked for no answer."""

    def send(self, connection: Addressee, name: str, payload: Any) -> None:
        """Send one event to one connection; the payload may hold bytes."""

    def encode(self, namespace: str, name: str, payload_json: str) -> Any:
        """An event with a payload given as JSON, for `deliver` to any connection in that namespace."""

    def deliver(self, batches: Mapping[Any, Sequence[Any]]) -> None:
        """Send to each connection the list of encoded events that `batches` has for it, in order and at once."""


class DirectWire:
    """Writes to the sockets themselves: an event as a frame that is made once for all who get it."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def acknowledge(self, connection: Addressee, ack_id: int | None, result: Mapping[str, Any]) -> None:
        """Answer an event; nothing happens where the client asked for no answer."""
        if ack_id is not None:
            self._write(connection.eio_sid, f'{_start(3, connection.namespace)}{ack_id}[{jsonio.dumps(result)}]')

    def send(self, connection: Addressee, name: str, payload: Any) -> None:
        """Send one event to one connection; the payload may hold bytes."""
        try:
            text = event_text(connection.namespace, name, jsonio.dumps(payload))
        except TypeError:  # bytes, which travel behind the JSON, in packets of their own
            self._server.emit(name, payload, to=connection.sid, namespace=connection.namespace)
        else:
            self._write(connection.eio_sid, text)

    def encode(self, namespace: str, name: str, payload_json: str) -> Any:
        """An event with a payload given as JSON, for `deliver` to any connection in that namespace."""
        text = event_text(namespace, name, payload_json)
        return text, text_frame('4' + text)

    def deliver(self, batches: Mapping[Any, Sequence[Any]]) -> None:
        """Send to each connection the list of encoded events that `batches` has for it, in order and at once."""
        sockets = self._server.eio.sockets
        for connection, events in batches.items():
            eio_socket = sockets.get(connection.eio_sid)
            if not events or eio_socket is None or eio_socket.closed:
                continue
            direct = direct_connection(eio_socket)
            if direct is not None:
                direct.write(events[0][1] if len(events) == 1 else b''.join([frame for _, frame in events]))
            else:
                for text, _ in events:
                    _enqueue(eio_socket, text)

    def _write(self, eio_sid: str, text: str) -> None:
        eio_socket = self._server.eio.sockets.get(eio_sid)
        if eio_socket is None or eio_socket.closed:
            return
        direct = direct_connection(eio_socket)
        if direct is None:
            _enqueue(eio_socket, text)
        else:
            direct.write(text_frame('4' + text))


def _enqueue(eio_socket: Any, text: str) -> None:
    """For a client that polls, or has not finished its upgrade."""
    eio_socket.send(engineio_packet.Packet(engineio_packet.MESSAGE, text))


class StockWire:
    """The same by python-socketio's own means, for comparison and as a way back."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def acknowledge(self, connection: Addressee, ack_id: int | None, result: Mapping[str, Any]) -> None:
        """As in Wire."""
        if ack_id is not None:
            self._server._send_packet(connection.eio_sid, self._server.packet_class(
                socketio_packet.ACK, namespace=connection.namespace, id=ack_id, data=[result]))

    def send(self, connection: Addressee, name: str, payload: Any) -> None:
        """As in Wire."""
        self._server.emit(name, payload, to=connection.sid, namespace=connection.namespace)

    def encode(self, namespace: str, name: str, payload_json: str) -> Any:
        """As in Wire."""
        return name, jsonio.loads(payload_json)

    def deliver(self, batches: Mapping[Any, Sequence[Any]]) -> None:
        """As in Wire."""
        for connection, events in batches.items():
            for name, payload in events:
                self.send(connection, name, payload)


def event_text(namespace: str, name: str, payload_json: str) -> str:
    """An EVENT packet of the Socket.IO protocol (revision 5) with one argument, given as JSON."""
    return f'{_start(2, namespace)}["{name}",{payload_json}]'


def _start(packet_type: int, namespace: str) -> str:
    return str(packet_type) if namespace == '/' else f'{packet_type}{namespace},'
