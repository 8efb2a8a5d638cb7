"""Requests of this server to others, at addresses that users name: never into the network that only we can reach.

For each request the name is resolved once, every address that it has is checked, and the connection goes to one of exactly
those: a name that answers otherwise the next time leads nowhere else. The certificate is checked against the name, no
redirect is followed, and of the answer no more is read than its head.

All of it is for native threads, and goes past what gevent puts in place of Python's sockets, which would give each of
those threads an event loop of its own: hence `_socket`, and TLS between buffers.
"""
import _socket
import ipaddress
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

T = TypeVar('T')
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[..., Sequence[tuple[Any, ...]]]  # getaddrinfo
LONGEST_URL = 2000
SECONDS = 10            # for a whole request, once the name is resolved
CONNECT_SECONDS = 4     # for each address of the name
MAX_ADDRESSES = 4       # of a name, that are tried
MAX_RECEIVED = 2**18    # bytes of an answer, with all that TLS adds
MAX_HEAD = 2**14        # bytes of its head
URL = re.compile(r'https://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?'
                 r'(?P<target>[/?][!-"$-~]*)?')
STATUS = re.compile(rb'HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?')

# What is not for everybody, after IANA's registries of special-purpose addresses. Of IPv6 only 2000::/3 is in use, and what
# stands for an IPv4 address (mapped, 6to4, Teredo, NAT64) is refused whichever that is.
IN_USE = ipaddress.ip_network('2000::/3')
SPECIAL = [ipaddress.ip_network(text) for text in (
    '0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24',
    '192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24', '192.168.0.0/16', '192.175.48.0/24',
    '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4',
    '2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20')]


class Refused(Exception):
    """An address that may not be contacted, or is none; says what is wrong with it."""


class Unreachable(Exception):
    """There is no answer: the name is not known, nobody listens, TLS fails, or it takes too long."""


class Destination(NamedTuple):
    """Where a request goes: the host as the address names it, and where that is, checked."""

    host: str
    port: int
    target: str
    addresses: Sequence[str]

    @property
    def authority(self) -> str:
        """What stands for the host in a request."""
        host = f'[{self.host}]' if ':' in self.host else self.host
        return host if self.port == 443 else f'{host}:{self.port}'


