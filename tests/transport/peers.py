"""The other side, byte by byte: a WebSocket client, a polling client, plain HTTP, and the server in a process."""
import base64
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

from chat.transport.frames import BINARY, CLOSE, FINAL, PING, PONG, TEXT, unmask

HERE = Path(__file__).parent
TIMEOUT = 15  # seconds; only a broken or a very busy machine comes near it


def client_frame(payload, opcode=TEXT, first=None, mask=b'\x12\x34\x56\x78'):
    """A frame as clients send it."""
    size = len(payload)
    first = FINAL | opcode if first is None else first
    if size < 126:
        header = struct.pack('!BB', first, 0x80 | size)
    elif size < 65536:
        header = struct.pack('!BBH', first, 0x80 | 126, size)
    else:
        header = struct.pack('!BBQ', first, 0x80 | 127, size)
    return header + mask + unmask(payload, mask)


def upgrade_request(path='/socket.io/?EIO=4&transport=websocket', extra=''):
    key = base64.b64encode(os.urandom(16)).decode()
    return (f'GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n'
            f'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{extra}\r\n').encode()


class Stream:
    """A connection with deadlines; `ended` tells that the server closed it."""

    def __init__(self, port, tls=None, receive_buffer=None):
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(TIMEOUT)
        try:
            self.sock.connect(('127.0.0.1', port))
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                self.sock = tls.wrap_socket(self.sock)
        except BaseException:
            self.sock.close()
            raise
        self.data = b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def read(self, size):
        """Exactly this many bytes; raises EOFError."""
        while len(self.data) < size:
            self._more()
        data, self.data = self.data[:size], self.data[size:]
        return data

    def read_until(self, end):
        while end not in self.data:
            self._more()
        data, _, self.data = self.data.partition(end)
        return data

    def _more(self):
        try:
            received = self.sock.recv(1 << 16)
        except (ConnectionError, ssl.SSLEOFError) as error:
            raise EOFError from error
        if not received:
            raise EOFError
        self.data += received

    def read_all(self):
        """Everything until the server closes."""
        try:
            while True:
                self._more()
        except EOFError:
            return self.data

    def response(self):
        """The next HTTP response: (status, headers, body)."""
        lines = self.read_until(b'\r\n\r\n').decode('latin-1').split('\r\n')
        headers = {name.lower(): value for name, value in (line.split(': ', 1) for line in lines[1:])}
        status = int(lines[0].split()[1])
        return status, headers, b'' if status == 101 else self.read(int(headers.get('content-length', 0)))


def http(port, method='GET', path='/', body=None, headers=(), tls=None):
    """One request on a connection of its own: (status, headers, body)."""
    with Stream(port, tls) as stream:
        lines = [f'{method} {path} HTTP/1.1', 'Host: 127.0.0.1', 'Connection: close', *headers]
        if body is not None:
            lines.append(f'Content-Length: {len(body)}')
        stream.send('\r\n'.join([*lines, '', '']).encode('latin-1') + (body or b''))
        return stream.response()


