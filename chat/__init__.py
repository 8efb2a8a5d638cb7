"""A self-hosted, real-time chat backend: REST and Socket.IO over one core."""
import logging
import re
import sys
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request
from gevent.lock import BoundedSemaphore
from sqlalchemy.engine import make_url
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as MethodNotAllowedByRoute

from config import WEAK_SECRET, Config, kept_text

from . import api, cli, migrating, sockets, web
from .api.admission import admit, finish
from .core import build
from .core.machinery.engines import engine_options, is_memory
from .errors import BadRequest, ChatError, ErrorObject, MethodNotAllowed, NotFound, TooLarge
from .extensions import bcrypt, cors, db, jwt
from .jsonio import OrjsonProvider

log = logging.getLogger(__name__)
DATABASE_TIMEOUT = 60  # seconds that a database may take to come up beside us
HTTP_ERRORS: dict[int, type[ChatError]] = {404: NotFound, 405: MethodNotAllowed, 413: TooLarge}
ALLOWED_HEADERS = ['authorization', 'access_token', 'content-type']
EXPOSED_HEADERS = ['Link', 'Retry-After', 'ETag', 'Content-Range']


class ChatApp(Flask):
    """Flask, for views and hooks that are all plain functions."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: to look whether it is a coroutine's five times a request takes a twentieth of its time."""
        return func


def create_app(environ: Mapping[str, str] | None = None) -> Flask:
    """The application: configuration, extensions, core, blueprints, namespaces, errors, commands.

    `environ` stands in for the process's environment. Raises ConfigError.
    """
    config = Config(environ)
    app = ChatApp(__name__, instance_path=config.INSTANCE_PATH, static_folder=None)
    app.config.from_object(config)
    app.json = OrjsonProvider(app)
    set_up_logging(config.LOG_LEVEL)
    bind_extensions(app, config)
    with app.app_context():
        app.extensions['chat'] = build(app.config, db.engine, bcrypt, partial(kept_text, config.INSTANCE_PATH))
    app.extensions['chat.start'] = Starter(app)
    app.before_request(admit)
    app.after_request(finish)
    api.register(app)
    sockets.register(app)
    web.register(app)
    handle_errors(app)
    cli.register(app)
    return app


def bind_extensions(app: Flask, config: Config) -> None:
    """Bind Flask's extensions; the database's folder is made here."""
    url = make_url(config.SQLALCHEMY_DATABASE_URI)
    app.config['SQLALCHEMY_ENGINE_OPTIONS'] = engine_options(url, config.DB_POOL_SIZE)
    if url.get_backend_name() == 'sqlite' and not is_memory(url):
        Path(app.instance_path, url.database or '').parent.mkdir(parents=True, exist_ok=True)
    db.init_app(app)
    jwt.init_app(app)
    bcrypt.init_app(app)
    listed = [re.compile(f'{re.escape(origin)}$') for origin in config.CLIENT_URL]  # a bare [::1] would pass for a pattern
    cors.init_app(app, origins=listed or '*', supports_credentials=bool(listed), allow_headers=ALLOWED_HEADERS,
                  expose_headers=EXPOSED_HEADERS, max_age=600)


def set_up_logging(level: str) -> None:
    """Log to standard error, unless the host has set logging up already."""
    logging.basicConfig(stream=sys.stderr, level=level, format='%(asctime)s %(levelname)s %(name)s: %(message)s')
    logging.getLogger('alembic').setLevel('WARNING')
    logging.getLogger('sqlalchemy.pool').setLevel('CRITICAL')  # a traceback for each lost connection that it puts away


class Starter:
    """Gets a process ready to serve, once: by the server before it listens, or at the latest by the first request."""

    def __init__(self, app: Flask) -> None:
        self._app, self._lock, self._is_done = app, BoundedSemaphore(), False

    def __call__(self) -> None:
        if not self._is_done:
            with self._lock:
                if not self._is_done:
                    if self._app.config['SECRET_IS_WEAK']:
                        log.warning(WEAK_SECRET)
                    with self._app.app_context():
                        migrating.prepare(DATABASE_TIMEOUT)
                    self._app.extensions['chat'].start()
                    self._is_done = True


def handle_errors(app: Flask) -> None:
    """Render every error in the contract's one form."""

    @app.errorhandler(ChatError)
    def chat_error(error: ChatError) -> Response:
        response = jsonify(error.as_object())
        response.status_code = error.status
        if error.retry_after is not None:
            response.headers['Retry-After'] = str(error.retry_after)
        return response

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response | HTTPException:
        status = error.code or 500
        if status in HTTP_ERRORS:
            response = chat_error(HTTP_ERRORS[status]())
        elif 400 <= status < 500:
            response = chat_error(BadRequest(error.description))
        else:
            return error
        if isinstance(error, MethodNotAllowedByRoute) and error.valid_methods:
            response.headers['Allow'] = ', '.join(sorted(error.valid_methods))
        return response

    @app.errorhandler(Exception)
    def bug(error: Exception) -> tuple[ErrorObject, int]:
        request_id = uuid.uuid4().hex
        log.exception('%s %s failed (request %s)', request.method, request.path, request_id)
        body = ChatError(f'Something went wrong here: give the host the number {request_id}').as_object()
        return {**body, 'requestId': request_id}, 500
