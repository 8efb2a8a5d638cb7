"""AsyncAPI 3.0: what clients say and are told over Socket.IO, made from the tables of handlers and of dialects' words.

A namespace is a channel. A client's event is an operation of this server that it receives, its acknowledgement the reply;
an event that clients are told is one that it sends. Operations and messages are tagged by the dialect that has them.
"""
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..dialects import DEFAULT, DIALECTS, Handler
from ..errors import ErrorObject
from ..sockets import HANDLERS
from ..sockets.fanout import CHAT_NAMESPACES, namespaces_of
from ..sockets.handshake import Auth
from ..sockets.notices import NOTICES
from ..transport import Welcome
from .examples import Examples
from .schemas import Schema, Schemas, parts_of

CONNECT, CONNECT_ERROR, REFUSED = 'connect', 'connect_error', 'refused'
PREFIX = re.compile(r'`[^`]*`[:;] ')  # the name of an event, which the docstrings of handlers begin with
ALL = ''  # the dialect of what is the same in each


@dataclass(frozen=True, slots=True)
class Sent:
    """An event of clients, and the namespaces that take it."""

    dialect: str
    name: str
    handler: Handler
    namespaces: tuple[str, ...]

    @property
    def summary(self) -> str:
        """What the handler says of it."""
        text = PREFIX.sub('', ' '.join((self.handler.function.__doc__ or '').split()), count=1)
        return text[:1].upper() + text[1:]


@dataclass(frozen=True, slots=True)
class Told:
    """An event that clients are told, and the namespaces on which they are; several core events may be told alike."""

    dialect: str
    name: str
    schema: Any
    summary: str
    namespaces: tuple[str, ...]


def all_sent() -> list[Sent]:
    """Every event of clients, once for each dialect that declares it."""
    standard = {name: handler for handlers in HANDLERS.values() for name, handler in handlers.items()}
    found = [Sent(DEFAULT, name, handler, tuple(namespace for namespace in HANDLERS if name in HANDLERS[namespace]))
             for name, handler in standard.items()]
    for dialect in DIALECTS.values():
        found += [Sent(dialect.name, name, handler, CHAT_NAMESPACES) for name, handler in dialect.handlers.items()]
    return found


def all_told() -> list[Told]:
    """Every event that clients are told, once for each dialect."""
    found: dict[tuple[str, str], Told] = {}
    for name, notice in NOTICES.items():
        found[ALL, name] = Told(ALL, name, notice, first_line(notice), tuple(HANDLERS))
    for dialect in DIALECTS.values():
        for event, word in dialect.words.items():
            before = found.get((dialect.name, word.name))
            summary = f'{before.summary} {first_line(event)}' if before else first_line(event)
            found[dialect.name, word.name] = Told(dialect.name, word.name, word.schema, summary, namespaces_of(event))
    return list(found.values())


def first_paragraph(text: str) -> str:
    """What a module says of itself, as one line."""
    return ' '.join(text.partition('\n\n')[0].split())


def first_line(documented: Any) -> str:
    """What a class says of itself."""
    return (documented.__doc__ or '').strip().split('\n')[0]


def asyncapi(info: Mapping[str, Any], examples: Examples) -> dict[str, Any]:
    """The document."""
    return AsyncApi(examples).document(info)


