"""The files of the web client, with the addresses of this version in them."""
import hashlib
import posixpath
import re
from functools import partial
from pathlib import Path

import orjson

from ..static_files import TYPES, Lazily, StaticFile

CONTENT = Path(__file__).with_name('pages')
ENTRIES = 'index.html', 'sw.js', 'manifest.webmanifest'
START = 'js/app.js'
VERSION = b'/web/version/'              # stands in the entries for the folder of all other files
PRELOADS = b'<!-- modulepreload -->'    # stands in the page for links to all modules that it begins with
IMPORT = re.compile(r'^(?:import|export)\b[^\'"();]*?[\'"](\.[^\'"]+)[\'"]', re.MULTILINE)  # not import(): that may wait


class Site:
    """The files in a folder, read when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        self._read = Lazily(partial(read, folder))

    def entry(self, name: str) -> StaticFile:
        """One of ENTRIES."""
        return self._read.get()[1][name]

    def file(self, version: str, name: str) -> StaticFile | None:
        """A file of that version; None if there is no such file, or another version."""
        current, files = self._read.get()
        return files.get(name) if version == current and name not in ENTRIES else None


def read(folder: Path) -> tuple[str, dict[str, StaticFile]]:
    """The version, which is a hash of all content, and the files by name."""
    contents = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob('*'))
                if path.suffix in TYPES}
    total = hashlib.sha256()
    for name, content in contents.items():
        total.update(b'%s\0%d\0%s' % (name.encode(), len(content), content))
    version = total.hexdigest()[:16]
    for name in ENTRIES:
        contents[name] = linked(name, contents, version)
    return version, {name: StaticFile.of(name, content) for name, content in contents.items()}


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
