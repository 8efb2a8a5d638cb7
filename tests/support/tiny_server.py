"""A Socket.IO server of a few lines, on which tests/test_support.py tries the harness itself."""

from gevent import monkey

monkey.patch_all()

import itertools  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402

import gevent  # noqa: E402
import socketio  # noqa: E402
from engineio.payload import Payload  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

Payload.max_decode_packets = 10_000  # of one POST; it drops all beyond 16, which a client that still polls may well send
sio = socketio.Server(async_mode='gevent', cors_allowed_origins='*')
user_ids = itertools.count(1)


class Events(socketio.Namespace):
    """What the harness needs to see each of its promises kept, and broken."""

    def trigger_event(self, event, sid, *args):
        """Answers unknown events as the contract says."""
        if hasattr(self, f'on_{event}'):
            return super().trigger_event(event, sid, *args)
        error = {'code': 'not_found', 'message': 'There is no such event.'}
        self.emit('error', {**error, 'event': event}, to=sid)
        return {'ok': False, **error}

    def on_connect(self, sid, environ, auth=None):
        """Refuses a token of 'bad'; greets before the client knows that it is connected."""
        if isinstance(auth, dict) and auth.get('token') == 'bad':
            raise socketio.exceptions.ConnectionRefusedError('unauthorized', {'code': 'unauthorized'})
        self.emit('greeting', {'auth': auth, 'agent': environ.get('HTTP_X_AGENT')}, to=sid)

    def on_echo(self, sid, *args):
        """Acknowledges with what came, bytes included."""
        return {'args': list(args)}

    def on_shout(self, sid, payload):
        """Sends `payload` to everybody in the namespace, as the event `news`, shortly after the acknowledgement."""
        gevent.spawn(self.emit, 'news', payload)
        return {'ok': True}

    def on_count(self, sid, amount):
        """Sends the numbers below `amount`, one event each."""
        for number in range(amount):
            self.emit('number', number, to=sid)

    def on_slow(self, sid, seconds):
        """Acknowledges only after some seconds."""
        sio.sleep(seconds)

    def on_leave(self, sid, *args):
        """Throws the client out."""
        self.disconnect(sid)

    def on_crash(self, sid):
        """Leaves a traceback in the log."""
        print('Traceback (most recent call last):\nOops', flush=True)

    def on_disconnect(self, sid, reason):
        """Tells the others how it ended."""
        self.emit('gone', {'sid': sid, 'reason': reason})


sio.register_namespace(Events('/'))
sio.register_namespace(Events('/chat'))


def register(environ):
    """A stand-in for POST /api/auth/register."""
    body = json.loads(environ['wsgi.input'].read(int(environ['CONTENT_LENGTH'])))
    user = {'id': next(user_ids), 'username': body['username'], 'displayName': body.get('displayName')}
    return '201 Created', {'token': f'token-{user["id"]}', 'refreshToken': 'refresh', 'user': user}


def describe(environ):
    """What the server saw of a request."""
    names = [name for name in environ if name.startswith('HTTP_')]
    return '200 OK', {'path': environ['PATH_INFO'], 'env': dict(os.environ), **{n: environ[n] for n in names}}


def refuse(environ):
    """Errors with and without a field too many."""
    error = {'code': 'not_found', 'message': 'There is no such thing.'}
    if environ['PATH_INFO'].endswith('/extra'):
        error['trace'] = 'line 1'
    return '404 Not Found', error


ROUTES = {
    '/health': lambda environ: ('200 OK', {'ok': True}),
    '/api/auth/register': register,
    '/describe': describe,
}


def api(environ, start_response):
    """The WSGI application beside Socket.IO."""
    status, body = ROUTES.get(environ['PATH_INFO'], refuse)(environ)
    start_response(status, [('Content-Type', 'application/json')])
    return [json.dumps(body).encode()]


def main():
    """Serves until SIGTERM; `refuse` ends at once, `stubborn` stays on SIGTERM, `crooked` ends with a 3."""
    if 'refuse' in sys.argv:
        sys.exit('the secret is too weak')
    server = WSGIServer((os.environ['HOST'], int(os.environ['PORT'])), socketio.WSGIApp(sio, api), log=None)
    status = 3 if 'crooked' in sys.argv else 0
    gevent.signal_handler(signal.SIGTERM, print if 'stubborn' in sys.argv else lambda: os._exit(status))
    print('serving', flush=True)
    server.serve_forever()


if __name__ == '__main__':
    main()
