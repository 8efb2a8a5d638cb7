"""How events and acknowledgements get from here to the clients: directly to their sockets, or the stock way.

Both work on objects with `eio_sid`, `namespace` and `sid`: connections of one client in one namespace.
"""
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol

from engineio import packet as engineio_packet
from socketio import packet as socketio_packet

from .. import jsonio
from .engineio_server import direct_connection, text_frame
from .frames import payload_of
from .recovery import History


class Addressee(Protocol):
    """A connection of one client in one namespace."""

    sid: str
    eio_sid: str
    namespace: str

    @property
    def kind(self) -> Hashable:
        """Connections of one kind get the same encoding of an event."""

    @property
    def has_offsets(self) -> bool:
        """Whether the client is given an offset with each event."""


class Wire(Protocol):
    """What the fan-out and the gateway need of either way.

    `history` has what was sent lately; None where no client can get it again.
    """

    history: History | None

    def acknowledge(self, connection: Addressee, ack_id: int | None, result: Mapping[str, Any]) -> None:
        """Answer an event; nothing happens where the client asked for no answer."""

    def send(self, connection: Addressee, name: str, payload: Any, is_kept: bool = False) -> None:
        """Send one event to one connection; the payload may hold bytes. One that is kept reaches it later if it is lost.

        What holds bytes is not kept.
        """

    def encode(self, namespace: str, name: str, payload_json: str, offset: str | None = None) -> Any:
        """An event with a payload given as JSON, for `deliver` to any connection in that namespace."""

    def deliver(self, batches: Mapping[Any, Sequence[Any]]) -> None:
        """Send to each connection the list of encoded events that `batches` has for it, in order and at once."""


class DirectWire:
    """Writes to the sockets themselves: an event as a frame that is made once for all who get it."""

    def __init__(self, server: Any, history: History | None = None) -> None:
        self._server, self.history = server, history

    def acknowledge(self, connection: Addressee, ack_id: int | None, result: Mapping[str, Any]) -> None:
        """Answer an event; nothing happens where the client asked for no answer."""
        if ack_id is not None:
            text = f'{_start(3, connection.namespace)}{ack_id}[{jsonio.dumps(result)}]'
            self.deliver({connection: [text_frame('4' + text)]})

    def send(self, connection: Addressee, name: str, payload: Any, is_kept: bool = False) -> None:
        """Send one event to one connection; the payload may hold bytes. One that is kept reaches it later if it is lost.

        What holds bytes is not kept.
        """
        history = self.history if connection.has_offsets else None
        offset = (history.next_offset if is_kept else history.offset) if history else None
        try:
            encoded = self.encode(connection.namespace, name, jsonio.dumps(payload), offset)
        except TypeError:  # bytes, which travel behind the JSON, in packets of their own
            data = payload if history is None else (payload, history.offset)
            self._server.emit(name, data, to=connection.sid, namespace=connection.namespace)
            return
        if history and is_kept:
            history.add(Only(connection.sid), {connection.kind: encoded})
        self.deliver({connection: [encoded]})

    def encode(self, namespace: str, name: str, payload_json: str, offset: str | None = None) -> bytes:
        """An event with a payload given as JSON, for `deliver` to any connection in that namespace: a frame."""
        return text_frame('4' + event_text(namespace, name, payload_json, offset))

    def deliver(self, batches: Mapping[Any, Sequence[bytes]]) -> None:
        """Send to each connection the list of encoded events that `batches` has for it, in order and at once."""
        sockets = self._server.eio.sockets
        for connection, events in batches.items():
            eio_socket = sockets.get(connection.eio_sid)
            if not events or eio_socket is None or eio_socket.closed:
                continue
            direct = direct_connection(eio_socket)
            if direct is not None:
                direct.write(events[0] if len(events) == 1 else b''.join(events))
            else:
                for event in events:
                    _enqueue(eio_socket, payload_of(event)[1:].decode())


def _enqueue(eio_socket: Any, text: str) -> None:
    """For a client that polls, or has not finished its upgrade."""
    eio_socket.send(engineio_packet.Packet(engineio_packet.MESSAGE, text))


class Only:
    """The Recipients of what is sent to one connection: that one."""

    __slots__ = ('_sid',)
    shared = None

    def __init__(self, sid: str) -> None:
        self._sid = sid

    def includes(self, recipient: Addressee) -> bool:
        """Whether it is that one."""
        return recipient.sid == self._sid


class StockWire:
    """The same by python-socketio's own means, for comparison and as a way back. There is no recovery on it."""

    history: History | None = None

    def __init__(self, server: Any) -> None:
        self._server = server

    def acknowledge(self, connection: Addressee, ack_id: int | None, result: Mapping[str, Any]) -> None:
        """As in Wire."""
        if ack_id is not None:
            self._server._send_packet(connection.eio_sid, self._server.packet_class(
                socketio_packet.ACK, namespace=connection.namespace, id=ack_id, data=[result]))

    def send(self, connection: Addressee, name: str, payload: Any, is_kept: bool = False) -> None:
        """As in Wire."""
        self._server.emit(name, payload, to=connection.sid, namespace=connection.namespace)

    def encode(self, namespace: str, name: str, payload_json: str, offset: str | None = None) -> Any:
        """As in Wire."""
        return name, jsonio.loads(payload_json)

    def deliver(self, batches: Mapping[Any, Sequence[Any]]) -> None:
        """As in Wire."""
        for connection, events in batches.items():
            for name, payload in events:
                self.send(connection, name, payload)


def event_text(namespace: str, name: str, payload_json: str, offset: str | None = None) -> str:
    """An EVENT packet of the Socket.IO protocol (revision 5): one argument, given as JSON, and the offset behind it."""
    end = ']' if offset is None else f',"{offset}"]'
    return f'{_start(2, namespace)}["{name}",{payload_json}{end}'


def _start(packet_type: int, namespace: str) -> str:
    return str(packet_type) if namespace == '/' else f'{packet_type}{namespace},'
