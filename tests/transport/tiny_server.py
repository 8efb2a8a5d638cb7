"""A tiny python-socketio application on the transport, or on the stock one, for the tests to talk to.

`python tiny_server.py '{"stock": true}'` prints its port. Under gunicorn, `tiny_server:app` with `Worker`, and the
settings in TINY_SERVER.
"""
from gevent import monkey

monkey.patch_all()

import gc  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
import types  # noqa: E402
from pathlib import Path  # noqa: E402
from urllib.parse import parse_qs  # noqa: E402

import gevent  # noqa: E402
import socketio  # noqa: E402
from engineio.payload import Payload  # noqa: E402
from gevent import socket  # noqa: E402
from gevent.event import Event  # noqa: E402
from greenlet import greenlet  # noqa: E402
from gunicorn.workers.ggevent import GeventPyWSGIWorker  # noqa: E402

ROOT = Path(__file__).parents[2]
sys.modules['chat'] = types.ModuleType('chat')  # the transport alone: the application around it takes long to import
sys.modules['chat'].__path__ = [str(ROOT / 'chat')]
from chat.transport import ChatHandler, ChatServer, direct_connection, engineio_server, install, text_frame  # noqa: E402

DEFAULTS = {'stock': False, 'ping_interval': 25, 'ping_timeout': 20, 'max_connections': 10_000,
            'max_backlog': 1 << 21, 'shutdown': 5, 'upgrade_timeout': engineio_server.UPGRADE_TIMEOUT}
settings = DEFAULTS | json.loads(os.environ.get('TINY_SERVER') or (sys.argv[1:] or ['{}'])[0])
logging.basicConfig(level=logging.INFO)

sio = socketio.Server(
    async_mode='gevent', async_handlers=False, http_compression=False, max_http_buffer_size=256 * 1024,
    ping_interval=settings['ping_interval'], ping_timeout=settings['ping_timeout'])
disconnected, counted = [], []
if settings['stock']:
    Payload.max_decode_packets = 1000
    transport = None
else:
    engineio_server.UPGRADE_TIMEOUT = settings['upgrade_timeout']
    transport = install(
        sio.eio, max_backlog=settings['max_backlog'], max_connections=settings['max_connections'])


@sio.event
def echo(sid, data):
    sio.emit('echoed', data, to=sid)
    return data


@sio.event
def alternate(sid, count):
    """Send numbers in turns through Engine.IO and by frames written directly, and acknowledge behind them."""
    eio_socket = sio.eio.sockets[sio.manager.eio_sid_from_sid(sid, '/')]
    for number in range(count):
        connection = direct_connection(eio_socket)
        if number % 2 and connection is not None:
            connection.write(text_frame(f'42["number",{number}]'))
        else:
            sio.emit('number', number, to=sid)
    return count


@sio.event
def flood(sid, data):
    send_flood(sid, **data)


@sio.event
def work(sid, milliseconds):
    """Keep the loop busy."""
    end = time.perf_counter() + milliseconds / 1000
    while time.perf_counter() < end:
        pass


@sio.event
def count(sid):
    counted.append(sid)
    sio.emit('counted', 'x' * 1000, to=sid)


@sio.event
def headers(sid):
    return sorted(sio.environ[sio.manager.eio_sid_from_sid(sid, '/')])


@sio.event
def disconnect(sid, reason):
    disconnected.append(reason)


def send_flood(sid, count, size):
    for _ in range(count):
        sio.emit('flood', 'x' * size, to=sid)
        gevent.sleep(0)


def counts():
    gc.collect()
    state = {'sockets': len(sio.eio.sockets), 'environs': len(sio.environ), 'disconnected': disconnected, 'counted': len(counted),
             'greenlets': sum(isinstance(thing, greenlet) and not thing.dead for thing in gc.get_objects()),
             'descriptors': len(os.listdir('/proc/self/fd')),
             'rss': int(Path('/proc/self/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE')}
    if transport is not None:
        state |= {'websockets': transport.websockets, 'sessions': transport.sessions, 'waiting': transport.waiting}
    return state


def http(environ, start_response):
    """What is not Socket.IO: counts, an echo of the headers and of a body, and a flood for a polling client."""
    path, query = environ['PATH_INFO'], parse_qs(environ['QUERY_STRING'])
    answer = {}
    if path == '/counts':
        answer = counts()
    elif path == '/headers':
        answer = {name: value for name, value in environ.items() if name.startswith('HTTP_')}
    elif path == '/body':
        answer = {'size': len(environ['wsgi.input'].read())}
    elif path == '/error':
        raise RuntimeError('an error of the application')
    elif path == '/flood':
        send_flood(sio.manager.rooms['/'][None].inverse[query['eio'][0]], 200, 1 << 16)
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(answer).encode()]


app = socketio.WSGIApp(sio, http)


class Worker(GeventPyWSGIWorker):
    """gunicorn's worker on our handler."""

    server_class = ChatServer
    wsgi_handler = ChatHandler


def stop(server, stopped):
    server.close()
    if transport is not None:
        transport.shutdown(settings['shutdown'])
    server.stop(timeout=1)
    stopped.set()


def main():
    listener = socket.socket()
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(('127.0.0.1', 0))
    listener.listen(1024)
    tls = {name: settings[name] for name in ('certfile', 'keyfile') if name in settings}
    server = ChatServer(listener, app, log=None, **tls)
    stopped = Event()
    gevent.signal_handler(signal.SIGTERM, lambda: gevent.spawn(stop, server, stopped))
    server.start()
    print(listener.getsockname()[1], flush=True)
    stopped.wait()


if __name__ == '__main__':
    main()
