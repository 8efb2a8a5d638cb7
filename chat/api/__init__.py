"""The REST API: blueprints that turn a request into one call of the core and its result into JSON."""
from . import auth, calls, chat_app_api, chat_io, conversations, messages, operations, rooms, uploads, users


def register(app):
    """Add every blueprint to the application."""
    for module in (auth, users, messages, rooms, uploads, conversations, calls, operations, chat_app_api, chat_io):
        app.register_blueprint(module.blueprint)
