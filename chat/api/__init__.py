"""The REST API: blueprints that turn a request into one call of the core and its result into JSON."""
from . import auth, conversations, messages, operations, rooms, users


def register(app):
    """Add every blueprint to the application."""
    for module in (auth, users, messages, rooms, conversations, operations):
        app.register_blueprint(module.blueprint)
