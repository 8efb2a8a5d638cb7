"""Ways to serve: the embedded server of `python wsgi.py`, a gunicorn worker, and what `flask run` becomes."""
import ctypes
import gc
import ipaddress
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Iterable
from typing import NoReturn

import click
import gevent
from flask import Flask
from gevent.event import Event

from config import ROOT, WEAK_SECRET, ConfigError, url_of

from . import sockets
from .errors import Unavailable
from .transport import ChatHandler, ChatServer

log = logging.getLogger(__name__)
BACKLOG = 1024       # connections that wait to be accepted
STOP_TIMEOUT = 8     # seconds for what has begun to end, at SIGTERM: supervisors kill after ten, if not before
GC_THRESHOLDS = 50_000, 20, 100


def serve(app: Flask) -> NoReturn:
    """Serve on HOST and PORT until SIGTERM or SIGINT; never returns."""
    host, port = app.config['HOST'], app.config['PORT']
    try:
        refuse_weak_secret(app, [host])
    except ConfigError as error:
        sys.exit(str(error))
    listener = listen(host, port)
    try:
        prepare(app)
    except (Unavailable, ConfigError) as error:
        sys.exit(f'The server can\'t start: {error}')
    server = ChatServer(listener, app, log=None, error_log=app.logger)
    told_to_stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, told_to_stop.set)
    server.start()
    print(f'chat is ready on {url_of(host, listener.getsockname()[1])}', flush=True)
    tell_systemd('READY=1')
    told_to_stop.wait()
    tell_systemd('STOPPING=1')
    server.close()
    finish(app)
    sys.exit(0)


def tell_systemd(state: str) -> None:
    """Say so to whoever started this process, where that wants to know: a unit of `Type=notify`, see sd_notify(3)."""
    path = os.environ.get('NOTIFY_SOCKET')
    if not path:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(state.encode(), path.replace('@', '\0', 1) if path.startswith('@') else path)
    except OSError as error:
        log.warning('systemd could not be told %s: %s', state, error)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; ends the process, with the reason, when there can't be one."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM,
                                                                flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        send_at_once(listener)
        listener.bind(address)
    except OSError as error:
        sys.exit(f'The server can\'t listen on {host} port {port}: {error.strerror}. Set HOST or PORT.')
    listener.listen(BACKLOG)
    return listener


def send_at_once(listener: socket.socket) -> None:
    """Turn Nagle's algorithm off for whatever is accepted here: pywsgi leaves it on, which costs stalls of 43 ms."""
    if listener.family in (socket.AF_INET, socket.AF_INET6):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def host_of(listener: socket.socket) -> str:
    """The address that a socket listens on; the path of a Unix socket, which a proxy makes public."""
    name = listener.getsockname()
    return name if isinstance(name, str) else str(name[0])


def prepare(app: Flask) -> None:
    """What a process does once before it serves: the schema, the background work, and a quiet garbage collector."""
    raise_file_limit()
    app.extensions['chat.start']()
    gc.collect()
    gc.freeze()  # what is there now stays: it need not be looked through again
    gc.set_threshold(*GC_THRESHOLDS)
    give_memory_back()


def give_memory_back() -> None:
    """Return to the system what the start no longer needs, where the C library can (glibc)."""
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
    if trim is not None:
        trim(0)


def raise_file_limit() -> None:
    """As many open files as the system lets us have: each connection is one, and the usual 1,024 are soon used up."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def finish(app: Flask) -> None:
    """Store and answer what was accepted, then send everybody away."""
    app.extensions['chat'].writer.stop()
    deadline = time.monotonic() + STOP_TIMEOUT
    sockets.stop(app, STOP_TIMEOUT)
    while ChatHandler.active and time.monotonic() < deadline:
        gevent.sleep(0.02)
    app.extensions['chat'].stop()


def refuse_weak_secret(app: Flask, hosts: Iterable[str]) -> None:
    """Raise ConfigError when a secret that can be guessed would face more than this machine."""
    if app.config['SECRET_IS_WEAK'] and not all(is_loopback(host) for host in hosts):
        raise ConfigError(f'Refusing to serve on {", ".join(hosts)}. {WEAK_SECRET}')


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'


def replace_flask_run() -> None:
    """Turn `flask run` into the real server: its own can't hold WebSockets."""
    context = click.get_current_context(silent=True)
    if context is None or context.info_name != 'run' or os.environ.get('FLASK_RUN_FROM_CLI') != 'true':
        return
    for name, parameter in (('HOST', 'host'), ('PORT', 'port')):
        if context.get_parameter_source(parameter) is not click.core.ParameterSource.DEFAULT:
            os.environ[name] = str(context.params[parameter])
    del os.environ['FLASK_RUN_FROM_CLI']
    os.execv(sys.executable, [sys.executable, str(ROOT / 'wsgi.py')])
