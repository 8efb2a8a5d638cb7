"""What files are, by their bytes and never by their names, and what becomes of them on arrival.

All of it takes longer than the event loop can spare, so it belongs in native threads. The libraries are loaded with the
first file, there: 3 MiB that a server without files does not need.
"""
from dataclasses import dataclass

from ...errors import UnsupportedMedia
from ..objects import AttachmentKind
from .attachments import FILE, IMAGE, VOICE
from .storage import LocalStorage, Saved, Scratch

HEAD = 8192  # bytes that tell what a file is
UNKNOWN = 'application/octet-stream'
PICTURES = {'image/png', 'image/jpeg', 'image/gif', 'image/webp'}
ALIASES = {'image/apng': 'image/png'}
RECORDINGS = {'audio/webm', 'audio/ogg', 'audio/mp4', 'audio/mpeg', 'audio/wav'}
SMALL = 'image/webp'  # thumbnails and avatars
INLINE = PICTURES | RECORDINGS  # what a browser may show in place; everything else is only ever saved
TIFF = b'II*\0', b'MM\0*', b'II+\0', b'MM\0+'  # raw photographs too
HEIF_BRANDS = {b'heic', b'heix', b'heim', b'heis', b'hevc', b'hevx', b'mif1', b'msf1', b'avif', b'avis'}


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file as it was stored."""

    kind: AttachmentKind
    content_type: str
    saved: Saved
    thumbnail: Saved | None = None
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None


def take_in(storage: LocalStorage, source: Scratch, is_voice: bool, duration_ms: int | None) -> Arrival:
    """Store the file in a Scratch, a picture cleaned and with a thumbnail; returns its Arrival.

    `duration_ms` is what the client says, for a recording that does not tell. Raises UnsupportedMedia for pictures that
    can't be cleaned and for a voice note that is no sound, and what pictures.clean raises.
    """
    content_type, told_duration = identify(source)
    if content_type in RECORDINGS:
        saved = storage.save(source)
        return Arrival(VOICE if is_voice else FILE, content_type, saved,
                       duration_ms=duration_ms if told_duration is None else told_duration)
    if is_voice:
        raise UnsupportedMedia('A voice note must be sound: WebM, Ogg, M4A, MP3 or WAV')
    if content_type in PICTURES:
        return take_in_picture(storage, source)
    return Arrival(FILE, content_type, storage.save(source))


def take_in_picture(storage: LocalStorage, source: Scratch) -> Arrival:
    """As `take_in`, of a picture."""
    from . import pictures
    cleaned, thumbnail = storage.scratch(), storage.scratch()
    try:
        content_type, width, height = pictures.clean(source, cleaned, thumbnail)
        return Arrival(IMAGE, content_type, storage.save(cleaned), storage.save(thumbnail), width, height)
    finally:
        cleaned.discard()
        thumbnail.discard()


def take_in_avatar(storage: LocalStorage, source: Scratch) -> Saved:
    """Store the small square of the picture in a Scratch; returns Saved. Raises UnsupportedMedia for what is none."""
    content_type, _ = identify(source)
    if content_type not in PICTURES:
        raise UnsupportedMedia('An avatar must be a picture: PNG, JPEG, GIF or WebP')
    from . import pictures
    avatar = storage.scratch()
    try:
        pictures.make_avatar(source, avatar)
        return storage.save(avatar)
    finally:
        avatar.discard()


def identify(source: Scratch) -> tuple[str, int | None]:
    """(content type, milliseconds or None) of the bytes in a Scratch. Raises UnsupportedMedia."""
    import filetype

    from . import recordings
    source.file.flush()
    source.file.seek(0)
    head = source.file.read(HEAD)
    if head.startswith(TIFF) or head[4:8] == b'ftyp' and HEIF_BRANDS & brands(head):
        raise UnsupportedMedia('HEIC, AVIF and TIFF can\'t be freed of their metadata here: send a JPEG or PNG')
    recording = recordings.read(source.file, head)
    if recording:
        return recording
    guessed: str | None = filetype.guess_mime(head)
    if guessed is None or guessed in RECORDINGS:
        return UNKNOWN, None  # it only begins like a recording
    return ALIASES.get(guessed, guessed), None


def brands(head: bytes) -> set[bytes]:
    """The kinds that an ISO media file says it is of."""
    end = min(int.from_bytes(head[:4]), len(head))
    return {head[8:12], *(head[start:start + 4] for start in range(16, end, 4))}
