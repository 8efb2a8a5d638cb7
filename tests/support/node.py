"""The Node.js process that runs tests/node/bridge.js, and the JSON lines to and from it."""

import base64
import fcntl
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import threading
from concurrent.futures import Future
from pathlib import Path

from tests.support.process import dying_with_the_tests
from tests.support.waiting import TimedOut

FOLDER = Path(__file__).resolve().parents[1] / 'node'
_INSTALLED = FOLDER / 'node_modules'


class BridgeError(AssertionError):
    """The bridge, or socket.io-client in it, refused an operation."""


class _Undefined:
    def __repr__(self):
        return 'UNDEFINED'


UNDEFINED = _Undefined()
"""JavaScript's undefined as an argument; JSON turns it into null, or leaves the key out."""


def _encode(value):
    if isinstance(value, (bytes, bytearray)):
        return {'$buffer': base64.b64encode(value).decode()}
    if value is UNDEFINED:
        return {'$undefined': True}
    raise TypeError(f'{value!r} has no form in JSON')


def _decode(value):
    if isinstance(value.get('$buffer'), str):
        return base64.b64decode(value['$buffer'])
    return value


class Pending:
    """An answer that is still to come."""

    def __init__(self, future, what, convert=lambda result: result):
        self._future = future
        self._what = what
        self._convert = convert

    @property
    def done(self):
        """Whether `result` would answer at once."""
        return self._future.done()

    def result(self, timeout=5):
        """Waits for the answer; raises TimedOut, or what went wrong."""
        try:
            return self._convert(self._future.result(timeout))
        except TimeoutError:
            raise TimedOut(f'{self._what}: no answer within {timeout} s') from None


class NodeProcess:
    """Starts the bridge; `request` asks it for something, `listen` hears what a client of it receives."""

    def __init__(self):
        install()
        self._errors = tempfile.TemporaryFile()
        self._popen = subprocess.Popen(
            dying_with_the_tests([shutil.which('node'), 'bridge.js']), cwd=FOLDER, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self._errors, start_new_session=True,
        )
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._replies = {}
        self._listeners = {}
        self._over = False
        self._reader = threading.Thread(target=self._read, name='node bridge', daemon=True)
        self._reader.start()

    @staticmethod
    def unavailable_reason():
        """What is missing on this machine, or None."""
        if shutil.which('node') is None:
            return 'Node.js is not installed: no node (apt-get install nodejs npm)'
        if not _is_installed() and shutil.which('npm') is None:
            return 'what tests/node needs is not installed there, and there is no npm to install it'
        return None

    @classmethod
    def available(cls):
        """Whether the bridge can run here, after an `npm ci` perhaps."""
        return cls.unavailable_reason() is None

    @property
    def pid(self):
        """The process id of Node."""
        return self._popen.pid

    def request(self, operation, **fields):
        """Asks for an operation; returns the Future of its result."""
        future = Future()
        with self._lock:
            number = next(self._numbers)
            line = json.dumps({'id': number, 'op': operation, **fields}, default=_encode, allow_nan=False)
            if self._over:
                raise BridgeError(f'the Node bridge has ended: {self._stderr()}')
            self._replies[number] = future
            try:
                self._popen.stdin.write(line.encode() + b'\n')
                self._popen.stdin.flush()
            except BrokenPipeError:
                pass  # the reader sees the end too, and fails this future with the reason
        return future

    def listen(self, client, callback):
        """Calls `callback(message)`, on the reader's thread, for whatever `client` (a number) receives."""
        self._listeners[client] = callback

    def unlisten(self, client):
        """Ends `listen`."""
        self._listeners.pop(client, None)

    def stop(self):
        """Closes its input, upon which it ends; its connections are cut."""
        with self._lock:
            self._popen.stdin.close()
        try:
            self._popen.wait(10)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
            raise
        finally:
            self._reader.join(5)
            self._popen.stdout.close()
            self._errors.close()

    def _read(self):
        for line in self._popen.stdout:
            message = json.loads(line, object_hook=_decode)
            if 'reply' in message:
                self._settle(message)
            else:
                listener = self._listeners.get(message['client'])
                if listener is not None:
                    listener(message)
        with self._lock:
            self._over = True
            unanswered, self._replies = list(self._replies.values()), {}
        for future in unanswered:
            future.set_exception(BridgeError(f'the Node bridge has ended: {self._stderr()}'))

    def _settle(self, message):
        with self._lock:
            future = self._replies.pop(message['reply'])
        if 'error' in message:
            future.set_exception(_exception(message['error']))
        else:
            future.set_result(message['result'])

    def _stderr(self):
        if self._errors.closed:
            return 'it was stopped'
        return os.pread(self._errors.fileno(), 4000, 0).decode(errors='replace')


_KINDS = {}


def error_kind(kind):
    """Class decorator: errors of the bridge of this kind become `cls.from_bridge(error)`."""
    def register(cls):
        _KINDS[kind] = cls
        return cls
    return register


def _exception(error):
    cls = _KINDS.get(error['kind'])
    return cls.from_bridge(error) if cls else BridgeError(error['message'])


def install():
    """Brings tests/node/node_modules to what package-lock.json says, unless it is there. Raises BridgeError.

    Of the processes in which tests run side by side one does it, and the others wait.
    """
    with (FOLDER / 'package-lock.json').open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_installed():
            return
        done = subprocess.run([shutil.which('npm'), 'ci', '--include=dev'], cwd=FOLDER, capture_output=True, text=True,
                              timeout=300, check=False)
        if done.returncode:
            raise BridgeError(f'npm ci failed in {FOLDER}: {done.stderr[-2000:]}')


def _is_installed():
    package = json.loads((FOLDER / 'package.json').read_text())
    return all(_version(name) == version for kind in ('dependencies', 'devDependencies') for name, version in package[kind].items())


def _version(name):
    path = _INSTALLED / name / 'package.json'
    return json.loads(path.read_text())['version'] if path.exists() else None
