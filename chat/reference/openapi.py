"""OpenAPI 3.1: the operations of the REST API, made from what `@operation` declares above each view."""
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic.alias_generators import to_camel
from werkzeug.routing import Map, Rule

from ..api.forms import FORM, PART
from ..api.operation import PUBLIC, SIGNED, FileBytes, Operation, operation_of
from ..api.paths import IdConverter
from ..errors import ChatError, ErrorObject, NotFound
from ..fields import DIGITS, ID
from ..schemas.lists import Paged
from ..schemas.messages import Upload
from .examples import Examples
from .schemas import Schema, Schemas

JSON = 'application/json'
VARIABLE = re.compile(r'<(?:[^:<>]+:)?(\w+)>')
METHODS = ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')
NULL = {'type': 'null'}
TEXT: Schema = {'type': 'string'}
SECURITY = {
    'bearer': {'type': 'http', 'scheme': 'bearer', 'description': 'The `token` of a sign-in.'},
    'accessToken': {'type': 'apiKey', 'in': 'header', 'name': 'access_token',
                    'description': 'The same in a header of its own.'},
    'signature': {'type': 'apiKey', 'in': 'query', 'name': 'signature',
                  'description': 'Stands in the addresses of files that the server gives out.'},
}
HEADERS = {
    'Link': 'The next page, as `<address>; rel="next"` (RFC 8288); without it there is none.',
    'ETag': 'What the file is known by, for `If-None-Match`.',
    'Content-Range': 'Which bytes these are, and how many there are.',
    'Retry-After': 'After how many seconds to try again.',
}
FILE_HEADERS = {
    'Range': 'One range of bytes: `bytes=0-1023`.', 'If-Range': 'The ETag that the range is of.',
    'If-None-Match': 'The ETag that is there already.',
}
HEADERS_OF = {206: ('ETag', 'Content-Range'), 304: ('ETag',), 416: ('Content-Range',), 429: ('Retry-After',),
              503: ('Retry-After',)}


@dataclass(frozen=True, slots=True)
class Route:
    """An operation and where it is found."""

    method: str
    path: str  # as OpenAPI writes it
    rule: Rule
    view: Callable[..., Any]
    operation: Operation

    @property
    def key(self) -> str:
        """What examples are kept under."""
        return f'{self.method} {self.path}'

    @property
    def errors(self) -> list[type[ChatError]]:
        """All that can be answered instead, by status; a path that names nothing among it."""
        errors = self.operation.possible_errors() | ({NotFound} if self.rule.arguments else set())
        return sorted(errors, key=lambda error: (error.status, error.code))


def routes_in(url_map: Map, views: Mapping[str, Callable[..., Any]]) -> list[Route]:
    """Those that are declared, in the order in which they are registered."""
    found = []
    for rule in url_map.iter_rules():
        view = views[rule.endpoint]
        operation = operation_of(view)
        if operation is not None:
            path = VARIABLE.sub(lambda match: f'{{{to_camel(match[1])}}}', rule.rule)
            found += [Route(method, path, rule, view, operation) for method in METHODS if method in (rule.methods or ())]
    return found


def openapi(routes: Sequence[Route], info: Mapping[str, Any], examples: Examples) -> dict[str, Any]:
    """The document."""
    return OpenApi(routes, examples).document(info)


