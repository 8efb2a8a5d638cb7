"""Where the bytes of files are kept: a small interface, with a folder of the local disk as its one implementation."""
import hashlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ...errors import Unavailable

CHUNK = 256 * 1024
STALE_SECONDS = 24 * 3600  # after which a temporary file is what a crash left behind


@dataclass(frozen=True, slots=True)
class Saved:
    """Bytes that are in the storage. No other bytes ever get the same key; equal bytes saved again get another one."""

    key: str
    sha256: bytes
    size: int


class LocalStorage:
    """Files under `folder`, named after their content: `ab/abcdef….1f2e3d4c`.

    The ending makes a key unique, so that deleting one can never hit equal bytes that somebody saves at that moment;
    `stored_files` sees to it that equal bytes are kept once. A file appears under its name whole and durable, or not
    at all.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._scratch = self._folder / 'tmp'

    def scratch(self) -> 'Scratch':
        """A new Scratch file, to be written to and then saved or discarded."""
        return Scratch(self._scratch / secrets.token_hex(16))

    def save(self, scratch: 'Scratch') -> Saved:
        """Keep what was written to the Scratch, which is gone then; returns Saved. Blocks: for a native thread."""
        try:
            sha256 = scratch.finish()
            name = sha256.hex()
            key = f'{name}.{secrets.token_hex(4)}'
            path = self._path(key)
            size = scratch.path.stat().st_size
            path.parent.mkdir(exist_ok=True)
            scratch.path.rename(path)
            for folder in (path.parent, self._folder):
                sync_folder(folder)
            return Saved(key, sha256, size)
        except OSError as error:
            raise full(error) from error

    def open(self, key: str) -> BinaryIO:
        """The bytes as a binary file. Raises FileNotFoundError."""
        return open(self._path(key), 'rb')

    def delete(self, keys: Iterable[str]) -> None:
        """Remove the bytes under these keys; those that are gone already are no error."""
        for key in keys:
            self._path(key).unlink(missing_ok=True)

    def older_keys(self) -> Iterator[str]:
        """Yield the keys that were saved over STALE_SECONDS ago."""
        for folder in self._folder.glob('[0-9a-f][0-9a-f]'):
            yield from (path.name for path in folder.iterdir() if is_stale(path))

    def sweep(self) -> int:
        """Remove temporary files that a crash left behind; returns how many."""
        stale = [path for path in self._scratch.glob('*') if is_stale(path)]
        for path in stale:
            path.unlink(missing_ok=True)
        return len(stale)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key


class Scratch:
    """A temporary file, on the same disk as what it may become."""

    def __init__(self, path: Path) -> None:
        self.path, self.size = path, 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file: BinaryIO = open(path, 'x+b')
        except OSError as error:
            raise full(error) from error

    def write(self, piece: bytes) -> None:
        """Add bytes."""
        try:
            self.file.write(piece)
        except OSError as error:
            raise full(error) from error
        self.size += len(piece)

    def finish(self) -> bytes:
        """Make what was written durable and close it; returns its SHA-256."""
        self.file.flush()
        self.file.seek(0)
        digest = hashlib.sha256()
        while piece := self.file.read(CHUNK):
            digest.update(piece)
        os.fsync(self.file.fileno())
        self.file.close()
        return digest.digest()

    def discard(self) -> None:
        """Remove the file, unless it was saved."""
        self.file.close()
        self.path.unlink(missing_ok=True)


def full(error: OSError) -> Unavailable:
    """What a client is told when the disk does not take a file."""
    return Unavailable(f'The server can\'t store files just now: {error.strerror}')


def is_stale(path: Path) -> bool:
    """Whether nobody has written to the file for STALE_SECONDS; one that is gone was somebody's own."""
    try:
        return path.stat().st_mtime < time.time() - STALE_SECONDS
    except FileNotFoundError:
        return False


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
