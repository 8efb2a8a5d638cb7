"""What clients may send: Engine.IO packets, decoded strictly and without surprises.

Engine.IO's own decoder parses the JSON that Socket.IO then parses again, and raises whatever comes up on the way.
"""
import base64
import binascii
from typing import Any

from engineio import exceptions, packet

KINDS = frozenset('0123456')  # of https://socket.io/docs/v4/engine-io-protocol/, revision 4


class MalformedPacket(exceptions.EngineIOError):  # type: ignore[misc]  # Engine.IO has no types
    """The client broke Engine.IO's protocol."""


def decode_packet(encoded: str | bytes) -> Any:
    """Return the packet in one WebSocket message, str or bytes, or one part of a polling body; raises MalformedPacket.

    The data of a message stays the text or the bytes that it was: it is Socket.IO's to parse.
    """
    if isinstance(encoded, bytes):
        return packet.Packet(packet.MESSAGE, encoded)
    kind = encoded[:1]
    if kind == 'b':
        try:
            return packet.Packet(packet.MESSAGE, base64.b64decode(encoded[1:], validate=True))
        except (binascii.Error, ValueError):  # ValueError: characters beyond ASCII
            raise MalformedPacket('bad base64') from None
    if kind not in KINDS:
        raise MalformedPacket('unknown packet type')
    return packet.Packet(int(kind), encoded[1:])
