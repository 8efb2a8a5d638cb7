"""The references over HTTP: what can be asked of this server, and what it says, for programs and for people."""
from collections.abc import Mapping

from flask import Blueprint, Response, current_app
from flask.blueprints import BlueprintSetupState

from ..errors import NotFound
from ..static_files import EACH_TIME, Lazily, StaticFile, answer
from .operation import PUBLIC, FileBytes, operation

blueprint = Blueprint('reference', __name__, url_prefix='/api')
KEPT = 'chat.reference'
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
    """The answer with one of the documents."""
    return answer(current_app.extensions[KEPT].get()[name], EACH_TIME, POLICY)


@blueprint.record
def prepare(state: BlueprintSetupState) -> None:
    """Have the documents made when the first is asked for, and what makes them loaded only then."""
    def make() -> Mapping[str, StaticFile]:
        from ..reference.documents import documents
        return documents(state.app.url_map, state.app.view_functions)

    state.app.extensions[KEPT] = Lazily(make)
