"""Socket.IO: namespaces for chat and calls over the core."""
import logging
from typing import Any

from engineio.payload import Payload
from flask import Flask

from .. import jsonio, transport
from ..extensions import socketio
from ..transport import DirectWire, History, IndexedManager, Namespace, StockWire, Wire, take_events, unseen
from . import call, chat
from .gateway import Gateway
from .origins import Origins

MAX_MESSAGE = 256 * 1024   # bytes of one Engine.IO message
HANDLERS = {'/': chat.EVENTS | call.EVENTS, '/chat': chat.EVENTS, '/call': call.EVENTS | chat.SIGN_IN}
log = logging.getLogger(__name__)
quiet = logging.getLogger('chat.socketio')  # the libraries': what clients do wrong is no error of ours


def register(app: Flask) -> None:
    """Give the application its Socket.IO server; its gateway is kept as app.extensions['chat.sockets']."""
    quiet.setLevel(logging.CRITICAL)
    is_direct = app.config['SOCKET_TRANSPORT'] == 'direct'
    listed = app.config['CLIENT_URL']
    origins = Origins(listed, app.config['PUBLIC_URL']) if listed else '*'
    socketio.init_app(
        app, async_mode='gevent', async_handlers=False, json=jsonio, logger=quiet, engineio_logger=quiet,
        client_manager=IndexedManager(), manage_session=False, http_compression=False, monitor_clients=True,
        max_http_buffer_size=MAX_MESSAGE, cors_allowed_origins=origins, cors_credentials=bool(listed))
    server = socketio.server
    wire: Wire = DirectWire(server, history_for(app, server)) if is_direct else StockWire(server)
    gateway = Gateway(app=app, core=app.extensions['chat'], server=server, wire=wire, handlers=HANDLERS)
    for name in HANDLERS:
        server.register_namespace(Namespace(name, gateway))
    take_events(server, gateway)
    app.extensions['chat.sockets'] = gateway
    if not is_direct:
        Payload.max_decode_packets = MAX_MESSAGE  # of one POST; it drops all beyond 16, and answers 200
    app.extensions['chat.transport'] = transport.install(server.eio) if is_direct else None


def history_for(app: Flask, server: Any) -> History | None:
    """What was sent for as long as clients may come back to it, and before that may have missed it; None if they may not."""
    seconds: int = app.config['RECOVERY_SECONDS']
    return History(seconds=seconds + unseen(server.eio.ping_interval, server.eio.ping_timeout)) if seconds else None


def stop(app: Flask, timeout: float) -> None:
    """Say goodbye to every client, and wait up to `timeout` seconds for them to go."""
    app.extensions['chat.sockets'].stop()
    if app.extensions['chat.transport']:
        app.extensions['chat.transport'].shutdown(timeout)
    else:
        app.extensions['chat.sockets'].close_all(timeout / 2)
