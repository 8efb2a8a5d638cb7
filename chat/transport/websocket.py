"""The server's side of one WebSocket connection (RFC 6455) on a non-blocking socket.

Nothing in here waits. `receive()` takes what has arrived and returns the whole messages in it; `write()` hands frames
to the kernel and keeps, up to a limit, what it does not take. So whoever runs on the loop may write at any moment,
the hub included, and no frame is ever torn apart by another.
"""
import socket
import ssl
import struct
from collections.abc import Sequence
from typing import Any

import gevent

from .frames import (
    BAD_DATA,
    BINARY,
    CLOSE,
    CONTINUATION,
    CONTROL,
    FINAL,
    NORMAL,
    OPCODE,
    PING,
    PONG,
    PROTOCOL_ERROR,
    TEXT,
    ProtocolError,
    check_close,
    close_frame,
    frame,
    next_frame,
)
from .quiet import QuietLog

Message = str | bytes
CLOSE_TIMEOUT = 5  # seconds a peer has to answer our close frame
READ_SIZE = 1 << 14  # bytes taken from one client before the others have their turn
SEND_SIZE = 1 << 16  # bytes given to the kernel at once; TLS wants a refused piece again, and no shorter
SEND_BUFFER = 1 << 18  # bytes in the kernel for a client that does not read; by default they may grow to MiBs

READABLE, WRITABLE = 1, 2  # events of the loop's io watchers
NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
RESET_ON_CLOSE = struct.pack('ii', 1, 0)  # SO_LINGER: forget what was not delivered

slow_clients = QuietLog(__name__)
MUCH = 1 << 18  # bytes behind which a peer is made to read before it is read from


