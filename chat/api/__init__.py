"""The REST API: blueprints that turn a request into one call of the core and its result into JSON."""
from . import auth, messages, operations, users


def register(app):
    """Add every blueprint to the application."""
    for module in (auth, users, messages, operations):
        app.register_blueprint(module.blueprint)
