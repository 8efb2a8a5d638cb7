"""pywsgi's side: requests whose socket can be taken over, the `access_token` header, quiet refusals, less work."""
import errno
import logging
import re
import ssl
import sys
from collections.abc import Iterator
from typing import Any, cast

import gevent
import gevent.ssl
from gevent import pywsgi
from gevent.monkey import get_original

from ..loop import give_way
from .headers import Headers
from .quiet import QuietLog

WSGIHandler: Any = pywsgi.WSGIHandler  # whose types leave out most of what is used here
WSGIServer: Any = pywsgi.WSGIServer
NO_LOG: Any = vars(pywsgi)['_NoopLog']
IDLE_TIMEOUT = 75  # seconds between two requests, or between two parts of a header; longer than nginx keeps its own
STALL_TIMEOUT = 60  # seconds in which a client must send, or take, some part of a body
MAX_DISCARDED = 1 << 26  # bytes of a refused body that are read over: most clients read no answer before they are done
DISCARD_TIMEOUT = 20  # seconds for that
PIECE = 1 << 16
BURST = 16  # pieces read, or requests of one connection answered, before the others have their turn
SHORT = 1 << 16  # bytes of a body that is sent together with its headers
TLS_TIMEOUT = 10  # seconds for a TLS handshake
Environ = dict[str, Any]  # of a WSGI request
TAKE_SOCKET = 'chat.take_socket'  # the name of the handler's offer in the WSGI environment


def _refusal(status: str, code: str, message: str) -> bytes:
    """An answer of the server itself, to what can't be read as far as the application."""
    body = f'{{"code":"{code}","message":"{message}"}}'
    return (f'HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\n'
            f'Content-Length: {len(body)}\r\n\r\n{body}').encode()


REFUSALS = {
    '400': _refusal('400 Bad Request', 'bad_request', 'This is no HTTP request that can be read'),
    '414': _refusal('414 URI Too Long', 'too_large', 'The address is too long'),
}
_PlainSocket = get_original('socket', 'socket')
_SIGNATURE = re.compile(r'(signature=)[^&\s\'"]*')
_GONE = (errno.ETIMEDOUT, errno.ENOTCONN, errno.EBADF, errno.ESHUTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH)
_KEPT = frozenset((
    'REQUEST_METHOD', 'SCRIPT_NAME', 'PATH_INFO', 'QUERY_STRING', 'SERVER_NAME', 'SERVER_PORT', 'SERVER_PROTOCOL',
    'REMOTE_ADDR', 'REMOTE_PORT', 'wsgi.url_scheme', 'flask.app',
))
_NOT_KEPT = frozenset((
    'HTTP_COOKIE', 'HTTP_CONNECTION', 'HTTP_UPGRADE', 'HTTP_SEC_WEBSOCKET_KEY', 'HTTP_SEC_WEBSOCKET_VERSION',
    'HTTP_SEC_WEBSOCKET_EXTENSIONS',
))

bad_requests = QuietLog(__name__, logging.INFO)


