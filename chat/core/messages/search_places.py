"""Places in a block of the index: which of its messages a term stands in, as bytes and as bits.

In the database they are a list of two bytes each, or, from 128 on, one bit for each message of the block, which is just
as long. In memory they are the bits of a whole number, so that what many terms have in common is found at once.
"""
from collections.abc import Iterable, Iterator, Sequence
from struct import pack, unpack

BLOCK = 2048            # messages
BITMAP = BLOCK // 8     # bytes
LONGEST_LIST = BITMAP - 2
EVERYWHERE = (1 << BLOCK) - 1


def bits_of(stored: Iterable[bytes]) -> int:
    """All places that any of these have, as bits."""
    bits, lists = 0, []
    for places in stored:
        if len(places) == BITMAP:
            bits |= int.from_bytes(places, 'little')
        else:
            lists.append(places)
    return bits | _as_bits(_listed(b''.join(lists)))


def with_places(stored: bytes, new: Sequence[int]) -> bytes:
    """What is to be stored when new places come to those that are."""
    if len(stored) + 2 * len(new) <= LONGEST_LIST:
        return stored + pack(f'<{len(new)}H', *new)
    return _bitmap(bits_of((stored,)) | _as_bits(new))


def without_place(stored: bytes, place: int) -> bytes:
    """What is to be stored when one place is gone; nothing if it was the only one."""
    if len(stored) == BITMAP:
        bits = int.from_bytes(stored, 'little') & ~(1 << place)
        return _bitmap(bits) if bits else b''
    left = [each for each in _listed(stored) if each != place]
    return pack(f'<{len(left)}H', *left)


def descending(bits: int) -> Iterator[int]:
    """The places, the last one first."""
    while bits:
        place = bits.bit_length() - 1
        yield place
        bits ^= 1 << place


def _as_bits(places: Iterable[int]) -> int:
    bits = 0
    for place in places:
        bits |= 1 << place
    return bits


def _listed(places: bytes) -> tuple[int, ...]:
    return unpack(f'<{len(places) // 2}H', places)


def _bitmap(bits: int) -> bytes:
    return bits.to_bytes(BITMAP, 'little')
