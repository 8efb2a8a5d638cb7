"""WebSocket and Engine.IO byte by byte, for the packets that no well-behaved client sends."""

import base64
import hashlib
import json
import os
import socket
import struct
from collections import deque, namedtuple

from tests.support.ports import HOST
from tests.support.waiting import Deadline, TimedOut

PATH = '/socket.io/?EIO=4&transport=websocket'
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

Frame = namedtuple('Frame', 'fin opcode payload')
"""One frame as it came."""


class Closed(AssertionError):
    """The server has closed; `code` is that of its close frame, None when it sent none."""

    def __init__(self, code):
        super().__init__(f'closed by the server, code {code}')
        self.code = code


class Refused(AssertionError):
    """The server did not upgrade to WebSocket; `status` and `head` are its answer."""

    def __init__(self, head):
        super().__init__(f'no upgrade: {head[:500]!r}')
        self.head = head
        self.status = int(head.split(b' ', 2)[1]) if head.startswith(b'HTTP/') else None


class RawSocket:
    """A WebSocket to the Engine.IO endpoint, after the handshake and with nothing read yet.

    The first message to `receive` is Engine.IO's open packet. `connect` goes on to a namespace of Socket.IO.
    """

    def __init__(self, port, token=None, headers=None, path=PATH, timeout=5):
        self.timeout = timeout
        self.close_code = None
        self._ended = False
        self._bytes = b''
        self._inbox = deque()
        self._message = None
        self._said_goodbye = False
        self._socket = socket.create_connection((HOST, port), timeout=timeout)
        try:
            self._handshake(port, token, headers or {}, path)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def connect(self, namespace='/', auth=None):
        """Connects to a namespace; returns the server's packet, '40…' when connected and '44…' when refused.

        What comes before that packet, but Engine.IO's open, stays to be received.
        """
        prefix = '' if namespace == '/' else f'{namespace},'
        self.send_text(f'40{prefix}' + ('' if auth is None else json.dumps(auth)))
        answers = tuple(f'{kind}{prefix}' for kind in (40, 44))
        before = []
        while not (packet := self.receive()).startswith(answers):
            before.append(packet)
        self._inbox.extend(message for message in before if not message.startswith('0'))
        return packet

    def send_text(self, text):
        """Sends one masked text frame; a str, or bytes that need not be UTF-8."""
        self.send_frame(TEXT, text.encode('utf-8', 'surrogatepass') if isinstance(text, str) else text)

    def send_frame(self, opcode, payload=b'', fin=True, mask=True, reserved=0, length=None):
        """Sends one frame. `length` is what its header claims, where that is not the truth."""
        self._said_goodbye = self._said_goodbye or opcode == CLOSE
        self.send_bytes(frame(opcode, payload, fin, mask, reserved, length))

    def send_bytes(self, data):
        """Sends bytes as they are. What the server no longer takes, because it has closed, is lost."""
        try:
            self._socket.settimeout(self.timeout)
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def receive(self, timeout=None):
        """The next whole message, str or bytes; raises Closed or TimedOut.

        On the way it answers what a client must answer: pings of both kinds, and a close frame.
        """
        if self._inbox:
            return self._inbox.popleft()
        deadline = Deadline(self.timeout if timeout is None else timeout)
        while True:
            message = self._take(self.receive_frame(deadline.remaining))
            if message == '2':
                self.send_text('3')
            elif message is not None:
                return message

    def receive_frame(self, timeout=None):
        """The next frame, whatever it is: Frame(fin, opcode, payload). Raises Closed or TimedOut."""
        deadline = Deadline(self.timeout if timeout is None else timeout)
        while (found := parse_frame(self._bytes)) is None:
            if self._ended:
                raise Closed(self.close_code)
            self._read(deadline.remaining)
        received, size = found
        self._bytes = self._bytes[size:]
        if received.opcode == CLOSE:
            self.close_code = struct.unpack('!H', received.payload[:2])[0] if len(received.payload) > 1 else 1005
        return received

    def wait_closed(self, timeout=None):
        """Reads until the server has ended the TCP connection; returns the code of its close frame or None."""
        deadline = Deadline(self.timeout if timeout is None else timeout)
        try:
            while True:
                self._take(self.receive_frame(deadline.remaining))
        except Closed as closed:
            return closed.code

    @property
    def closed(self):
        """Whether the server has ended the connection by now; nothing that waits to be received is lost."""
        while not self._ended:
            try:
                self._read(0)
            except TimedOut:
                break
        return self._ended

    def close(self):
        """Closes our end without a goodbye."""
        self._socket.close()

    def _handshake(self, port, token, headers, path):
        key = base64.b64encode(os.urandom(16)).decode()
        sent = {
            'Host': f'{HOST}:{port}', 'Connection': 'Upgrade', 'Upgrade': 'websocket',
            'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': key,
        }
        if token is not None:
            sent['Authorization'] = f'Bearer {token}'
        sent.update(headers)
        lines = [f'GET {path} HTTP/1.1', *(f'{name}: {value}' for name, value in sent.items() if value is not None)]
        self._socket.sendall('\r\n'.join([*lines, '', '']).encode())
        while b'\r\n\r\n' not in self._bytes and not self._ended:
            self._read(self.timeout)
        head, _, self._bytes = self._bytes.partition(b'\r\n\r\n')
        accept = base64.b64encode(hashlib.sha1((sent['Sec-WebSocket-Key'] or '').encode() + _GUID.encode()).digest())
        if b' 101 ' not in head.split(b'\r\n')[0] or accept not in head:
            raise Refused(head)

    def _take(self, received):
        """Adds a frame to the message under way; returns the message when it is whole."""
        if received.opcode == PING:
            self.send_frame(PONG, received.payload)
        if received.opcode == CLOSE and not self._said_goodbye:
            self.send_frame(CLOSE, received.payload)
        if received.opcode >= CLOSE:
            return None
        if received.opcode != CONTINUATION:
            self._message = (received.opcode, b'')
        assert self._message is not None, f'a continuation of nothing: {received}'
        opcode, so_far = self._message
        self._message = (opcode, so_far + received.payload)
        if not received.fin:
            return None
        payload, self._message = self._message[1], None
        return payload.decode() if opcode == TEXT else payload

    def _read(self, timeout):
        self._socket.settimeout(timeout)
        try:
            piece = self._socket.recv(65536)
        except (TimeoutError, BlockingIOError):
            raise TimedOut(f'nothing more from the server in time; unread: {self._bytes[:200]!r}') from None
        except ConnectionResetError:
            piece = b''
        self._ended = not piece
        self._bytes += piece


def frame(opcode, payload=b'', fin=True, mask=True, reserved=0, length=None):
    """The bytes of one WebSocket frame (RFC 6455, section 5.2), right or wrong as the arguments are."""
    length = len(payload) if length is None else length
    masked = 0x80 if mask else 0
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    if length < 126:
        head += bytes([masked | length])
    elif length < 1 << 16:
        head += bytes([masked | 126]) + struct.pack('!H', length)
    else:
        head += bytes([masked | 127]) + struct.pack('!Q', length)
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))


def parse_frame(data):
    """(Frame, its size) at the start of `data`, or None while it is not whole. Servers don't mask."""
    if len(data) < 2:
        return None
    length, start = data[1] & 0x7F, 2
    if length >= 126:
        form, start = ('!H', 4) if length == 126 else ('!Q', 10)
        if len(data) < start:
            return None
        length = struct.unpack(form, data[2:start])[0]
    if len(data) < start + length:
        return None
    return Frame(bool(data[0] & 0x80), data[0] & 0x0F, data[start:start + length]), start + length
