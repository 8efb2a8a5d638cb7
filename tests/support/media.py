"""Small real files of every kind that the server knows, made here byte by byte or by Pillow."""

import io
import struct
import wave

from PIL import Image, ImageDraw, PngImagePlugin

SECRET = b'SecretPlace'  # stands in the metadata of every picture made with metadata
ORIENTATION, MAKER, DESCRIPTION, GPS = 0x0112, 0x010F, 0x010E, 0x8825
RED, BLUE = (250, 20, 20), (20, 20, 250)


def picture(size=(64, 40), mode='RGB'):
    """A picture whose left half is red and whose right half is blue."""
    image = Image.new('RGB', size, RED)
    ImageDraw.Draw(image).rectangle((size[0] // 2, 0, size[0], size[1]), fill=BLUE)
    return image.convert(mode)


def exif(orientation=1):
    """Metadata that says where the picture was taken, by what, and which side is up."""
    metadata = Image.Exif()
    metadata[ORIENTATION], metadata[MAKER], metadata[DESCRIPTION] = orientation, SECRET.decode(), SECRET.decode()
    metadata.get_ifd(GPS).update({1: 'N', 2: (48.0, 51.0, 30.0), 3: 'E', 4: (2.0, 17.0, 40.0), 29: SECRET.decode()})
    return metadata


def saved(image, format, **options):
    """The bytes of the picture in that format."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def jpeg(size=(64, 40), orientation=None, **options):
    """A JPEG, with metadata of every sort if it is given an orientation."""
    if orientation is not None:
        options |= {'exif': exif(orientation), 'comment': SECRET, 'xmp': b'<x:xmpmeta>' + SECRET + b'</x:xmpmeta>'}
    return saved(picture(size), 'JPEG', **{'quality': 90} | options)


def png(size=(64, 40), orientation=None, mode='RGB', text=False, **options):
    """A PNG; with texts, compressed ones too, if asked for."""
    if orientation is not None:
        options['exif'] = exif(orientation)
    if text:
        info = PngImagePlugin.PngInfo()
        info.add_text('Comment', SECRET.decode())
        info.add_itxt('XML:com.adobe.xmp', SECRET.decode())
        info.add_text('Description', SECRET.decode() * 50, zip=True)
        options['pnginfo'] = info
    return saved(picture(size, mode), 'PNG', **options)


def frames():
    """Three pictures that follow one another."""
    return [Image.new('RGB', (32, 32), colour) for colour in (RED, BLUE, (20, 250, 20))]


def animated(format, **options):
    """An animation of three pictures, 100 ms each, without end."""
    first, *rest = frames()
    return saved(first, format, save_all=True, append_images=rest, duration=100, loop=0, **options)


def webp(orientation=None, **options):
    """A WebP, with metadata if it is given an orientation."""
    if orientation is not None:
        options |= {'exif': exif(orientation), 'xmp': SECRET}
    return saved(picture(), 'WEBP', **options)


# ---------------------------------------------------------------------- sound

def wav(seconds=1.0):
    """Silence, 8 kHz."""
    buffer = io.BytesIO()
    with wave.open(buffer, 'wb') as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(int(seconds * 8000) * 2))
    return buffer.getvalue()


def mp3(number=100):
    """Frames of MPEG-1 Layer III, 128 kbit/s, 44.1 kHz; each lasts 26.12 ms."""
    return (b'\xff\xfb\x90\x00' + bytes(413)) * number


def ogg(seconds=1.5, codec='opus'):
    """An Ogg file with the headers of Opus (or of a Theora video), whose last page ends after that time."""
    head = b'OpusHead\1\1' + struct.pack('<HIhB', 0, 48000, 0, 0) if codec == 'opus' else b'\x80theora' + bytes(35)
    tags = b'OpusTags' + struct.pack('<I', 4) + b'test' + struct.pack('<I', 0)
    return _ogg_page(2, 0, 0, head) + _ogg_page(0, 0, 1, tags) + _ogg_page(4, int(seconds * 48000), 2, bytes(100))


def _ogg_page(flags, position, number, packet):
    head = b'OggS' + struct.pack('<BBqII', 0, flags, position, 7, number)
    rest = bytes([1, len(packet)]) + packet
    return head + struct.pack('<I', _ogg_checksum(head + bytes(4) + rest)) + rest


def _ogg_checksum(data):
    checksum = 0
    for byte in data:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1 ^ (0x04C11DB7 if checksum & 0x80000000 else 0)) & 0xFFFFFFFF
    return checksum


def m4a(seconds=2.0, handlers=(b'soun',), version=0):
    """An MP4 with a track for each handler: `soun` is sound, `vide` is video."""
    times = struct.pack('>IIII', 0, 0, 1000, int(seconds * 1000)) if version == 0 else \
        struct.pack('>QQIQ', 0, 0, 1000, int(seconds * 1000))
    header = _box(b'mvhd', bytes([version, 0, 0, 0]) + times + bytes(80))
    tracks = b''.join(_box(b'trak', _box(b'mdia', _box(b'hdlr', bytes(8) + handler + bytes(13)))) for handler in handlers)
    return _box(b'ftyp', b'M4A \0\0\0\0M4A mp42isom') + _box(b'moov', header + tracks) + _box(b'mdat', bytes(500))


def heif(brand=b'heic'):
    """The beginning of a picture in an ISO media file."""
    return _box(b'ftyp', brand + b'\0\0\0\0mif1' + brand) + _box(b'meta', bytes(200))


def _box(kind, content):
    return struct.pack('>I', len(content) + 8) + kind + content


def webm(seconds=3.0, tracks=(2,), told=True, doc_type=b'webm', scale=b'\x0f\x42\x40'):
    """A WebM with tracks of these types (1 is video, 2 is sound); as browsers record it unless its length is `told`."""
    info = _element('2ad7b1', scale)
    if told:
        info += _element('4489', struct.pack('>d', seconds * 1000))
    entries = b''.join(_element('ae', _element('d7', b'\1') + _element('83', bytes([kind]))) for kind in tracks)
    clusters = b''
    for start in range(0, int(seconds * 1000), 1000):
        blocks = b''.join(_element('a3', b'\x81' + struct.pack('>hB', offset, 0x80) + bytes(20))
                          for offset in range(0, min(1000, int(seconds * 1000) - start) + 1, 100))
        clusters += bytes.fromhex('1f43b675 01ffffffffffffff') + _element('e7', start.to_bytes(4)) + blocks
    return (_element('1a45dfa3', _element('4282', doc_type)) + bytes.fromhex('18538067 01ffffffffffffff')
            + _element('1549a966', info) + _element('1654ae6b', entries) + clusters)


def _element(number, content):
    return bytes.fromhex(number) + (len(content) | 1 << 28).to_bytes(4) + content


# ---------------------------------------------------------------------- what is none of it

PROGRAM = b'\x7fELF\2\1\1' + bytes(200)
PDF = b'%PDF-1.7\n' + bytes(100)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b'<!doctype html><script>alert(1)</script>'
TIFF = saved(Image.new('RGB', (8, 8)), 'TIFF')


def bomb():
    """A PNG of 60,000 times 60,000 pixels in a few bytes."""
    return _with_size(png(), 60_000, 60_000)


def _with_size(data, width, height):
    import zlib
    head = b'IHDR' + struct.pack('>II', width, height) + data[24:29]
    return data[:12] + head + struct.pack('>I', zlib.crc32(head)) + data[33:]
