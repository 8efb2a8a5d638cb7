"""The references over HTTP: what can be asked of this server, and what it says, for programs and for people."""
from flask import Blueprint, Response, current_app, request
from gevent.lock import BoundedSemaphore

from ..core.machinery.threads import Threads
from ..errors import NotFound
from .operation import PUBLIC, FileBytes, operation

blueprint = Blueprint('reference', __name__, url_prefix='/api')
KEPT = 'chat.reference'
lock = BoundedSemaphore()
POLICY = {
    'Content-Security-Policy': "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
                               "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'Referrer-Policy': 'no-referrer',
}


class JsonFile(FileBytes):
    """One that is JSON."""

    content_types = ('application/json',)


class PageFile(FileBytes):
    """One of the page for people."""

    content_types = ('text/html', 'text/css', 'text/javascript')


@blueprint.get('/openapi.json')
@operation(answers={200: JsonFile, 304: None}, access=PUBLIC)
def openapi() -> Response:
    """Every request and its answers, as OpenAPI 3.1."""
    return kept('openapi.json')


@blueprint.get('/asyncapi.json')
@operation(answers={200: JsonFile, 304: None}, access=PUBLIC)
def asyncapi() -> Response:
    """Every event in both directions, with acknowledgements and dialects, as AsyncAPI 3.0."""
    return kept('asyncapi.json')


@blueprint.get('/docs')
@operation(answers={200: PageFile, 304: None}, access=PUBLIC)
def docs() -> Response:
    """Both as a page for people."""
    return kept('index.html')


@blueprint.get('/docs/<name>')
@operation(answers={200: PageFile, 304: None}, errors=[NotFound], access=PUBLIC)
def docs_file(name: str) -> Response:
    """What the page is made of."""
    if name not in ('reference.css', 'reference.js', 'parts.js'):
        raise NotFound
    return kept(name)


def kept(name: str) -> Response:
    """The answer with one of the documents, or 304, compressed for those who take that; the first request has all made."""
    app = current_app
    if KEPT not in app.extensions:
        with lock:
            if KEPT not in app.extensions:
                threads = Threads(busy='The references are being made', size=1)
                try:
                    app.extensions[KEPT] = threads.run(make, app.url_map, app.view_functions)
                finally:
                    threads.stop()
    found = app.extensions[KEPT][name]
    response = Response(headers=POLICY, content_type=found.content_type)
    response.headers['Cache-Control'] = 'no-cache'
    response.set_etag(found.etag, weak=True)  # the same for both forms
    response.vary.add('Accept-Encoding')
    if request.if_none_match.contains_weak(found.etag):
        response.status_code = 304
    elif request.accept_encodings.quality('gzip') > 0:
        response.headers['Content-Encoding'] = 'gzip'
        response.data = found.compressed
    else:
        response.data = found.plain()
    return response


def make(*routes: object) -> object:
    """The documents; what makes them is loaded with the first that is asked for."""
    from ..reference.documents import documents
    return documents(*routes)  # type: ignore[arg-type]