class WebSocketPeer(Stream):
    """A client that speaks Socket.IO over WebSocket."""

    def __init__(self, port, tls=None, extra='', query='', connect=True, **options):
        super().__init__(port, tls, **options)
        try:
            self.send(upgrade_request(f'/socket.io/?EIO=4&transport=websocket{query}', extra))
            self.status, self.headers, _ = self.response()
            if connect and self.status == 101:
                self.opened = json.loads(self.text()[1:])
                self.send_text('40')
                self.sid = json.loads(self.text()[2:])['sid']
        except BaseException:
            self.sock.close()
            raise

    def send_text(self, text):
        self.send(client_frame(text.encode()))

    def frame(self):
        """The next frame: (opcode, payload)."""
        first, size = self.read(2)
        assert size < 128, 'a server must not mask'
        assert first & FINAL and not first & 0x70
        if size == 126:
            size = int.from_bytes(self.read(2), 'big')
        elif size == 127:
            size = int.from_bytes(self.read(8), 'big')
        return first & 0x0F, self.read(size)

    def text(self, answer_pings=True):
        """The next text message that is no ping of Engine.IO."""
        while True:
            opcode, payload = self.frame()
            assert opcode == TEXT, (opcode, payload)
            if payload != b'2':
                return payload.decode()
            if answer_pings:
                self.send_text('3')

    def emit(self, event, *arguments, ack=None):
        self.send_text(event_packet(event, *arguments, ack=ack))

    def close_code(self):
        """Read on until the server closes; the code of its close frame, None if it sent none."""
        code = None
        try:
            while code is None:
                opcode, payload = self.frame()
                code = int.from_bytes(payload[:2], 'big') if opcode == CLOSE else None
            self.send(client_frame(payload, CLOSE))
        except (EOFError, OSError):
            pass
        return code

    def ping(self, payload=b'hello'):
        """A round trip of the protocol itself; returns the messages that came before its answer."""
        self.send(client_frame(payload, PING))
        messages = []
        while True:
            opcode, received = self.frame()
            if opcode == PONG:
                assert received == payload
                return messages
            messages.append(received if opcode == BINARY else received.decode())


class PollingPeer:
    """A client that speaks Socket.IO over HTTP."""

    def __init__(self, port):
        self.port, self.query = port, {'EIO': '4', 'transport': 'polling'}
        self.query['sid'] = self.eio_sid = json.loads(self.get()[2][1:])['sid']
        self.post('40')
        self.sid = json.loads(self.get()[2][2:])['sid']

    @property
    def path(self):
        return '/socket.io/?' + urlencode(self.query)

    def get(self):
        return http(self.port, 'GET', self.path)

    def post(self, *packets):
        return http(self.port, 'POST', self.path, '\x1e'.join(packets).encode())[0]

    def packets(self):
        """One poll's worth of packets without pings, which are answered."""
        status, _, body = self.get()
        assert status == 200, body
        packets = body.decode().split('\x1e')
        if '2' in packets:
            self.post('3')
        return [packet for packet in packets if packet != '2']


def event_packet(event, *arguments, ack=None):
    return f'42{"" if ack is None else ack}{json.dumps([event, *arguments], separators=(",", ":"))}'


class TinyServer:
    """tiny_server.py in a process of its own, under pywsgi or gunicorn."""

    def __init__(self, folder, gunicorn=False, tls=None, **settings):
        self.stock = settings.get('stock', False)
        self.tls, self._log = tls, folder / 'log'  # tls: the client's context
        with self._log.open('wb') as log:
            command = self._gunicorn_command() if gunicorn else [sys.executable, HERE / 'tiny_server.py']
            self.process = subprocess.Popen(
                command, cwd=HERE, stdout=subprocess.PIPE, stderr=log, pass_fds=self._inherited(),
                env=os.environ | {'TINY_SERVER': json.dumps(settings), 'PYTHONUNBUFFERED': '1'})
        if gunicorn:
            self._listener.close()
        else:
            self.port = int(self.process.stdout.readline() or self._failed())

    def _failed(self):
        self.close()
        raise AssertionError(self.log)

    def _gunicorn_command(self):
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port = self._listener.getsockname()[1]
        return [sys.executable, '-m', 'gunicorn', '--worker-class', 'tiny_server.Worker', '--bind',
                f'fd://{self._listener.fileno()}', '--graceful-timeout', '1', '--worker-tmp-dir', '/dev/shm',
                '--no-control-socket', 'tiny_server:app']

    def _inherited(self):
        return [self._listener.fileno()] if hasattr(self, '_listener') else []

    @property
    def log(self):
        return self._log.read_text()

    @property
    def counts(self):
        return json.loads(http(self.port, path='/counts', tls=self.tls)[2])

    def terminate(self):
        """SIGTERM; returns the seconds that it took."""
        begin = time.monotonic()
        self.process.terminate()
        self.process.wait(TIMEOUT)
        return time.monotonic() - begin

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
