"""The server's side of RFC 6455 as functions of bytes: handshake, frames, masks, close codes. They keep no state."""
import base64
import binascii
import hashlib
import struct
from collections.abc import Mapping
from typing import Any

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
OPCODES = frozenset((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
FINAL, RESERVED, CONTROL, OPCODE = 0x80, 0x70, 0x08, 0x0F  # parts of a frame's first byte
MASKED = 0x80  # and of its second
MAX_CONTROL_PAYLOAD = 125

NORMAL, GOING_AWAY, PROTOCOL_ERROR, BAD_DATA, POLICY_VIOLATION, TOO_BIG = 1000, 1001, 1002, 1007, 1008, 1009

_GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
_NEVER_SENT = (1004, 1005, 1006)  # reserved, or made up locally by a peer that got no close frame


class ProtocolError(Exception):
    """The peer broke the protocol; `code` is the close code that tells it how (section 7.4.1)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


# ------------------------------------------------------------------ handshake


Bytes = bytes | bytearray


def handshake(environ: Mapping[str, Any]) -> bytes | None:
    """Return the bytes that accept a WebSocket request, or None when it is not a proper one (section 4.2).

    The answer names no extension and no subprotocol, which is how permessage-deflate is declined.
    A request that announces a body is refused: the body could be taken for frames.
    """
    key = environ.get('HTTP_SEC_WEBSOCKET_KEY', '').strip()
    proper = (
        environ.get('REQUEST_METHOD') == 'GET'
        and environ.get('SERVER_PROTOCOL') == 'HTTP/1.1'
        and environ.get('HTTP_UPGRADE', '').strip().lower() == 'websocket'
        and 'upgrade' in _tokens(environ.get('HTTP_CONNECTION', ''))
        and environ.get('HTTP_SEC_WEBSOCKET_VERSION', '').strip() == '13'
        and environ.get('CONTENT_LENGTH', '0') == '0'
        and 'HTTP_TRANSFER_ENCODING' not in environ
        and _is_key(key)
    )
    if not proper:
        return None
    accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest())
    return (b'HTTP/1.1 101 Switching Protocols\r\n'
            b'Upgrade: websocket\r\n'
            b'Connection: Upgrade\r\n'
            b'Sec-WebSocket-Accept: ' + accept + b'\r\n\r\n')


def _tokens(value: str) -> list[str]:
    return [token.strip().lower() for token in value.split(',')]


def _is_key(key: str) -> bool:
    """Whether this is base64 of 16 bytes."""
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):  # ValueError: characters beyond ASCII
        return False


# ------------------------------------------------------------------ frames


def frame(payload: Bytes, opcode: int = TEXT) -> bytes:
    """Return a whole message as one frame (section 5.2). Servers do not mask."""
    size = len(payload)
    if size < 126:
        return bytes((FINAL | opcode, size)) + payload
    if size < 65536:
        return struct.pack('!BBH', FINAL | opcode, 126, size) + payload
    return struct.pack('!BBQ', FINAL | opcode, 127, size) + payload


def payload_of(whole: bytes) -> bytes:
    """Return the payload of what `frame` returned."""
    size = whole[1]
    return whole[2 if size < 126 else 4 if size == 126 else 10:]


def close_frame(code: int) -> bytes:
    """Return a close frame with this code and no reason (section 5.5.1)."""
    return frame(code.to_bytes(2, 'big'), CLOSE)


def unmask(payload: Bytes, mask: bytes) -> bytes:
    """Return the payload without its mask of four bytes, or with it: the operation is its own reverse (section 5.3).

    Both are taken as one big number each, which is faster than any loop over bytes.
    """
    size = len(payload)
    repeated = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, 'little') ^ int.from_bytes(repeated, 'little')).to_bytes(size, 'little')


def next_frame(data: Bytes, position: int, max_size: int) -> tuple[int, bytes, int] | None:
    """Return (first byte, unmasked payload, end) of the frame that begins at `position`, or None until it is complete.

    Raises ProtocolError, by the header and without waiting for the payload: 1009 when a data frame has more than
    `max_size` bytes, 1002 for everything that section 5.2 forbids a client to send.
    """
    if len(data) < position + 2:
        return None
    first = data[position]
    _check_header(first, data[position + 1])
    size, start = data[position + 1] & 0x7F, position + 2
    if size >= 126:
        start += 2 if size == 126 else 8
        if len(data) < start:
            return None
        size = _extended_size(data[position + 2:start])
    if size > max_size and not first & CONTROL:
        raise ProtocolError(TOO_BIG, 'message too big')
    end = start + 4 + size
    if len(data) < end:
        return None
    return first, unmask(data[start + 4:end], bytes(data[start:start + 4])), end


def _check_header(first: int, second: int) -> None:
    if not second & MASKED:
        raise ProtocolError(PROTOCOL_ERROR, 'frame without a mask')
    if first & RESERVED:
        raise ProtocolError(PROTOCOL_ERROR, 'reserved bit without an extension')
    if first & OPCODE not in OPCODES:
        raise ProtocolError(PROTOCOL_ERROR, 'unknown opcode')
    if first & CONTROL and (not first & FINAL or second & 0x7F > MAX_CONTROL_PAYLOAD):
        raise ProtocolError(PROTOCOL_ERROR, 'control frame fragmented or too long')


def _extended_size(field: Bytes) -> int:
    """Decode a length of two or eight bytes, which must not have fitted into a shorter one."""
    size = int.from_bytes(field, 'big')
    if size < (126 if len(field) == 2 else 65536) or size >= 1 << 63:
        raise ProtocolError(PROTOCOL_ERROR, 'bad length')
    return size


def check_close(payload: bytes) -> None:
    """Raise ProtocolError unless this is a proper payload of a close frame (sections 5.5.1, 7.4).

    That is nothing at all, or a code that may be sent followed by a reason in UTF-8; a bad reason raises with 1007.
    """
    if not payload:
        return
    code = int.from_bytes(payload[:2], 'big')
    sendable = 1000 <= code <= 1014 and code not in _NEVER_SENT or 3000 <= code <= 4999
    if len(payload) == 1 or not sendable:
        raise ProtocolError(PROTOCOL_ERROR, 'bad close code')
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise ProtocolError(BAD_DATA, 'close reason is not UTF-8') from None