class Answer(NamedTuple):
    """The head of an answer; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]


class Outgoing:
    """Requests by HTTPS to public addresses, and to those that the host has `allowed` whatever they are."""

    def __init__(self, allowed: Sequence[Network] = (), resolver: Resolver = _socket.getaddrinfo) -> None:
        self._allowed, self._resolver = allowed, resolver
        self._open: set[_socket.socket] = set()  # as many as there are threads that wait for an answer

    def resolve(self, url: str) -> Destination:
        """Where a request to that address would go. Raises Refused, Unreachable."""
        match = URL.fullmatch(url) if len(url) <= LONGEST_URL else None
        port = int(match['port'] or 443) if match else 0
        if match is None or not 0 < port < 2**16:
            raise Refused('must be an https address')
        host, target = match['host'].strip('[]'), match['target'] or '/'
        try:
            found = self._resolver(host, port, type=_socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise Unreachable(f'is not known by its name: {error}') from error
        addresses = list(dict.fromkeys(item[4][0] for item in found))
        if not addresses or not all(map(self._may_be_contacted, addresses)):
            raise Refused('must be at a public address')
        return Destination(host, port, target if target[0] == '/' else f'/{target}', addresses[:MAX_ADDRESSES])

    def _may_be_contacted(self, text: str) -> bool:
        address = ipaddress.ip_address(text.partition('%')[0])
        return is_public(address) or any(address in network for network in self._allowed)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post the body; the head of the answer, whatever its status. Raises Refused, Unreachable."""
        to = self.resolve(url)
        lines = [f'POST {to.target} HTTP/1.1', f'Host: {to.authority}', 'Connection: close',
                 f'Content-Length: {len(body)}', *(f'{name}: {value}' for name, value in headers.items())]
        head = '\r\n'.join([*lines, '', '']).encode('ascii')
        deadline = time.monotonic() + SECONDS
        try:
            with self._connected(to.addresses, to.port, deadline) as raw:
                line = TlsLine(raw, self._tls, to.host, deadline)
                line.write(head + body)
                return read_head(line)
        except OSError as error:  # TLS's errors are among them
            raise Unreachable(f'does not answer: {error}') from error

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Made once, since to read the certificates of the authorities takes 25 ms."""
        return ssl.create_default_context()

    @contextmanager
    def _connected(self, addresses: Sequence[str], port: int, deadline: float) -> Iterator[_socket.socket]:
        """A connection to the first of the addresses that can be reached."""
        failure = OSError('no address')
        for address in addresses:
            raw = _socket.socket(_socket.AF_INET6 if ':' in address else _socket.AF_INET, _socket.SOCK_STREAM)
            self._open.add(raw)
            try:
                raw.settimeout(min(CONNECT_SECONDS, remaining(deadline)))
                try:
                    raw.connect((address, port))
                except OSError as error:
                    failure = error
                    continue
                yield raw
                return
            finally:
                self._open.discard(raw)
                raw.close()
        raise failure

    def stop(self) -> None:
        """Break off what is under way, from whichever thread."""
        for raw in list(self._open):
            try:
                raw.shutdown(_socket.SHUT_RDWR)
            except OSError:
                pass  # not connected yet, or no longer


class TlsLine:
    """TLS over a connected socket, up to a deadline (monotonic seconds). What fails raises OSError."""

    def __init__(self, raw: _socket.socket, context: ssl.SSLContext, host: str, deadline: float) -> None:
        self._raw, self._deadline, self._received = raw, deadline, 0
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._exchange(self._tls.do_handshake)

    def write(self, data: bytes) -> None:
        """Send all of it."""
        self._exchange(self._tls.write, data)

    def read(self) -> bytes:
        """Some of what the other side says; b'' at its end."""
        return self._exchange(self._tls.read, MAX_HEAD)

    def _exchange(self, operation: Callable[..., T], *arguments: object) -> T:
        """Call what TLS does, and carry between its buffers and the socket what it wants for that."""
        while True:
            try:
                return operation(*arguments)
            except ssl.SSLWantReadError:
                pass
            finally:
                self._send()
            self._receive()

    def _send(self) -> None:
        if self._outgoing.pending:
            self._raw.settimeout(remaining(self._deadline))
            self._raw.sendall(self._outgoing.read())

    def _receive(self) -> None:
        self._raw.settimeout(remaining(self._deadline))
        data = self._raw.recv(MAX_HEAD)
        self._received += len(data)
        if self._received > MAX_RECEIVED:
            raise OSError('the answer is too long')
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()


def read_head(line: TlsLine) -> Answer:
    """The head of the answer, behind those that only say that one will come (1xx). Raises OSError."""
    received = b''
    while True:
        head, end, rest = received.partition(b'\r\n\r\n')
        if end:
            first, *others = head.split(b'\r\n')
            match = STATUS.fullmatch(first)
            if match is None:
                raise OSError('the answer is not HTTP')
            if match[1][:1] == b'1':
                received = rest
                continue
            fields = (other.decode('latin-1').partition(':') for other in others)
            return Answer(int(match[1]), {name.strip().lower(): value.strip() for name, _, value in fields})
        some = line.read()
        if not some or len(received) > MAX_HEAD:
            raise OSError('the answer has no head')
        received += some


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether the address is one of the internet's, the same for everybody."""
    return (address.version == 4 or address in IN_USE) and not any(address in network for network in SPECIAL)


def remaining(deadline: float) -> float:
    """Seconds up to the deadline. Raises TimeoutError."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError('it takes too long')
    return seconds
