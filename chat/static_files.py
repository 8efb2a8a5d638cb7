"""Static files: made ready once, when the first of them is asked for, kept compressed, and known by what they hold."""
import gzip
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Generic, TypeVar

from flask import Response, request
from gevent.lock import BoundedSemaphore

from .core.machinery.threads import Threads

T = TypeVar('T')
EACH_TIME = 'no-cache'  # as Cache-Control: kept, but asked for whether it is still the same
TYPES = {
    '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8',
    '.json': 'application/json', '.webmanifest': 'application/manifest+json', '.svg': 'image/svg+xml', '.png': 'image/png',
    '.txt': 'text/plain; charset=utf-8',
}
COMPRESSED_ALREADY = {'.png'}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent."""

    content_type: str
    body: bytes
    etag: str
    is_compressed: bool

    @classmethod
    def of(cls, name: str, content: bytes) -> 'StaticFile':
        """That of a name, whose ending is one of TYPES, and a content."""
        suffix = PurePath(name).suffix
        is_compressed = suffix not in COMPRESSED_ALREADY
        body = gzip.compress(content, mtime=0) if is_compressed else content
        return cls(TYPES[suffix], body, hashlib.sha256(content).hexdigest()[:16], is_compressed)

    def plain(self) -> bytes:
        """What it holds: for the few clients that take nothing compressed."""
        return gzip.decompress(self.body) if self.is_compressed else self.body


class Lazily(Generic[T]):
    """What `make()` gives: called once, in a thread, by whoever comes first."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make, self._made, self._lock = make, False, BoundedSemaphore()
        self._value: T

    def get(self) -> T:
        """It."""
        with self._lock:
            if not self._made:
                threads = Threads(busy='This is being made ready', size=1)
                try:
                    self._value, self._made = threads.run(self._make), True
                finally:
                    threads.stop()
        return self._value


def answer(found: StaticFile, caching: str, headers: Mapping[str, str]) -> Response:
    """The answer with a file, or 304, compressed for those who take that."""
    response = Response(headers=headers, content_type=found.content_type)
    response.headers['Cache-Control'] = caching
    response.set_etag(found.etag, weak=True)  # the same for both forms
    if found.is_compressed:
        response.vary.add('Accept-Encoding')
    if request.if_none_match.contains_weak(found.etag):
        response.status_code = 304
    elif found.is_compressed and request.accept_encodings.quality('gzip') > 0:
        response.headers['Content-Encoding'] = 'gzip'
        response.data = found.body
    else:
        response.data = found.plain()
    return response
