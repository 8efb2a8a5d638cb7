"""Files as answers: whole or in part, and never as anything that a browser would run."""
import re
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import quote

import gevent
from flask import Response, current_app, request

from ..core.files.media import INLINE, UNKNOWN
from ..core.files.stored_files import Download
from ..errors import ChatError

PIECE = 64 * 1024
SANDBOX = "sandbox; default-src 'none'"
RANGE = re.compile(r'bytes=([0-9]{0,20})-([0-9]{0,20})')
NOT_PLAIN = re.compile(r'[^ -~]|[%"\\;]')  # what can't stand in a quoted parameter of a header
EXTENDED = "!#$&+-.^_`|~"                  # what need not be encoded in an extended one (RFC 8187)


class RangeNotSatisfiable(ChatError):
    """A range that begins behind the end of the file."""

    code, status, message = 'range_not_satisfiable', 416, 'The file has no such range: it ends before'


def answer(download: Download) -> Response:
    """The answer with a core Download: 200, 206, 304 or 416 (RFC 9110)."""
    response = Response(direct_passthrough=True)
    response.call_on_close(download.file.close)
    describe(response, download)
    if request.if_none_match.contains_weak(download.etag):
        response.status_code = 304
        return response
    try:
        asked = asked_range(download)
    except RangeNotSatisfiable as error:
        download.file.close()
        refusal = current_app.make_response((error.as_object(), error.status))
        refusal.headers['Content-Range'] = f'bytes */{download.size}'
        return refusal
    start, end = asked or (0, download.size)
    if asked:
        response.status_code = 206
        response.headers['Content-Range'] = f'bytes {start}-{end - 1}/{download.size}'
    response.content_length = end - start
    response.response = pieces(download.file, start, end)
    return response


def describe(response: Response, download: Download) -> None:
    """What stands in the head of each answer. Only what can do no harm is shown in place, everything else is saved."""
    is_inline = download.content_type in INLINE
    response.content_type = download.content_type if is_inline else UNKNOWN
    response.set_etag(download.etag)
    response.headers['Accept-Ranges'] = 'bytes'
    response.headers['Cache-Control'] = 'private'
    response.headers['Content-Disposition'] = disposition('inline' if is_inline else 'attachment', download.filename)
    if not is_inline:
        response.headers['Content-Security-Policy'] = SANDBOX


def asked_range(download: Download) -> tuple[int, int] | None:
    """(start, end) of the one range that the request asks for; None for none, for several, and for what is no range.

    Raises RangeNotSatisfiable for one that begins beyond the end.
    """
    match = RANGE.fullmatch(request.headers.get('Range', '').strip())
    condition = request.headers.get('If-Range')
    if request.method != 'GET' or not match or condition not in (None, f'"{download.etag}"'):
        return None
    first, last = match.groups()
    if first and last and int(first) > int(last) or not (first or last):
        return None
    start = int(first) if first else max(0, download.size - int(last))
    end = min(int(last) + 1, download.size) if first and last else download.size
    if start >= download.size:
        raise RangeNotSatisfiable
    return start, end


def disposition(how: str, filename: str) -> str:
    """The Content-Disposition (RFC 6266), with the name in ASCII and, where that is not all of it, in UTF-8."""
    plain = NOT_PLAIN.sub('_', filename)
    extended = '' if plain == filename else f"; filename*=UTF-8''{quote(filename, safe=EXTENDED)}"
    return f'{how}; filename="{plain}"{extended}'


def pieces(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    """The bytes from start to end; others get their turn in between, however fast the client reads."""
    file.seek(start)
    while start < end and (piece := file.read(min(PIECE, end - start))):
        yield piece
        start += len(piece)
        gevent.sleep(0)
