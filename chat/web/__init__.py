"""The web client: a page at `/`, and its files under addresses that change whenever any of them does.

What browsers get stands in `pages/`, as it is written: ES modules, style sheets and texts, nothing is built. `files` reads
and compresses it, once, when the first browser comes.
"""
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app, request

from ..errors import NotFound
from .files import CONTENT, File, Site

FOREVER = 'public, max-age=31536000, immutable'
EACH_TIME = 'no-cache'  # kept, but asked for whether it is still the same
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
    return answer(site.entry(name), EACH_TIME)


@blueprint.get('/web/<version>/<path:name>')
def file(version: str, name: str) -> Response:
    """A file of this version. Raises NotFound."""
    found = site.file(version, name)
    if found is None:
        raise NotFound
    return answer(found, FOREVER)


def answer(found: File, caching: str) -> Response:
    """The answer with a file, or 304, compressed for those who take that."""
    response = Response(headers=POLICY, content_type=found.content_type)
    files = origin(current_app.config['PUBLIC_URL'] or '')  # which stands in front of the addresses of files
    response.headers['Content-Security-Policy'] = CONTENT_POLICY.format(files=files).replace(' ;', ';')
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


def origin(url: str) -> str:
    """Scheme, host and port of an address; nothing of what has none."""
    parts = urlsplit(url)
    return f'{parts.scheme}://{parts.netloc}' if parts.netloc else ''
