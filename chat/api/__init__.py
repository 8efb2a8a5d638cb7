"""The REST API: blueprints that turn a request into one call of the core and its result into JSON.

Each view is declared by `@operation`. How a request gets to it: `admission` finds out who is calling, `operation` reads
and checks what was sent (`bodies`, `forms`), the view calls the core (`context`), and lists go out by `pages`.
"""
from flask import Flask

from . import (
    auth,
    calls,
    chat_app_api,
    chat_io,
    conversations,
    messages,
    operations,
    push,
    reference,
    rooms,
    sync,
    uploads,
    users,
)
from .paths import IdConverter


def register(app: Flask) -> None:
    """Add every blueprint to the application."""
    app.url_map.converters['id'] = IdConverter
    app.url_map.merge_slashes = False
    for module in (auth, users, messages, rooms, sync, push, uploads, conversations, calls, operations, reference,
                   chat_app_api, chat_io):
        app.register_blueprint(module.blueprint)
