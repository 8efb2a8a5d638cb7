"""The references as the bytes that are sent: both documents, and the page that shows them."""
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
from werkzeug.routing import Map

import chat
from config import ROOT

from ..static_files import TYPES, StaticFile
from .asyncapi import asyncapi
from .examples import Examples
from .openapi import openapi, routes_in

PAGE = Path(__file__).with_name('page')


def documents(url_map: Map, views: Mapping[str, Callable[..., Any]]) -> dict[str, StaticFile]:
    """All of them by name, about the routes that are declared among these. Takes about 0.1 s."""
    examples = Examples.recorded()
    contents = {path.name: path.read_bytes() for path in PAGE.iterdir() if path.suffix in TYPES}
    contents['openapi.json'] = orjson.dumps(openapi(routes_in(url_map, views), info('REST'), examples))
    contents['asyncapi.json'] = orjson.dumps(asyncapi(info('Socket.IO'), examples))
    return {name: StaticFile.of(name, content) for name, content in contents.items()}


def info(edge: str) -> dict[str, Any]:
    """What a document says of itself."""
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
    return {'title': f'Chat over {edge}', 'version': project['version'], 'description': chat.__doc__}
