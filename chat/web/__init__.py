"""The web client: a page at `/`, and its files under addresses that change whenever any of them does.

What browsers get stands in `pages/`, as it is written: ES modules, style sheets and texts, nothing is built. `files` reads
and compresses it, once, when the first browser comes.
"""
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app

from ..errors import NotFound
from ..static_files import EACH_TIME, StaticFile, answer
from .files import CONTENT, Site

FOREVER = 'public, max-age=31536000, immutable'
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: {files}; media-src 'self' blob: {files}; "
    "connect-src 'self' {files}; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'")
POLICY = {
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(self), microphone=(self), display-capture=(self)',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
}

blueprint = Blueprint('web', __name__)
site = Site(CONTENT)


def register(app: Flask) -> None:
    """Add the web client to the application."""
    app.register_blueprint(blueprint)


@blueprint.get('/', defaults={'name': 'index.html'})
@blueprint.get('/sw.js', defaults={'name': 'sw.js'})
@blueprint.get('/manifest.webmanifest', defaults={'name': 'manifest.webmanifest'})
def entry(name: str) -> Response:
    """What has the same address in every version."""
    return sent(site.entry(name), EACH_TIME)


@blueprint.get('/web/<version>/<path:name>')
def file(version: str, name: str) -> Response:
    """A file of this version. Raises NotFound."""
    found = site.file(version, name)
    if found is None:
        raise NotFound
    return sent(found, FOREVER)


def sent(found: StaticFile, caching: str) -> Response:
    """The answer with a file."""
    files = origin(current_app.config['PUBLIC_URL'] or '')  # which stands in front of the addresses of files
    policy = CONTENT_POLICY.format(files=files).replace(' ;', ';')
    return answer(found, caching, {**POLICY, 'Content-Security-Policy': policy})


def origin(url: str) -> str:
    """Scheme, host and port of an address; nothing of what has none."""
    parts = urlsplit(url)
    return f'{parts.scheme}://{parts.netloc}' if parts.netloc else ''