class OpenApi:
    """Makes the document about some routes."""

    def __init__(self, routes: Sequence[Route], examples: Examples) -> None:
        self._routes, self._examples = routes, examples
        self._schemas = Schemas([ErrorObject, Upload, *types_of(routes)])

    def document(self, info: Mapping[str, Any]) -> dict[str, Any]:
        """All of it."""
        paths: dict[str, dict[str, Any]] = {}
        for route in self._routes:
            paths.setdefault(route.path, {})[route.method.lower()] = self._operation(route)
        used = sorted({error for route in self._routes for error in route.errors}, key=lambda error: error.__name__)
        return {
            'openapi': '3.1.0',
            'info': dict(info),
            'servers': [{'url': '/'}],
            'tags': list({tag['name']: tag for tag in map(tag_of, self._routes)}.values()),
            'paths': paths,
            'components': {
                'securitySchemes': SECURITY,
                'headers': {name: {'description': text, 'schema': TEXT} for name, text in HEADERS.items()},
                'responses': {error.__name__: self._refusal([error]) for error in used},
                'schemas': self._schemas.with_other_names(),
            },
        }

    def _operation(self, route: Route) -> dict[str, Any]:
        declared = route.operation
        described: dict[str, Any] = {
            'operationId': to_camel(route.rule.endpoint.replace('.', '_')),
            'tags': [tag_of(route)['name']],
            'summary': declared.summary,
            'security': security_of(declared.access),
            'parameters': [*path_parameters(route.rule), *self._query_parameters(declared), *header_parameters(declared)],
        }
        if declared.description:
            described['description'] = declared.description
        if declared.body or declared.files:
            described['requestBody'] = {'required': True, 'content': self._bodies(route)}
        described['responses'] = self._responses(route)
        return described

    # ------------------------------------------------------------------ requests

    def _query_parameters(self, declared: Operation) -> Iterator[dict[str, Any]]:
        if declared.query is not None:
            schema = self._schemas.whole(declared.query)
            required = schema.get('required', ())
            for name, field in schema['properties'].items():
                yield moved_description({
                    'name': name, 'in': 'query', 'required': name in required, 'schema': as_text(field)})

    def _bodies(self, route: Route) -> dict[str, Any]:
        """The content of the request, by type."""
        declared, content = route.operation, {}
        bodies, forms = self._examples.bodies_of(route.key), self._examples.bodies_of(route.key, 'form')
        if declared.body is not None:
            content[JSON] = {'schema': self._schemas.of(declared.body), **examples_under(bodies)}
        if declared.files:
            content[FORM] = {'schema': self._form(declared), **examples_under(forms)}
        return content

    def _form(self, declared: Operation) -> Schema:
        """The fields of a form and its files."""
        properties = {name: as_text(field) for model in filter(None, (declared.body, Upload))
                      for name, field in self._schemas.whole(model)['properties'].items()}
        file = {'type': 'string', 'format': 'binary'}
        if declared.body is None:
            return {'type': 'object', 'properties': {PART: file, **properties}, 'required': [PART]}
        files = {'type': 'array', 'items': file, 'maxItems': declared.files}
        required = self._schemas.whole(declared.body).get('required', [])
        return {'type': 'object', 'properties': {**properties, PART: files}, **({'required': required} if required else {})}

    # ------------------------------------------------------------------ answers

    def _responses(self, route: Route) -> dict[str, Any]:
        """What is answered, by status."""
        responses = {str(status): self._answer(route, status) for status in route.operation.answers}
        for status in sorted({error.status for error in route.errors}):
            errors = [error for error in route.errors if error.status == status]
            if str(status) in responses:
                schema = responses[str(status)]['content'][JSON]['schema']
                responses[str(status)]['content'][JSON]['schema'] = {'anyOf': [schema, self._error_schema(errors)]}
            elif len(errors) == 1:
                responses[str(status)] = {'$ref': f'#/components/responses/{errors[0].__name__}'}
            else:
                responses[str(status)] = self._refusal(errors)
        return responses

    def _answer(self, route: Route, status: int) -> dict[str, Any]:
        answer, query = route.operation.answers[status], route.operation.query
        headers = HEADERS_OF.get(status, ('ETag',) if is_file(answer) else
                                 ('Link',) if query is not None and issubclass(query, Paged) else ())
        described: dict[str, Any] = {'description': self._meaning(answer, status)}
        if headers:
            described['headers'] = headers_named(headers)
        if requests := self._examples.requests_of(route.key, status):
            described['x-requests'] = requests  # what the examples of the same names were answers to
        if is_file(answer):
            described['content'] = {each: {} for each in answer.content_types}
        elif answer is not None:
            recorded = self._examples.answers_of(route.key, status)
            described['content'] = {JSON: {'schema': self._schemas.of(answer), **examples_under(recorded)}}
        return described

    def _meaning(self, answer: Any, status: int) -> str:
        if answer is None or is_file(answer):
            return {200: 'The file.', 206: 'A part of the file.', 304: 'It is still the same.'}.get(status, 'Done.')
        return str(self._schemas.whole(answer).get('description', HTTPStatus(status).phrase))

    def _refusal(self, errors: Sequence[type[ChatError]]) -> dict[str, Any]:
        """The answer with one of some errors of the same status."""
        recorded = {error.code: example for error in errors if (example := self._examples.error(error.code))}
        described: dict[str, Any] = {
            'description': ' '.join(meaning_of(error) for error in errors),
            'content': {JSON: {'schema': self._error_schema(errors), **examples_under(recorded)}}}
        if headers := HEADERS_OF.get(errors[0].status):
            described['headers'] = headers_named(headers)
        return described

    def _error_schema(self, errors: Sequence[type[ChatError]]) -> Schema:
        codes = sorted({error.code for error in errors})
        return {'allOf': [self._schemas.of(ErrorObject), {'properties': {'code': {'enum': codes}}}]}


