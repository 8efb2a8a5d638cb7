"""Dialects: what each kind of client calls the core's events, how it wants them told, and events of its own.

A dialect is one module with a `Dialect`: a table from each type of event to its name, the type of its payload and what
makes that, and handlers for the events that its clients send and the standard does not know. To add one, write such a
module and name it here. Two dialects may use the same name of an event for different things.
"""
from collections.abc import Iterator, Mapping

from ..core.events import Event
from . import chat_app_api, chat_io, realtime_chat, standard
from .dialect import Dialect, Handler

DIALECTS = {dialect.name: dialect for dialect in (
    standard.DIALECT, chat_app_api.DIALECT, chat_io.DIALECT, realtime_chat.DIALECT)}
DEFAULT = standard.DIALECT.name
AFTER_LOGIN = realtime_chat.DIALECT.name  # of a connection that signs in by the event auth:login


def speakers_of(event: type[Event]) -> Iterator[str]:
    """The names of the dialects that have a word for that type of event."""
    return (name for name, dialect in DIALECTS.items() if event in dialect.words)


def handlers_for(name: str, standard_handlers: Mapping[str, Handler],
                 dialects: Mapping[str, Dialect] = DIALECTS) -> dict[str, Handler]:
    """The handlers of events from connections that speak a dialect: its own, the standard's, then those of others."""
    others = [dialect.handlers for dialect in reversed(list(dialects.values()))]
    return {event: handler for handlers in (*others, standard_handlers, dialects[name].handlers)
            for event, handler in handlers.items()}


__all__ = ['AFTER_LOGIN', 'DEFAULT', 'DIALECTS', 'Dialect', 'Handler', 'handlers_for', 'speakers_of']
