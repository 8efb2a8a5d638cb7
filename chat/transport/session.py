"""Engine.IO's sockets, taught to end: bounded queues, shared pings, no tracebacks for what clients send."""
import sys
from typing import Any

import gevent
from engineio import exceptions, packet
from engineio.socket import Socket
from gevent.event import Event

from ..loop import give_way
from .greenlets import Pinger
from .packets import MalformedPacket, decode_packet
from .websocket import slow_clients

BURST = 8  # messages of one client handled before the others have their turn
PACKET_OVERHEAD = 256  # bytes that a waiting packet costs beside its data

PING = packet.Packet(packet.PING)
NOOP = packet.Packet(packet.NOOP)
CLOSE = packet.Packet(packet.CLOSE)


class QueueFull(Exception):
    """The client fetches its packets too slowly, or not at all."""


class PollQueue:
    """The packets that wait for a polling client, of at most `max_backlog` bytes; None among them is the end.

    It stands in for the `queue` of an Engine.IO socket, which calls put() and join().
    """

    def __init__(self, max_backlog: int) -> None:
        self._max_backlog = max_backlog
        self._packets: list[Any] = []
        self._size, self._ended = 0, False
        self._arrived = Event()

    def put(self, pkt: Any) -> None:
        """Add a packet; raises QueueFull, once, when it does not fit, and forgets everything then."""
        if self._ended:
            return
        if pkt is None:
            self._ended = True
        else:
            self._size += PACKET_OVERHEAD + sys.getsizeof(pkt.data)
            self._packets.append(pkt)
        full = self._size > self._max_backlog
        if full:
            self._packets, self._ended = [], True
        self._arrived.set()
        if full:
            raise QueueFull

    def join(self) -> None:
        """Engine.IO would wait here until a client that may never come has fetched everything. Nobody waits."""

    def take(self, timeout: float) -> list[Any]:
        """Return all packets, waiting up to `timeout` seconds for the first; raises engineio's QueueEmpty.

        At the end, that is a close packet. A second poll of the same client gets a noop.
        """
        if not self._packets and not self._ended:
            self._arrived.clear()
            if not self._arrived.wait(timeout):
                raise exceptions.QueueEmpty()
        return self.take_waiting() or [CLOSE if self._ended else NOOP]

    def take_waiting(self) -> list[Any]:
        """Return the packets that are there now, and make room."""
        packets, self._packets, self._size = self._packets, [], 0
        return packets


class EngineSession(Socket):  # type: ignore[misc]  # Engine.IO has no types
    """An Engine.IO socket on this transport, made out of a stock one when its client connects.

    What the stock one does and this one does not: keep a greenlet for each ping, look for dead clients in turns, wait
    for a queue to be emptied, stay in the server's table after its end, log a traceback for a malformed packet, and
    drop a polling body of more than 16 packets.
    """

    @classmethod
    def adopt(cls, eio_socket: Any, pinger: Pinger) -> None:
        """Turn a new stock socket into one of these."""
        eio_socket.__class__ = cls
        eio_socket.pinger = pinger

    # ------------------------------------------------------------------ out

    def send(self, pkt: Any) -> None:
        """Queue a packet; a client that leaves too many unfetched is dropped. Raises SocketIsClosedError."""
        if self.closed:
            raise exceptions.SocketIsClosedError()
        try:
            self.queue.put(pkt)
        except QueueFull:
            slow_clients.write('slow client dropped')
            self.close_soon(abort=True, reason=self.server.reason.TRANSPORT_ERROR)

    def poll(self) -> list[Any]:
        """Return the packets for a polling client, waiting for the first; raises QueueEmpty after a while."""
        queue: PollQueue = self.queue
        return queue.take(self.server.ping_interval + self.server.ping_timeout)

    # ------------------------------------------------------------------ in

    def handle_post_request(self, environ: dict[str, Any]) -> None:
        """Receive the packets of a polling client's POST; what breaks the protocol closes it and raises."""
        try:
            body = self._read_body(environ)
            for count, encoded in enumerate(body.split('\x1e') if body else (), 1):
                if count % BURST == 0:
                    give_way()
                self.receive(decode_packet(encoded))
        except exceptions.EngineIOError:
            self.close(abort=True, reason=self.server.reason.TRANSPORT_ERROR)
            raise

    def _read_body(self, environ: dict[str, Any]) -> str:
        limit = self.server.max_http_buffer_size
        if int(environ.get('CONTENT_LENGTH') or 0) > limit:
            raise exceptions.ContentTooLongError()
        if not environ.get('wsgi.input_terminated'):  # pywsgi hands out the bare connection: reading might never end
            raise MalformedPacket('upgrade with a body')
        try:
            body: bytes = environ['wsgi.input'].read(limit + 1)
            if len(body) > limit:
                raise exceptions.ContentTooLongError()
            return body.decode()
        except (OSError, UnicodeDecodeError):
            raise MalformedPacket('body is incomplete or not UTF-8') from None

    def receive(self, pkt: Any) -> None:
        """Handle one packet of the client; after the end there are none. Raises UnknownPacketError."""
        if pkt.packet_type == packet.MESSAGE:
            self.receive_message(pkt.data)
        elif not self.closing and not self.closed:
            super().receive(pkt)

    def receive_message(self, data: str | bytes) -> None:
        """Handle the data of one message; what the handler raises is logged, as Engine.IO does."""
        if not self.closing and not self.closed:
            try:
                self.server.handlers['message'](self.sid, data)
            except Exception:
                self.server.logger.exception('message handler error')

    # ------------------------------------------------------------------ pings

    def schedule_ping(self) -> None:
        """The client is there: it is pinged in one interval."""
        if not self.closing and not self.closed:
            self.pinger.schedule(self)

    def check_ping_timeout(self) -> bool:
        """Whether the client still answers; the pinger closes those that do not."""
        return not self.closed

    def ping(self) -> None:
        """Called by the pinger."""
        if not self.closing and not self.closed:
            self.send(PING)

    def ping_timed_out(self) -> None:
        """Called by the pinger."""
        self.close_soon(abort=False, reason=self.server.reason.PING_TIMEOUT)

    # ------------------------------------------------------------------ the end

    def close(self, wait: bool = True, abort: bool = False, reason: Any = None) -> None:
        """Close the session and leave nothing of it behind. Its `disconnect` handlers run in here and may wait.

        Its packets go out if the client fetches them; whatever `wait` says, nobody waits for that.
        """
        if self.closing or self.closed:
            return
        self.pinger.discard(self)
        super().close(wait=False, abort=abort, reason=reason)
        self.server.sockets.pop(self.sid, None)

    def close_soon(self, abort: bool, reason: Any) -> None:
        """Close in a greenlet of its own, for callers that must not wait."""
        gevent.spawn(self.close, abort=abort, reason=reason)
