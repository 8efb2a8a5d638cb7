"""Forms with files: received in pieces and written to disk as they come, never whole in memory."""
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, cast

import gevent
from flask import current_app, request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from ..core.files.attachments import MAX_ATTACHMENTS
from ..core.files.storage import Scratch
from ..core.tables import AnyRow
from ..errors import BadRequest, Invalid, TooLarge
from ..loop import give_way
from ..schemas.messages import Upload
from ..validation import parse
from .context import core, me

FORM = 'multipart/form-data'
PART = 'file'                 # the name of the parts that are files
MAX_FIELDS = 256 * 1024       # bytes of everything in a form that is no file
MAX_PARTS = MAX_ATTACHMENTS + 20
IDLE_TIMEOUT = 30             # seconds for the next 64 KiB


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file of the form, and what its fields say of it."""

    scratch: Scratch
    filename: str
    is_voice: bool
    duration_ms: int | None


def store(file: ReceivedFile) -> AnyRow:
    """Make a ReceivedFile an upload of the caller; returns its row."""
    return core.uploads.store(me(), file.scratch, file.filename, file.is_voice, file.duration_ms)


def the_file(files: Sequence[ReceivedFile]) -> ReceivedFile:
    """The one file of a form. Raises Invalid."""
    if len(files) != 1:
        raise Invalid(file='is missing: send a part named file, with a filename' if not files else 'must be one file')
    return files[0]


@contextmanager
def received_form(most_files: int) -> Iterator[tuple[dict[str, Any], list[ReceivedFile]]]:
    """(fields, ReceivedFiles) of the request's form; the files are gone at the end, but for those that were stored.

    Raises BadRequest, TooLarge, Invalid, RateLimited.
    """
    if request.mimetype != FORM:
        raise BadRequest('Send multipart/form-data, with the file as a part named file')
    largest = current_app.config['MAX_UPLOAD_BYTES']
    request.max_content_length = most_files * largest + MAX_FIELDS
    with core.uploads.receiving(me()) as scratch:
        fields, parts = read_form(lambda **_: Part(scratch(), largest), largest)
        options = parse(Upload, fields)
        files = [ReceivedFile(scratch_of(part), part.filename or '', options.kind == 'voice', options.duration_ms)
                 for part in parts if part.filename or scratch_of(part).size]
        if len(files) > most_files:
            raise Invalid(file=f'can be sent {most_files} times at most')
        yield fields, files


def scratch_of(part: FileStorage) -> Scratch:
    """What a file of a form was written to."""
    scratch: Scratch = cast(Part, part.stream).scratch
    return scratch


def read_form(open_part: Callable[..., Any], largest: int) -> tuple[dict[str, Any], list[FileStorage]]:
    """(fields, parts named file) of the request's body; each part is written to what `open_part` gives."""
    parser = FormDataParser(open_part, MAX_FIELDS, silent=False, max_form_parts=MAX_PARTS)
    try:
        body = cast(IO[bytes], Body(request.stream))
        _, fields, files = parser.parse(body, FORM, request.content_length, request.mimetype_params)
    except RequestEntityTooLarge:
        raise TooLarge(f'A file has at most {largest:,} bytes, and a form {MAX_PARTS} parts: send less') from None
    except (ClientDisconnected, OSError):
        raise BadRequest('The body ended too early') from None
    except ValueError:
        raise BadRequest('The body is no multipart/form-data: check its boundary') from None
    texts: dict[str, Any] = fields.to_dict()
    if 'attachmentIds' in texts:
        texts['attachmentIds'] = fields.getlist('attachmentIds')
    return texts, files.getlist(PART)


class Body:
    """The request's body, as far as the parser uses it; others get their turn between two pieces, however fast it comes."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        """As of the stream. Raises BadRequest where nothing comes for IDLE_TIMEOUT."""
        give_way()
        with gevent.Timeout(IDLE_TIMEOUT, BadRequest('The body stopped coming: send it again')):
            return self._stream.read(size)


class Part:
    """A file of the form while it is received; what is too large is refused as soon as that is clear."""

    def __init__(self, scratch: Scratch, largest: int) -> None:
        self.scratch, self._largest = scratch, largest

    def write(self, piece: bytes) -> None:
        """As the parser expects of a file. Raises TooLarge."""
        if self.scratch.size + len(piece) > self._largest:
            raise TooLarge(f'A file has at most {self._largest:,} bytes: send a smaller one')
        self.scratch.write(piece)

    def seek(self, position: int) -> None:
        """As the parser expects of a file."""
