"""A WebSocket as the transport of an Engine.IO session: packets out, packets in, the upgrade from polling, the end."""
import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import gevent
from engineio import exceptions, packet

from ..loop import give_way
from .frames import BINARY, POLICY_VIOLATION, frame
from .greenlets import Workers
from .packets import MalformedPacket, decode_packet
from .session import BURST, NOOP, EngineSession
from .websocket import READABLE, Message, WebSocket

log = logging.getLogger(__name__)
Received = tuple[Iterable[Message], bool]  # whole messages, and whether the peer closed
MESSAGE = str(packet.MESSAGE)
workers = Workers()


class Register(Protocol):
    """Who knows of all carriers."""

    def opened(self, carrier: 'Carrier', is_upgrade: bool) -> None:
        """The carrier exists."""

    def carries(self, carrier: 'Carrier') -> None:
        """The carrier has its session."""

    def closed(self, carrier: 'Carrier') -> None:
        """The carrier's WebSocket is over."""


class Carrier:
    """Ties a session to its WebSocket and, once it carries the session, takes the place of the session's queue.

    A direct one carries its session from the start; one that is an upgrade, when its probe is through (see
    https://socket.io/docs/v4/engine-io-protocol/#upgrade). `response` are the bytes that accept the request.
    """

    __slots__ = ('session', 'websocket', '_transport', '_watcher', '_step')

    def __init__(self, transport: Register, session: EngineSession, websocket: WebSocket, response: bytes) -> None:
        self._transport, self.session, self.websocket = transport, session, websocket
        self._watcher = gevent.get_hub().loop.io(websocket.sock.fileno(), READABLE)
        self._step: Callable[[Message], None] | None = None  # what the next message of an upgrade must be
        transport.opened(self, is_upgrade=session.connected)
        if session.connected:
            session.upgrading, self._step = True, self._expect_probe
            websocket.write(response)
        else:
            session.connected = True
            self._take_over(response)

    # ------------------------------------------------------------------ out: the session's queue

    def put(self, pkt: Any) -> None:
        """Send a packet at once; None is the end."""
        if pkt is None:
            self.websocket.close()
        else:
            self.websocket.write(_packet_frame(pkt))

    def join(self) -> None:
        """Nothing to wait for: a packet is sent when it is put."""

    # ------------------------------------------------------------------ the upgrade

    def _expect_probe(self, message: Message) -> None:
        if message != '2probe':
            raise MalformedPacket('no probe')
        self.websocket.send('3probe')
        self.session.send(NOOP)  # answers the poll that waits
        self._step = self._expect_upgrade

    def _expect_upgrade(self, message: Message) -> None:
        if message != '5' or self.session.upgraded or self.session.closing or self.session.closed:
            raise MalformedPacket('no upgrade')
        self._step = None
        self._take_over()

    def _take_over(self, response: bytes = b'') -> None:
        """Carry the session from now on, beginning with what waited for it."""
        session = self.session
        waiting = [_packet_frame(pkt) for pkt in session.queue.take_waiting()]
        session.queue, session.upgraded, session.upgrading = self, True, False
        self.websocket.write(response + b''.join(waiting))
        self._transport.carries(self)

    # ------------------------------------------------------------------ in

    def start(self, early: bytes) -> None:
        """Begin with the bytes that came with the request, then read whenever some arrive, in a worker."""
        self._go_on(lambda: self.websocket.feed(early))

    def _on_readable(self) -> None:
        self._watcher.stop()  # one worker at a time, so that events keep their order
        workers.run(self._read)

    def _read(self) -> None:
        self._go_on(self.websocket.receive)

    def _go_on(self, receive: Callable[[], Received]) -> None:
        if self._handle(receive):
            self._watcher.start(self._on_readable)
        else:
            self._end()

    def serve(self, early: bytes) -> None:
        """Do all of that in this greenlet, until the connection ends."""
        hub, receive = gevent.get_hub(), self.websocket.receive
        try:
            alive = self._handle(lambda: self.websocket.feed(early))
            while alive:
                if self.websocket.sock.pending():  # TLS has decrypted it already, so it is not on the socket
                    give_way()
                else:
                    hub.wait(self._watcher)
                alive = self._handle(receive)
        finally:
            self._end()

    def _handle(self, receive: Callable[[], Received]) -> bool:
        """Handle what has arrived; False once the connection is over."""
        ended = False
        try:
            messages, ended = receive()
            for count, message in enumerate(messages, 1):
                if count % BURST == 0:
                    give_way()
                while self.websocket.is_behind:  # who does not read the answers is asked no further questions
                    gevent.sleep(0.02)
                (self._step or self._receive)(message)
        except exceptions.EngineIOError:
            self._refuse()  # unless the peer has closed already, it lives on until the peer answers our close frame
        except Exception:
            log.exception('transport')
            ended = True
        return not ended

    def _receive(self, message: Message) -> None:
        if type(message) is str and message.startswith(MESSAGE):  # nearly all of them
            self.session.receive_message(message[1:])
        else:
            self.session.receive(decode_packet(message))

    # ------------------------------------------------------------------ the end

    def _refuse(self) -> None:
        """The client broke Engine.IO's protocol: it is heard no more, but an upgrade's session goes on polling."""
        self._step = _ignore
        self.websocket.close(POLICY_VIOLATION)
        if self.session.queue is self:
            self.session.close(abort=True, reason=self.session.server.reason.TRANSPORT_ERROR)
        else:
            self.session.upgrading = False

    def _end(self) -> None:
        self._watcher.close()
        self.websocket.release()
        self._transport.closed(self)
        if self.session.queue is self:
            self.session.close(abort=True, reason=self.session.server.reason.TRANSPORT_CLOSE)
        else:
            self.session.upgrading = False  # the upgrade failed


def _ignore(message: Message) -> None:
    """What is read until the closing handshake is over."""


def _packet_frame(pkt: Any) -> bytes:
    """Encode without Packet.encode() where that is wrong: it may have cached base64 for another, polling recipient."""
    return frame(pkt.data, BINARY) if pkt.binary else frame(pkt.encode().encode())
