"""Plain data as bytes. Whatever clients can say comes out as it went in: half a surrogate pair, an integer of any size."""
from typing import Any

import msgpack

from .log import Plain

INTEGER = 1  # kind of msgpack's extensions: one that takes more than 64 bits, in digits


def pack(data: Plain) -> bytes:
    """The bytes that `unpack` takes."""
    packed: bytes = msgpack.packb(data, default=_pack_large, unicode_errors='surrogatepass')
    return packed


def unpack(packed: bytes) -> Plain:
    """What was packed; tuples come out as lists."""
    return msgpack.unpackb(packed, strict_map_key=False, ext_hook=_unpack_large, unicode_errors='surrogatepass')


def _pack_large(value: Any) -> msgpack.ExtType:
    if isinstance(value, int):
        return msgpack.ExtType(INTEGER, b'%x' % value)
    raise TypeError(f'{type(value).__name__} is not plain')


def _unpack_large(kind: int, data: bytes) -> int:
    assert kind == INTEGER, f'an extension of kind {kind}'
    return int(data, 16)
