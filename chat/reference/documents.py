"""The references as the bytes that are sent: both documents, and the page that shows them."""
import gzip
import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from werkzeug.routing import Map

import chat
from config import ROOT

from .asyncapi import asyncapi
from .examples import Examples
from .openapi import openapi, routes_in

PAGE = Path(__file__).with_name('page')
TYPES = {'.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8',
         '.json': 'application/json'}


@dataclass(frozen=True, slots=True)
class Document:
    """A file as it is sent, of which only the compressed form is kept."""

    content_type: str
    compressed: bytes
    etag: str

    def plain(self) -> bytes:
        """What it holds: for the few clients that take nothing compressed."""
        return gzip.decompress(self.compressed)


def documents(url_map: Map, views: Mapping[str, Callable[..., Any]]) -> dict[str, Document]:
    """All of them by name, about the routes that are declared among these. Takes about 0.1 s."""
    examples = Examples.recorded()
    contents = {path.name: path.read_bytes() for path in PAGE.iterdir() if path.suffix in TYPES}
    contents['openapi.json'] = orjson.dumps(openapi(routes_in(url_map, views), info('REST'), examples))
    contents['asyncapi.json'] = orjson.dumps(asyncapi(info('Socket.IO'), examples))
    return {name: document(name, content) for name, content in contents.items()}


def document(name: str, content: bytes) -> Document:
    """The Document of that name and content."""
    return Document(TYPES[Path(name).suffix], gzip.compress(content, mtime=0), hashlib.sha256(content).hexdigest()[:16])


def info(edge: str) -> dict[str, Any]:
    """What a document says of itself."""
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
    return {'title': f'Chat over {edge}', 'version': project['version'], 'description': chat.__doc__}