class ChatHandler(WSGIHandler):  # type: ignore[misc]
    """pywsgi's request handler with some changes; works in a pywsgi server and as a gunicorn worker's `wsgi_handler`.

    - The application can take the socket of an upgrade request over, by `environ[TAKE_SOCKET]`: see `take_socket()`.
    - The header `access_token` reaches the application as HTTP_ACCESS_TOKEN, the first one if there are several. All
      other names with an underscore are dropped, as pywsgi does, because they would pass for the names with a hyphen
      that a proxy sets and vouches for; and `Access-Token` with a hyphen does not pass for `access_token`.
    - What clients do wrong is answered or hung up on without a traceback, with at most one log line a second.
    - Headers are read strictly. A short answer is one system call, and no line is made for a log that nobody keeps.
    """

    MessageClass = Headers
    active = 0  # requests that are being answered, in all servers of this process
    socket: Any  # the client's; None once it was taken over
    code: int    # the status of the answer
    ignored_socket_errors = WSGIHandler.ignored_socket_errors + _GONE

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._answered = 0  # requests of this connection

    def handle(self) -> None:
        """Serve the requests of one connection."""
        try:
            super().handle()
        except OSError:
            pass  # the client left before it could be told what was wrong with its request

    def handle_one_request(self) -> Any:
        """Serve one request: True to go on, None to end, or the bytes of an answer before the end."""
        result = super().handle_one_request()
        return result if result is None or result is True else (result[0], REFUSALS[result[0]])

    def read_requestline(self) -> Any:
        """Read the request line, within IDLE_TIMEOUT."""
        self.socket.settimeout(IDLE_TIMEOUT)
        return super().read_requestline()

    def read_request(self, raw_requestline: Any) -> Any:
        """Read and check the headers; then each read of the body and each write of the answer has STALL_TIMEOUT."""
        proper = super().read_request(raw_requestline)
        self.socket.settimeout(STALL_TIMEOUT)
        return proper

    def run_application(self) -> None:
        """Answer the request, then get rid of what is left of its body."""
        self._answered += 1
        if self._answered % BURST == 0:
            give_way()  # a client whose next request is always there already is not the only one
        ChatHandler.active += 1
        try:
            super().run_application()
        finally:
            ChatHandler.active -= 1
            self._discard_body()

    def _discard_body(self) -> None:
        """Read over what is left of the body, so that the client sees the answer; hang up on one without an end."""
        body = self.wsgi_input
        if body.position >= (body.content_length or 0) and not body.chunked_input:
            return
        body.send_100_continue_enabled = False
        is_over = False
        with gevent.Timeout(DISCARD_TIMEOUT, cast(Any, False)):  # which ends the block, and is no error
            is_over = _read_over(body)
        if not is_over:
            self.close_connection = True
            body._chunked_input_error = True  # pywsgi's sign that there is nothing to read

    def _connection_upgrade_requested(self) -> bool:
        """Whether the body is left to the application: WebSockets only, since proxies say `Connection: upgrade` always."""
        wanted: str = self.headers.get('Upgrade', '')
        return self.command == 'GET' and wanted.strip().lower() == 'websocket'

    def get_environ(self) -> Environ:
        """Return the WSGI environment of this request."""
        environ: Environ = super().get_environ()
        environ.pop('HTTP_ACCESS_TOKEN', None)  # from `Access-Token`
        token = self.headers.get('access_token')  # finds any letter case, and the first of several
        if token is not None:
            environ['HTTP_ACCESS_TOKEN'] = token.strip()
        if 'HTTP_UPGRADE' in environ:
            environ[TAKE_SOCKET] = self.take_socket
        return environ

    # ------------------------------------------------------------------ the socket

    def take_socket(self, response_length: int) -> tuple[Any, bytes, bool]:
        """Give the connection to the application: (non-blocking socket, bytes already read from it, detached).

        The caller sends the whole response, of `response_length` bytes, itself, and then closes the socket at its time.
        If `detached`, the request may return at once; otherwise (TLS, whose state does not fit into a descriptor) it
        must last as long as the connection.
        """
        self.close_connection = True
        self.status, self.response_length, self.headers_sent = '101 Switching Protocols', response_length, True
        self.socket.setblocking(False)
        early = self._early_bytes()
        if isinstance(self.socket, gevent.ssl.SSLSocket):
            return self.socket, early, False
        self.rfile.close()
        family, kind = self.socket.family, self.socket.type
        sock = _PlainSocket(family, kind, fileno=self.socket.detach())
        sock.setblocking(False)
        self.socket = None
        return sock, early, True

    def _early_bytes(self) -> bytes:
        """What the client sent behind its request without waiting for the answer."""
        try:
            early: bytes = self.rfile.peek()
            return early
        except OSError:  # TLS: nothing there yet
            return b''

    # ------------------------------------------------------------------ headers and answers

    def _headers(self) -> Iterator[tuple[str, str]]:
        """The headers as the WSGI environment names them, but for those that pywsgi puts there itself."""
        for name, value in self.headers.fields:
            if '_' not in name:
                key = name.upper().replace('-', '_')
                if key not in ('CONTENT_TYPE', 'CONTENT_LENGTH'):
                    yield f'HTTP_{key}', value

    def _write_with_headers(self, data: bytes) -> None:
        """Send the headers and the first piece of the body: together, if that is short."""
        if not data or len(data) > SHORT:
            super()._write_with_headers(data)
            return
        parts: list[bytes] = []
        self._sendall = parts.append  # type: ignore[method-assign, assignment]
        try:
            super()._write_with_headers(data)
        finally:
            del self._sendall
        self._sendall(b''.join(parts))

    def _sendall(self, data: bytes) -> None:
        """Send by one system call what fits; the stock way, for the rest, asks for the size of the buffer each time."""
        try:
            sent = self.socket.send(data)
        except OSError as error:
            self.status, self.code = f'socket error: {error}', -abs(self.code)  # as the access log knows it
            raise
        self.response_length += sent
        if sent < len(data):
            super()._sendall(memoryview(data)[sent:])

    def log_request(self) -> None:
        """Write the line of the access log, if there is one."""
        if not isinstance(self.server.log, NO_LOG):
            super().log_request()

    # ------------------------------------------------------------------ errors

    def format_request(self) -> str:
        """The line of an access log, where a host keeps one: without signatures, which open what they sign."""
        return without_signature(super().format_request())

    def log_error(self, msg: str, *args: Any) -> None:
        """Log what a client did wrong."""
        bad_requests.write(without_signature(msg % args if args else msg))

    def _handle_client_error(self, ex: Exception) -> Any:
        if not isinstance(ex, ValueError):  # for which pywsgi would print a traceback
            ex = ValueError(f'{type(ex).__name__}: {ex}')
        return super()._handle_client_error(ex)

    def handle_error(self, t: Any, v: Any, tb: Any) -> None:
        """Report an error of the application, but not that a client went away or broke its TLS."""
        if isinstance(v, (ssl.SSLError, TimeoutError)):
            self.close_connection = True
        else:
            super().handle_error(t, v, tb)


def without_signature(text: str) -> str:
    """The text without the signatures of addresses in it."""
    return _SIGNATURE.sub(r'\1…', text)


class ChatServer(WSGIServer):  # type: ignore[misc]
    """pywsgi's server with ChatHandler, for which a failed TLS handshake is no error either."""

    handler_class = ChatHandler

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> None:
        """Serve one TLS connection."""
        client_socket.settimeout(TLS_TIMEOUT)
        try:
            tls_socket = self.wrap_socket(client_socket, **self.ssl_args)
        except OSError as error:
            bad_requests.write(f'TLS handshake with {address}: {error}')
            client_socket.close()
            return
        with tls_socket:
            self.handle(tls_socket, address)


def remember(environ: Environ) -> Environ:
    """Return what is worth keeping of a WSGI environment while its client stays: where it came from, its headers.

    Names and values are shared with all other clients that sent the same, as browsers mostly do.
    """
    return {
        sys.intern(name): sys.intern(value) if type(value) is str else value
        for name, value in environ.items()
        if name in _KEPT or name.startswith('HTTP_') and name not in _NOT_KEPT
    }


def _read_over(body: Any) -> bool:
    """Read the body and forget it; whether it came to its end within MAX_DISCARDED."""
    try:
        for count in range(MAX_DISCARDED // PIECE):
            if count % BURST == BURST - 1:
                give_way()
            if not body.read(PIECE):
                return True
    except (OSError, ValueError):
        pass
    return False
