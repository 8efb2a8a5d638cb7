"""HTTP byte by byte, for what no well-behaved client would send."""

import socket

from tests.support.ports import HOST
from tests.support.waiting import Deadline, TimedOut

_WITHOUT_BODY = (204, 304)


def raw_request(port, data, timeout=5, finish=False):
    """Sends `data` as it is on a new connection and returns the bytes of the first answer, head and body.

    What the server closed without an answer is b''. `finish` closes our direction after sending, as a client does
    that announced more bytes than it has. Raises TimedOut when no whole answer comes.
    """
    with _Exchange(port, timeout) as exchange:
        exchange.send(data)
        if finish:
            exchange.socket.shutdown(socket.SHUT_WR)
        return exchange.answer(is_head=data.startswith(b'HEAD '))


def raw_status(answer):
    """The status of an answer of `raw_request`."""
    return int(answer.split(b' ', 2)[1])


def raw_body(answer):
    """What stands after the head of an answer of `raw_request`; chunks are left as they are."""
    return answer.partition(b'\r\n\r\n')[2]


class _Exchange:
    def __init__(self, port, timeout):
        self.socket = socket.create_connection((HOST, port), timeout=timeout)
        self._deadline = Deadline(timeout)
        self._bytes = b''
        self._ended = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """Sends all of it, or as much as the server takes before it closes: it may refuse early."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def answer(self, is_head):
        """Head and body of the first answer that is not an interim one (1xx)."""
        while True:
            head = self._head()
            if head is None:
                return self._bytes
            status = raw_status(head)
            if is_head or status == 101 or status in _WITHOUT_BODY:
                return head
            if status >= 200:
                return self._with_body(head)
            self._bytes = self._bytes[len(head):]

    def _head(self):
        while b'\r\n\r\n' not in self._bytes:
            if not self._receive():
                return None
        return self._bytes[:self._bytes.index(b'\r\n\r\n') + 4]

    def _with_body(self, head):
        headers = _headers(head)
        if b'content-length' in headers:
            end = len(head) + int(headers[b'content-length'])
            while len(self._bytes) < end and self._receive():
                pass
            return self._bytes[:end]
        chunked = headers.get(b'transfer-encoding') == b'chunked'
        while not (chunked and self._bytes.endswith(b'\r\n0\r\n\r\n')) and self._receive():
            pass
        return self._bytes

    def _receive(self):
        """Reads a piece; False at the end of the stream."""
        if self._ended:
            return False
        self.socket.settimeout(max(self._deadline.remaining, 0.001))
        try:
            piece = self.socket.recv(65536)
        except TimeoutError:
            raise TimedOut(f'no whole answer in time; so far: {self._bytes[:2000]!r}') from None
        except ConnectionResetError:
            piece = b''
        self._ended = not piece
        self._bytes += piece
        return bool(piece)


def _headers(head):
    pairs = (line.partition(b':') for line in head.split(b'\r\n')[1:])
    return {name.strip().lower(): value.strip().lower() for name, _, value in pairs}