class AsyncApi:
    """Makes the document."""

    def __init__(self, examples: Examples) -> None:
        self._examples, self._sent, self._told = examples, all_sent(), all_told()
        self._schemas = Schemas([
            Auth, Welcome, ErrorObject, *(told.schema for told in self._told), *(sent.handler.schema for sent in self._sent),
            *(ack for sent in self._sent for ack in parts_of(sent.handler.ack))])

    def document(self, info: Mapping[str, Any]) -> dict[str, Any]:
        """All of it."""
        messages = dict(self._messages())
        operations = dict(self._operations())
        return {
            'asyncapi': '3.0.0',
            'info': {**info, 'tags': [{'name': dialect.name, 'description': first_paragraph(dialect.about)}
                                      for dialect in DIALECTS.values()]},
            'defaultContentType': 'application/json',
            'servers': {'here': {'host': '{host}', 'pathname': '/socket.io/', 'protocol': 'ws',
                                 'description': 'Socket.IO 4 over WebSocket or long polling.',
                                 'variables': {'host': {'default': '127.0.0.1:5000'}}}},
            'channels': {channel_of(namespace): self._channel(namespace) for namespace in HANDLERS},
            'operations': operations,
            'components': {'messages': messages, 'schemas': self._schemas.with_other_names()},
        }

    def _channel(self, namespace: str) -> dict[str, Any]:
        keys = [CONNECT, 'connected', CONNECT_ERROR, REFUSED]
        for sent in self._sent:
            if namespace in sent.namespaces:
                keys += [key_of('sent', sent), key_of('acknowledged', sent)]
        keys += [key_of('told', told) for told in self._told if namespace in told.namespaces]
        return {'address': namespace, 'title': f'Namespace {namespace}',
                'messages': {key: {'$ref': f'#/components/messages/{key}'} for key in keys}}

    # ------------------------------------------------------------------ operations

    def _operations(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for namespace in HANDLERS:
            channel = channel_of(namespace)
            yield f'{channel}.{CONNECT}', operation(
                'receive', channel, CONNECT, 'Open a connection to the namespace.', [CONNECT], ['connected', CONNECT_ERROR])
            for sent in self._sent:
                if namespace in sent.namespaces:
                    yield f'{channel}.{key_of("sent", sent)}', {**operation(
                        'receive', channel, sent.name, sent.summary, [key_of('sent', sent)],
                        [key_of('acknowledged', sent), REFUSED]), **tags(sent.dialect)}
            for told in self._told:
                if namespace in told.namespaces:
                    yield f'{channel}.{key_of("told", told)}', {**operation(
                        'send', channel, told.name, told.summary, [key_of('told', told)]), **tags(told.dialect)}

    # ------------------------------------------------------------------ messages

    def _messages(self) -> Iterator[tuple[str, dict[str, Any]]]:
        yield CONNECT, message(CONNECT, self._schemas.of(Auth))
        yield 'connected', message(CONNECT, self._schemas.of(Welcome))
        yield CONNECT_ERROR, message(CONNECT_ERROR, self._schemas.of(ErrorObject), 'Why there is no connection.')
        yield REFUSED, message('acknowledgement', self._acknowledgement(ErrorObject, False), 'Why it was not done.')
        for sent in self._sent:
            recorded = self._examples.sent(sent.dialect, sent.name)
            yield key_of('sent', sent), {
                **message(sent.name, self._payload(sent.handler), sent.summary, [recorded['payload']] if recorded else []),
                **tags(sent.dialect)}
            acks = [self._acknowledgement(ack, True) for ack in parts_of(sent.handler.ack)]
            yield key_of('acknowledged', sent), {
                **message('acknowledgement', acks[0] if len(acks) == 1 else {'anyOf': acks}, 'It is done.',
                          [recorded['acknowledgement']] if recorded else []), **tags(sent.dialect)}
        for told in self._told:
            examples = self._examples.told(told.dialect, told.name)
            yield key_of('told', told), {
                **message(told.name, self._schemas.of(told.schema), told.summary, examples), **tags(told.dialect)}

    def _payload(self, handler: Handler) -> Schema:
        """Of an event of clients: the schema, or one field of it."""
        if handler.bare is None:
            return self._schemas.of(handler.schema)
        bare: Schema = self._schemas.whole(handler.schema)['properties'][handler.bare]
        return bare

    def _acknowledgement(self, added: Any, ok: bool) -> Schema:
        """What is acknowledged where it adds that type to `ok`."""
        schema = self._schemas.whole(added)
        return {'type': 'object', 'properties': {'ok': {'const': ok}, **schema['properties']},
                'required': ['ok', *schema.get('required', ())], 'additionalProperties': False}


def key_of(what: str, event: Sent | Told) -> str:
    """What a message is kept under, within the letters that keys may have."""
    return re.sub(r'[^\w.-]', '_', '.'.join(filter(None, (event.dialect, what, event.name))))


def channel_of(namespace: str) -> str:
    """The name of the channel that a namespace is."""
    return namespace[1:] or 'root'


def operation(action: str, channel: str, title: str, summary: str, messages: list[str],
              reply: list[str] | None = None) -> dict[str, Any]:
    """An operation on a channel with some of its messages."""
    def listed(keys: list[str]) -> list[dict[str, str]]:
        return [{'$ref': f'#/channels/{channel}/messages/{key}'} for key in keys]

    where = {'$ref': f'#/channels/{channel}'}
    described = {'action': action, 'channel': where, 'title': title, 'summary': summary, 'messages': listed(messages)}
    return {**described, 'reply': {'channel': where, 'messages': listed(reply)}} if reply else described


def message(name: str, payload: Schema, summary: str = '', examples: list[Any] | None = None) -> dict[str, Any]:
    """A message with examples of its payload."""
    described: dict[str, Any] = {'name': name, 'payload': payload}
    if summary:
        described['summary'] = summary
    if examples:
        described['examples'] = [{'payload': example} for example in examples]
    return described


def tags(dialect: str) -> dict[str, Any]:
    """That it is of a dialect, if it is of one."""
    return {'tags': [{'name': dialect}]} if dialect else {}
