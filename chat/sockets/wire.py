"""How events and acknowledgements get from here to the clients: directly to their sockets, or the stock way.

Everything here that reaches into python-socketio's objects is pinned by requirements.txt and checked by
tests/sockets/test_seams.py.
"""
from engineio import packet as engineio_packet
from socketio import packet as socketio_packet

from .. import jsonio
from ..transport import direct_connection, text_frame

MAX_WAITING = 1000  # packets that may wait for a polling client; one that fetches none is closed


class DirectWire:
    """Encodes each event once for all who get it, and writes all of a batch to each recipient at once."""

    def __init__(self, server):
        self._server = server

    def acknowledge(self, connection, ack_id, result):
        """Answer an event; nothing happens where the client asked for no answer."""
        if ack_id is not None:
            self._write(connection.eio_sid, [f'{_start(3, connection.namespace)}{ack_id}[{jsonio.dumps(result)}]'])

    def send(self, connection, name, payload):
        """Send one event to one connection; the payload may hold bytes."""
        try:
            packet = encode(connection.namespace, name, jsonio.dumps(payload))
        except TypeError:  # bytes, which travel behind the JSON, in packets of their own
            self._server.emit(name, payload, to=connection.sid, namespace=connection.namespace)
        else:
            self._write(connection.eio_sid, [packet])

    def send_many(self, batches):
        """Send to each connection the list of (name, payload as JSON) that stands behind it, in order.

        `batches` holds pairs of a connection and its list; a (name, JSON) pair that is the same object for several
        connections is encoded once for them.
        """
        encoded = {}
        for connection, events in batches:
            eio_socket = self._server.eio.sockets.get(connection.eio_sid)
            if eio_socket is None or eio_socket.closed:
                continue
            direct = direct_connection(eio_socket)
            if direct is None:
                self._enqueue(eio_socket, [encode(connection.namespace, *event) for event in events])
                continue
            frames = []
            for event in events:
                key = id(event), connection.namespace
                frame = encoded.get(key)
                if frame is None:
                    frame = encoded[key] = text_frame('4' + encode(connection.namespace, *event))
                frames.append(frame)
            direct.write(b''.join(frames) if len(frames) > 1 else frames[0])

    def _write(self, eio_sid, texts):
        eio_socket = self._server.eio.sockets.get(eio_sid)
        if eio_socket is None or eio_socket.closed:
            return
        direct = direct_connection(eio_socket)
        if direct is None:
            self._enqueue(eio_socket, texts)
        else:
            direct.write(b''.join([text_frame('4' + text) for text in texts]))

    def _enqueue(self, eio_socket, texts):
        """A client that polls, or has not finished its upgrade."""
        for text in texts:
            eio_socket.send(engineio_packet.Packet(engineio_packet.MESSAGE, text))


class StockWire:
    """The same by python-socketio's own means, for comparison and as a way back."""

    def __init__(self, server):
        self._server = server

    def acknowledge(self, connection, ack_id, result):
        if ack_id is not None:
            self._server._send_packet(connection.eio_sid, self._server.packet_class(
                socketio_packet.ACK, namespace=connection.namespace, id=ack_id, data=[result]))

    def send(self, connection, name, payload):
        self._server.emit(name, payload, to=connection.sid, namespace=connection.namespace)

    def send_many(self, batches):
        for connection, events in batches:
            for name, payload in events:
                self.send(connection, name, jsonio.loads(payload))


def encode(namespace, name, payload_json):
    """An EVENT packet of the Socket.IO protocol (revision 5) with one argument, given as JSON."""
    return f'{_start(2, namespace)}["{name}",{payload_json}]'


def _start(packet_type, namespace):
    return str(packet_type) if namespace == '/' else f'{packet_type}{namespace},'
