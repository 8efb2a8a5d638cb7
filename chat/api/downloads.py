"""Files as answers: whole or in ranges, and never as anything that a browser would run."""
import re
from urllib.parse import quote

import gevent
from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import parse_range_header
from werkzeug.wsgi import FileWrapper

from ..core.media import INLINE, UNKNOWN
from ..errors import ChatError

PIECE = 64 * 1024
SANDBOX = "sandbox; default-src 'none'"
NOT_PLAIN = re.compile(r'[^ -~]|[%"\\;]')  # what stands in no simple parameter of a header
EXTENDED = "!#$&+-.^_`|~"                  # what stands as it is in an extended one (RFC 8187)


class RangeNotSatisfiable(ChatError):
    code, status, message = 'range_not_satisfiable', 416, 'The file has no such range: it ends before'


def answer(download):
    """The answer with a core Download: 200, 206, 304 or 416. The bytes are shown in place only if they can't do harm."""
    is_inline = download.content_type in INLINE
    response = Response(Pieces(download.file, PIECE), direct_passthrough=True,
                        content_type=download.content_type if is_inline else UNKNOWN)
    response.call_on_close(download.file.close)
    response.content_length = download.size
    response.set_etag(download.etag)
    response.headers['Cache-Control'] = 'private'
    response.headers['Content-Disposition'] = disposition('inline' if is_inline else 'attachment', download.filename)
    if not is_inline:
        response.headers['Content-Security-Policy'] = SANDBOX
    try:
        return response.make_conditional(understood(request.environ), accept_ranges=True, complete_length=download.size)
    except RequestedRangeNotSatisfiable:
        download.file.close()
        return RangeNotSatisfiable().as_object(), 416, {'Content-Range': f'bytes */{download.size}'}


def understood(environ):
    """The request without a Range that is malformed or asks for several, which is answered with the whole file."""
    asked = parse_range_header(environ.get('HTTP_RANGE'))
    if asked is not None and asked.units == 'bytes' and len(asked.ranges) == 1:
        return environ
    return {name: value for name, value in environ.items() if name != 'HTTP_RANGE'}


def disposition(how, filename):
    """The Content-Disposition (RFC 6266), with the name in ASCII and, where that is not all of it, in UTF-8."""
    plain = NOT_PLAIN.sub('_', filename)
    extended = '' if plain == filename else f"; filename*=UTF-8''{quote(filename, safe=EXTENDED)}"
    return f'{how}; filename="{plain}"{extended}'


class Pieces(FileWrapper):
    """A file in pieces; others get their turn in between, however fast the client reads."""

    def __next__(self):
        gevent.sleep(0)
        return super().__next__()
