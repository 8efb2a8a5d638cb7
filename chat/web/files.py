"""The files of the web client: read, linked and compressed once."""
import gzip
import hashlib
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

import orjson
from gevent.lock import BoundedSemaphore

from ..core.machinery.threads import Threads

CONTENT = Path(__file__).with_name('pages')
ENTRIES = 'index.html', 'sw.js', 'manifest.webmanifest'
TYPES = {
    '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8',
    '.json': 'application/json', '.webmanifest': 'application/manifest+json', '.svg': 'image/svg+xml', '.png': 'image/png',
    '.txt': 'text/plain; charset=utf-8',
}
COMPRESSED_ALREADY = {'.png'}
START = 'js/app.js'
VERSION = b'/web/version/'              # stands in the entries for the folder of all other files
PRELOADS = b'<!-- modulepreload -->'    # stands in the page for links to all modules that it begins with
IMPORT = re.compile(r'^(?:import|export)\b[^\'"();]*?[\'"](\.[^\'"]+)[\'"]', re.MULTILINE)  # not import(): that may wait


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent."""

    content_type: str
    body: bytes
    etag: str
    is_compressed: bool

    def plain(self) -> bytes:
        """What it holds: for the few clients that take nothing compressed."""
        return gzip.decompress(self.body) if self.is_compressed else self.body


class Site:
    """The files in a folder, of which only the compressed form is kept; read when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, BoundedSemaphore()
        self._version = ''
        self._files: dict[str, File] = {}

    def entry(self, name: str) -> File:
        """One of ENTRIES."""
        self._load()
        return self._files[name]

    def file(self, version: str, name: str) -> File | None:
        """A file of that version; None if there is no such file, or another version."""
        self._load()
        return self._files.get(name) if version == self._version and name not in ENTRIES else None

    def _load(self) -> None:
        if not self._files:
            with self._lock:
                if not self._files:
                    threads = Threads(busy='The page is being made ready', size=1)
                    try:
                        self._version, self._files = threads.run(read, self._folder)
                    finally:
                        threads.stop()


def read(folder: Path) -> tuple[str, dict[str, File]]:
    """The version, which is a hash of all content, and the files by name."""
    contents = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob('*'))
                if path.suffix in TYPES}
    total = hashlib.sha256()
    for name, content in contents.items():
        total.update(b'%s\0%d\0%s' % (name.encode(), len(content), content))
    version = total.hexdigest()[:16]
    for name in ENTRIES:
        contents[name] = linked(name, contents, version)
    return version, {name: compressed(name, content) for name, content in contents.items()}


def linked(name: str, contents: dict[str, bytes], version: str) -> bytes:
    """An entry with the addresses of this version in it."""
    base = b'/web/%s/' % version.encode()
    content = contents[name].replace(VERSION, base)
    if name == 'index.html':
        modules = (b'<link rel="modulepreload" href="%s%s">' % (base, module.encode()) for module in imported(contents))
        content = content.replace(PRELOADS, b'\n  '.join(modules))
    if name == 'sw.js':
        shell = {'version': version, 'files': ['/', *(f'{base.decode()}{each}' for each in contents
                                               if each not in ENTRIES and not each.endswith('.txt'))]}
        content = b'const SHELL = %s;\n' % orjson.dumps(shell) + content
    return content


def imported(contents: dict[str, bytes]) -> list[str]:
    """The modules that START needs before it runs, itself first."""
    found = [START]
    for name in found:  # which grows
        for path in IMPORT.findall(contents[name].decode()):
            module = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
            if module not in found:
                found.append(module)
    return found


def compressed(name: str, content: bytes) -> File:
    """A file of that name and content."""
    suffix = Path(name).suffix
    is_compressed = suffix not in COMPRESSED_ALREADY
    body = gzip.compress(content, mtime=0) if is_compressed else content
    return File(TYPES[suffix], body, hashlib.sha256(content).hexdigest()[:16], is_compressed)