class WebSocket:
    """A connection after its handshake.

    `max_size`: bytes of one incoming message, all its fragments together.
    `max_backlog`: bytes kept for a peer that reads too slowly. One that needs more is dropped; a single larger write to
    a peer that kept up is not refused.
    `open` is True until either side begins to close; nothing is sent from then on.
    """

    __slots__ = ('sock', 'open', 'max_size', 'max_backlog', '_input', '_opcode', '_fragments', '_backlog', '_writable',
                 '_timer')

    def __init__(self, sock: Any, max_size: int, max_backlog: int) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.sock, self.open = sock, True
        self.max_size, self.max_backlog = max_size, max_backlog
        # the beginning of a frame whose rest has not arrived; None: nothing is understood any more
        self._input: bytes | bytearray | None = b''
        self._opcode: int | None = None  # of a fragmented message,
        self._fragments: bytes | bytearray = b''  # and what there is of it so far
        self._backlog: bytearray | None = None
        self._writable: Any = None
        self._timer: Any = None

    # ------------------------------------------------------------------ out

    def send(self, message: Message) -> None:
        """Send str as a text message, bytes as a binary one."""
        self.write(frame(message.encode()) if isinstance(message, str) else frame(message, BINARY))

    @property
    def is_behind(self) -> bool:
        """Whether the peer has much to fetch, so that it should not be heard before it has."""
        return self.open and self._backlog is not None and len(self._backlog) > MUCH

    def write(self, frames: bytes) -> None:
        """Send whole frames, in the order of the calls; what the kernel does not take now follows when it can.

        Never waits, never raises. A closed connection swallows them; a peer that is too far behind is dropped.
        """
        if not self.open:
            return
        if self._backlog is not None and len(self._backlog) + len(frames) > self.max_backlog:
            self._flush()  # the loop may not have come to it: perhaps the peer did read
        if self._backlog is None:
            sent = self._send(frames) if self.open else len(frames)
            if sent < len(frames) and self.open:
                self._keep(frames, sent)
        elif len(self._backlog) + len(frames) <= self.max_backlog:
            self._backlog += frames
        else:
            slow_clients.write('slow client dropped')
            self.abort()

    def _keep(self, frames: bytes, sent: int) -> None:
        """Keep what the kernel did not take, for when it can."""
        self._backlog = bytearray(memoryview(frames)[sent:])
        self._writable = gevent.get_hub().loop.io(self.sock.fileno(), WRITABLE)
        self._writable.start(self._flush)
        self._flush()

    def _send(self, data: bytes | bytearray) -> int:
        """Give the kernel a piece and return the bytes it took."""
        try:
            sent: int = self.sock.send(data if len(data) <= SEND_SIZE else bytes(data[:SEND_SIZE]))
            return sent
        except NOT_NOW:
            return 0
        except OSError:  # the peer is gone; what it sent before may still be there to be read
            self._forget_backlog()
            self._end_soon()
            return 0

    def _flush(self) -> None:
        """Send of the backlog what the kernel takes."""
        while (backlog := self._backlog) is not None and (sent := self._send(backlog)):
            del backlog[:sent]
            if not backlog:
                self._forget_backlog()
                if self._input is None:
                    self._end_sending()
                return

    def _forget_backlog(self) -> None:
        if self._writable is not None:
            self._writable.close()
        self._backlog = self._writable = None

    # ------------------------------------------------------------------ the end

    def close(self, code: int = NORMAL) -> None:
        """Begin to close (section 7.1.2): `receive()` tells of the end when the peer answers, or 5 s later."""
        self.write(close_frame(code))
        if self.open:
            self._end_soon()

    def _end_soon(self) -> None:
        """Send nothing more, and have the connection end within CLOSE_TIMEOUT, whatever the peer does."""
        self.open = False
        if self._timer is None:
            self._timer = gevent.get_hub().loop.timer(CLOSE_TIMEOUT)
            self._timer.start(self.abort)

    def abort(self) -> None:
        """Give the peer up, and what was kept for it; `receive()` tells of the end at once."""
        self.open, self._input = False, None
        self._forget_backlog()
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it is gone already

    def release(self) -> None:
        """Free the socket and everything on the loop. The last call."""
        self.open = False
        self._forget_backlog()
        if self._timer is not None:
            self._timer.close()
            self._timer = None
        self.sock.close()

    def _fail(self, code: int) -> None:
        """Tell the peer what it did and listen no more (section 7.1.7).

        The socket stays until the peer ends its side: closing it on unread bytes would reset the connection, and the
        close frame might never be seen.
        """
        self._input = None
        self._fragments = b''
        self.close(code)
        if self._backlog is None:
            self._end_sending()

    def _end_sending(self) -> None:
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it is gone already

    # ------------------------------------------------------------------ in

    def receive(self) -> tuple[Sequence[Message], bool]:
        """Return (messages, ended) from what has arrived, see `feed()`."""
        try:
            data = self.sock.recv(READ_SIZE)
        except NOT_NOW:
            return (), False
        except OSError:
            return (), True
        return self.feed(data) if data else ((), True)

    def feed(self, data: bytes | bytearray) -> tuple[Sequence[Message], bool]:
        """Return (messages, ended): the whole messages, str or bytes, in order, and whether the peer closed.

        Control frames are answered in here. A peer that breaks the protocol gets a close frame with 1002, 1007 or 1009
        and is heard no more; what came before it still counts.
        """
        messages: list[Message] = []
        position = 0
        if self._input is None:
            return messages, False
        if self._input:
            self._input += data
            data = self._input
        try:
            while (parsed := next_frame(data, position, self.max_size - len(self._fragments))) is not None:
                first, payload, position = parsed
                if first & CONTROL:
                    if self._control(first & OPCODE, payload):
                        return messages, True
                elif (message := self._data(first, payload)) is not None:
                    messages.append(message)
        except ProtocolError as error:
            self._fail(error.code)
        except UnicodeDecodeError:
            self._fail(BAD_DATA)
        else:
            if self._input is not None:  # None: dropped while it was answered
                self._keep_rest(data, position)
        return messages, False

    def _keep_rest(self, data: bytes | bytearray, position: int) -> None:
        if position == len(data):
            self._input = b''
        elif data is self._input and isinstance(data, bytearray):
            del data[:position]
        else:
            self._input = bytearray(memoryview(data)[position:])

    def _control(self, opcode: int, payload: bytes) -> bool:
        """Answer a control frame; True when the peer closes, which ends the connection (section 5.5)."""
        if opcode == CLOSE:
            check_close(payload)
            self.write(frame(payload[:2], CLOSE))
            self.open = False
        elif opcode == PING:
            self.write(frame(payload, PONG))
        return opcode == CLOSE

    def _data(self, first: int, payload: bytes) -> Message | None:
        """Return the message that this frame completes, or None (section 5.4)."""
        opcode = first & OPCODE
        if (opcode == CONTINUATION) != (self._opcode is not None):
            raise ProtocolError(PROTOCOL_ERROR, 'fragment out of place')
        if opcode != CONTINUATION:
            if first & FINAL:
                return payload.decode() if opcode == TEXT else payload
            self._opcode, self._fragments = opcode, bytearray()  # which grows without being copied each time
        self._fragments += payload
        if not first & FINAL:
            return None
        kind, message, self._opcode, self._fragments = self._opcode, self._fragments, None, b''
        return message.decode() if kind == TEXT else bytes(message)
