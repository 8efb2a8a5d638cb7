"""Dialects: what each kind of client calls the domain's events, and how it wants them told.

A dialect is a module with

    NAME      as clients and tokens name it
    EVENTS    for the kind of a publish.Event, the function that makes `(name, payload)` of its data
    HANDLERS  for the name of a client's event, its gateway.Handler: words of this dialect alone (optional)

A kind that is not listed is not sent to that dialect. To add one, write such a module and name it in DIALECTS.
"""
from . import chat_app_api, chat_io, realtime_chat, standard

DIALECTS = {module.NAME: module for module in (standard, chat_app_api, chat_io, realtime_chat)}
DEFAULT = standard.NAME
AFTER_LOGIN = realtime_chat.NAME  # of a connection that signs in by the event auth:login
HANDLERS = {name: handler for module in DIALECTS.values() for name, handler in module.HANDLERS.items()}


def render(dialect, event):
    """`(name, payload)` of a publish.Event in that dialect, or None if it has no word for it."""
    make = DIALECTS[dialect].EVENTS.get(event.kind)
    return make and make(event.data)


def speakers_of(kind):
    """The names of the dialects that have a word for that kind of event."""
    return [name for name, module in DIALECTS.items() if kind in module.EVENTS]
