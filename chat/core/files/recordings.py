"""Recordings: which files are sound and nothing else, and how long they last.

WebM and MP4 may hold video as well, so their tracks are looked at; the other kinds are read by TinyTag.
"""
import math
import mmap
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from tinytag import TinyTag, TinyTagException

Recording = tuple[str, int | None]  # content type, milliseconds
MAX_ELEMENTS = 300_000  # of a file, over an hour of sound; further ones are not looked at
LONGEST = 2**53         # milliseconds
EBML, OGG = b'\x1a\x45\xdf\xa3', b'OggS'
OGG_VIDEO = b'\x80theora', b'\x01video', b'BBCD\0'


def read(file: BinaryIO, head: bytes) -> Recording | None:
    """(content type, milliseconds or None) of a file of sound alone that begins with `head`; None for any other."""
    if head.startswith(EBML):
        return in_container(file, read_webm)
    if head[4:8] == b'ftyp':
        return in_container(file, read_mp4)
    if head.startswith(OGG):
        return None if any(mark in head for mark in OGG_VIDEO) else by_tags(file, 'audio/ogg')
    if head.startswith(b'RIFF') and head[8:12] == b'WAVE':
        return by_tags(file, 'audio/wav')
    if head.startswith((b'ID3', b'\xff\xfb', b'\xff\xfa', b'\xff\xf3', b'\xff\xf2', b'\xff\xe3', b'\xff\xe2')):
        return by_tags(file, 'audio/mpeg')
    return None


def by_tags(file: BinaryIO, content_type: str) -> Recording | None:
    """As `read`, of what TinyTag knows."""
    file.seek(0)
    try:
        duration = TinyTag.get(file_obj=cast(BinaryIO, Bounded(file)), tags=False).duration
    except TinyTagException:
        return None  # it only begins like one
    return None if duration is None else (content_type, in_milliseconds(duration * 1000))


class Bounded:
    """A file that can't be read without end in tiny pieces, as a hostile one would have it; what TinyTag uses of one."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._left = file, MAX_ELEMENTS
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """As of the file. Raises ValueError when that has been called too often."""
        self._left -= 1
        if self._left < 0:
            raise ValueError('too many pieces')
        return self._file.read(size)


def in_container(file: BinaryIO, reader: Callable[[mmap.mmap], Recording | None]) -> Recording | None:
    """What the reader makes of the file; None if that is cut off or no container after all."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            return reader(data)
        except (struct.error, IndexError, OverflowError):
            return None


def in_milliseconds(duration: float) -> int | None:
    """As a whole number; None for what can't be a duration."""
    return round(duration) if math.isfinite(duration) and 0 <= duration < LONGEST else None


# ---------------------------------------------------------------------- WebM (RFC 8794, RFC 9559)

DOC_TYPE, SCALE, DURATION, TRACK_TYPE, TIMESTAMP, SIMPLE_BLOCK, BLOCK = 0x4282, 0x2AD7B1, 0x4489, 0x83, 0xE7, 0xA3, 0xA1
CLUSTER = 0x1F43B675
MASTERS = {0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, CLUSTER, 0xA0}  # whose children are looked at
VIDEO_TRACK, AUDIO_TRACK = 1, 2


def read_webm(data: mmap.mmap) -> Recording | None:
    """As `read`. Browsers write no duration while they record: then it is when the last block begins."""
    doc_type, scale, cluster = b'', 1_000_000, 0
    duration: float | None = None
    last: int | None = None
    tracks: set[int] = set()
    for element, start, end in ebml_elements(data):
        if element == DOC_TYPE:
            doc_type = data[start:end].rstrip(b'\0')
        elif element == SCALE:
            scale = unsigned(data, start, end)
        elif element == DURATION and end - start in (4, 8):
            duration, = struct.unpack('>f' if end - start == 4 else '>d', data[start:end])
        elif element == TRACK_TYPE:
            tracks.add(unsigned(data, start, end))
        elif element == CLUSTER and duration is not None:
            break
        elif element == TIMESTAMP:
            cluster = unsigned(data, start, end)
        elif element in (SIMPLE_BLOCK, BLOCK) and end - start >= 4:
            _, start = ebml_number(data, start)
            last = max(last or 0, cluster + struct.unpack_from('>h', data, start)[0])
    if doc_type != b'webm' or AUDIO_TRACK not in tracks or VIDEO_TRACK in tracks:
        return None
    units = last if duration is None else duration
    return 'audio/webm', None if units is None else in_milliseconds(units * scale / 1_000_000)


def ebml_elements(data: mmap.mmap) -> Iterator[tuple[int, int, int]]:
    """(id, start, end of the content) of each element in the order of the file, those within masters after these."""
    position, size = 0, len(data)
    for _ in range(MAX_ELEMENTS):
        if position >= size:
            return
        try:
            element, position = ebml_number(data, position, keep_mark=True)
            length, position = ebml_number(data, position)
        except IndexError:
            return  # cut off: what came before may be played all the same
        yield element, position, min(position + length, size)
        if element not in MASTERS:
            position += length


def ebml_number(data: mmap.mmap, position: int, keep_mark: bool = False) -> tuple[int, int]:
    """(the number of variable length, the position behind it)."""
    first = data[position]
    length = 9 - first.bit_length()
    number = unsigned(data, position, position + length)
    return number if keep_mark else number & ~(1 << 7 * length), position + length


def unsigned(data: mmap.mmap, start: int, end: int) -> int:
    """The whole number in these bytes."""
    return int.from_bytes(data[start:end])


# ---------------------------------------------------------------------- MP4 (ISO/IEC 14496-12)

PARENTS = {b'moov', b'trak', b'mdia'}
UNKNOWN = {2**32 - 1, 2**64 - 1}


def read_mp4(data: mmap.mmap) -> Recording | None:
    """As `read`."""
    handlers: set[bytes] = set()
    duration: float | None = None
    for kind, start, _ in boxes(data):
        if kind == b'hdlr':
            handlers.add(data[start + 8:start + 12])
        elif kind == b'mvhd':
            form, offset = ('>IQ', 20) if data[start] else ('>II', 12)  # by the version of the box
            scale, length = struct.unpack_from(form, data, start + offset)
            is_known = scale and length and length not in UNKNOWN  # 0 where it was recorded as a stream
            duration = length / scale if is_known else None
    if b'soun' not in handlers or b'vide' in handlers:
        return None
    return 'audio/mp4', None if duration is None else in_milliseconds(duration * 1000)


def boxes(data: mmap.mmap) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end of the content) of each box in the order of the file, those within parents after these."""
    position, size = 0, len(data)
    for _ in range(MAX_ELEMENTS):
        if position + 8 > size:
            return
        (length, kind), start = struct.unpack_from('>I4s', data, position), position + 8
        if length == 1:
            (length,), start = struct.unpack_from('>Q', data, start), start + 8
        end = position + length if length else size
        if end < start:
            return
        yield kind, start, min(end, size)
        position = start if kind in PARENTS else end