def types_of(routes: Sequence[Route]) -> Iterator[Any]:
    """All types that operations declare."""
    for route in routes:
        declared = route.operation
        yield from (each for each in (declared.body, declared.query) if each is not None)
        yield from (answer for answer in declared.answers.values() if answer is not None and not is_file(answer))


def is_file(answer: Any) -> bool:
    """Whether an answer is a file."""
    return isinstance(answer, type) and issubclass(answer, FileBytes)


def tag_of(route: Route) -> dict[str, Any]:
    """What the operation belongs to: its blueprint, with what the module says of itself."""
    text = sys.modules[route.view.__module__].__doc__ or ''
    return {'name': route.rule.endpoint.partition('.')[0], 'description': ' '.join(text.partition('\n\n')[0].split())}


def meaning_of(error: type[ChatError]) -> str:
    """What an error says of itself."""
    return (error.__doc__ or '').strip().split('\n')[0] if error is not ChatError else error.message + '.'


def security_of(access: str) -> list[dict[str, list[str]]]:
    """Who may call; one of these is enough."""
    schemes = [] if access == PUBLIC else ['bearer', 'accessToken', *(['signature'] if access == SIGNED else [])]
    return [{scheme: []} for scheme in schemes]


def path_parameters(rule: Rule) -> Iterator[dict[str, Any]]:
    """What is named in the path, in its order."""
    for name in VARIABLE.findall(rule.rule):
        is_id = isinstance(rule._converters[name], IdConverter)
        yield {'name': to_camel(name), 'in': 'path', 'required': True, 'schema': ID if is_id else {**TEXT, 'minLength': 1}}


def header_parameters(declared: Operation) -> Iterator[dict[str, Any]]:
    """What asks for a part of a file, or for nothing if it is still the same."""
    names = FILE_HEADERS if 206 in declared.answers else ['If-None-Match'] if 304 in declared.answers else []
    for name in names:
        yield {'name': name, 'in': 'header', 'description': FILE_HEADERS[name], 'schema': TEXT}


def headers_named(names: Sequence[str]) -> dict[str, Any]:
    """These headers of an answer."""
    return {name: {'$ref': f'#/components/headers/{name}'} for name in names}


def as_text(schema: Schema) -> Schema:
    """The schema of a field of a query or a form, where everything is text: there is no null, and digits are a number."""
    if 'anyOf' not in schema:
        return {**schema, 'items': as_text(schema['items'])} if 'items' in schema else schema
    choices = [as_text(choice) for choice in schema['anyOf'] if choice not in (NULL, DIGITS)]
    rest = {key: value for key, value in schema.items() if key != 'anyOf'}
    return {**rest, **choices[0]} if len(choices) == 1 else {**rest, 'anyOf': choices}


def moved_description(parameter: dict[str, Any]) -> dict[str, Any]:
    """The parameter, said of itself what its schema says."""
    schema = dict(parameter['schema'])
    description = schema.pop('description', None)
    return {**parameter, 'schema': schema, **({'description': description} if description else {})}


def examples_under(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Examples by their names, as OpenAPI lists them; nothing for none."""
    return {'examples': {name: {'value': value} for name, value in recorded.items()}} if recorded else {}
