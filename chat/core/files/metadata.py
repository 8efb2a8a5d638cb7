"""Taking the metadata out of pictures without touching a pixel: PNG, GIF and WebP are lists of labelled pieces.

Only pieces that are needed to draw the picture are kept, so nothing that a camera or a program adds gets through. What
does not follow the format, or ends too early, is a ValueError.
"""
import mmap
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'
PNG_KEPT = {b'IHDR', b'PLTE', b'IDAT', b'IEND', b'tRNS', b'gAMA', b'cHRM', b'sRGB', b'iCCP', b'cICP', b'sBIT', b'bKGD',
            b'pHYs', b'acTL', b'fcTL', b'fdAT'}
WEBP_KEPT = {b'VP8X', b'VP8 ', b'VP8L', b'ALPH', b'ANIM', b'ANMF', b'ICCP'}
WEBP_METADATA_FLAGS = 0x08 | 0x04  # of VP8X: EXIF and XMP
GIF_KEPT_APPLICATIONS = {b'NETSCAPE2.0', b'ANIMEXTS1.0'}  # how often an animation repeats
GIF_EXTENSION, GIF_IMAGE, GIF_END = 0x21, 0x2C, 0x3B
GIF_CONTROL, GIF_APPLICATION = 0xF9, 0xFF


def strip(format: str, source: BinaryIO, write: Callable[[bytes], object]) -> None:
    """Pass the picture in the open file `source` on to `write`, without its metadata. Raises ValueError."""
    with mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            for piece in PIECES[format](data):
                write(piece)
        except (IndexError, struct.error):
            raise ValueError('the picture ends too early') from None


def png_pieces(data: mmap.mmap) -> Iterator[bytes]:
    """A PNG's signature and those of its chunks that are kept (PNG specification, section 5)."""
    yield PNG_SIGNATURE
    position, kind = len(PNG_SIGNATURE), b''
    while kind != b'IEND':
        length, kind = struct.unpack_from('>I4s', data, position)
        end = position + length + 12
        if end > len(data):
            raise ValueError('the picture ends too early')
        if kind in PNG_KEPT:
            yield data[position:end]
        position = end


def webp_pieces(data: mmap.mmap) -> Iterator[bytes]:
    """A WebP's header and those of its chunks that are kept (RFC 9649)."""
    length, = struct.unpack_from('<I', data, 4)
    if length + 8 > len(data):
        raise ValueError('the picture ends too early')
    chunks = list(webp_chunks(data, length + 8))
    yield b'RIFF' + struct.pack('<I', 4 + sum(end - start for _, start, end in chunks)) + b'WEBP'
    for kind, start, end in chunks:
        if kind == b'VP8X':
            yield data[start:start + 8] + bytes([data[start + 8] & ~WEBP_METADATA_FLAGS]) + data[start + 9:end]
        else:
            yield data[start:end]


def webp_chunks(data: mmap.mmap, size: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of each piece that is kept."""
    position = 12
    while position + 8 <= size:
        kind, length = struct.unpack_from('<4sI', data, position)
        end = position + 8 + length + length % 2
        if end > size:
            raise ValueError('the picture ends too early')
        if kind in WEBP_KEPT:
            yield kind, position, end
        position = end


def gif_pieces(data: mmap.mmap) -> Iterator[bytes]:
    """A GIF's header and those of its blocks that are kept (GIF89a, section 15 and on)."""
    position = 13 + gif_palette(data[10])
    yield data[:position]
    while data[position] != GIF_END:
        start, mark = position, data[position]
        if mark == GIF_EXTENSION:
            position = gif_blocks_end(data, position + 2)
            label, application = data[start + 1], data[start + 3:start + 14]
            is_kept = label == GIF_CONTROL or label == GIF_APPLICATION and application in GIF_KEPT_APPLICATIONS
        elif mark == GIF_IMAGE:
            position = gif_blocks_end(data, position + 11 + gif_palette(data[position + 9]))
            is_kept = True
        else:
            raise ValueError(f'{mark:#x} begins no piece of a GIF')
        if is_kept:
            yield data[start:position]
    yield bytes([GIF_END])


def gif_palette(flags: int) -> int:
    """How many bytes of palette follow these flags."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def gif_blocks_end(data: mmap.mmap, position: int) -> int:
    """Where the list of blocks ends that begins here."""
    while length := data[position]:
        position += length + 1
    return position + 1


PIECES = {'PNG': png_pieces, 'WEBP': webp_pieces, 'GIF': gif_pieces}
