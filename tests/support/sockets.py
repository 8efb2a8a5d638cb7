"""Real socket.io-client connections, driven from Python."""

import itertools
import threading
import time

from tests.support import declared
from tests.support.http import expect_error_shape
from tests.support.node import UNDEFINED, BridgeError, NodeProcess, Pending, error_kind
from tests.support.waiting import Deadline, TimedOut

__all__ = ['UNDEFINED', 'Bridge', 'BridgeError', 'ConnectError', 'Disconnected', 'SocketClient', 'TimedOut',
           'expect_failure', 'expect_ok']

# An event that no server knows. Its acknowledgement comes behind everything that was under way to the client.
BARRIER = 'harness:settle'
# How long what one process has committed may take to a client of another one; then a barrier tells of that too.
LAG = 0.2
# How long one operation inside the bridge, without the network, may take.
_BRIDGE_SECONDS = 10


@error_kind('connect_error')
class ConnectError(Exception):
    """The server refused the connection: `message` and `data` of socket.io-client's connect_error.

    `description` is what the transport said, where it was the transport that failed.
    """

    def __init__(self, message, data=None, description=None):
        super().__init__(message, data, description)
        self.message = message
        self.data = data
        self.description = description

    @classmethod
    def from_bridge(cls, error):
        """From an error of the bridge."""
        return cls(error['message'], error.get('data'), error.get('description'))


@error_kind('disconnected')
class Disconnected(AssertionError):
    """The client is not connected, or was disconnected before the acknowledgement came."""

    @classmethod
    def from_bridge(cls, error):
        """From an error of the bridge."""
        return cls(error['message'])


class Bridge(NodeProcess):
    """One Node process that runs any number of clients."""

    def __init__(self):
        super().__init__()
        self._clients = itertools.count(1)

    def client(self, url, namespace='/', auth=None, share_with=None, is_spread=False, **io_options):
        """An unconnected client. `io_options` are those of io(): transports, extraHeaders, query, reconnection, …

        `share_with` is a client whose connection it uses too, for another namespace (multiplexing). `is_spread`: behind the
        URL there are several processes.
        """
        options = {'reconnection': False, 'forceNew': True, **io_options}
        if auth is not None:
            options['auth'] = auth
        return SocketClient(self, next(self._clients), url, namespace, options, share_with, is_spread)


class SocketClient:
    """One Socket of socket.io-client, with all that it received.

    `recovered` is what socket.io-client says of the newest connection: whether it is the one before, gone on with.
    """

    def __init__(self, bridge, number, url, namespace, options, share_with, is_spread):
        self.namespace = namespace
        self.id = None
        self.connected = False
        self.recovered = None
        self._bridge = bridge
        self._number = number
        self._changed = threading.Condition()
        self._received = []
        self._expected = set()
        self._is_held, self._is_spread = False, is_spread
        bridge.listen(number, self._hear)
        share = share_with._number if share_with else None
        self._ask('open', url=url.rstrip('/'), namespace=namespace, options=options, share=share).result()

    def __repr__(self):
        return f'<SocketClient {self._number} {self.namespace} {self.id if self.connected else "not connected"}>'

    def hold_to_declarations(self):
        """Have all that it is told looked at by tests.support.declared; returns the client itself."""
        self._is_held = True
        return self

    def connect(self, timeout=5):
        """Connects and returns the client itself; raises ConnectError when refused."""
        self._ask('connect').result(timeout)
        return self

    def wait_connected(self, timeout=5):
        """Waits until a client with `reconnection` is connected (again); returns the client itself."""
        self._wait(lambda: self.connected, timeout, 'connected')
        return self

    def emit(self, event, *args):
        """Emits without asking for an acknowledgement. Raises Disconnected when it would not leave now.

        An argument may be anything that JSON knows, bytes (a Buffer), or UNDEFINED. JavaScript has no integers: 1.0
        leaves as 1, and what is beyond 2^53 is rounded; RawSocket sends such things as they are.
        """
        self._ask('emit', event=event, args=args).result(_BRIDGE_SECONDS)

    def call(self, event, *args, timeout=5):
        """Emits and returns the first argument of the acknowledgement; raises TimedOut or Disconnected."""
        return self.call_async(event, *args).result(timeout)

    def call_async(self, event, *args):
        """Like `call`, but returns at once; `.result(timeout)` of what it returns waits, `.done` tells."""
        def answer(arguments):
            value = _first(arguments)
            if self._is_held and isinstance(event, str) and event != BARRIER:
                declared.check_acknowledgement(event, value)
            return value

        return self._ask('call', convert=answer, event=event, args=args)

    def send_many(self, event, payloads, timeout=30):
        """Emits all payloads in one go, without waiting between them, and waits for every acknowledgement.

        Returns [(index of the payload, first argument of its acknowledgement)] in the order of their arrival.
        """
        acks = self._ask('sendMany', event=event, payloads=list(payloads)).result(timeout)
        return [(index, _first(answer)) for index, answer in acks]

    @property
    def transcript(self):
        """All that was received, in order: [(event, args)], and ('disconnect', [reason])."""
        with self._changed:
            return list(self._received)

    def received(self, event):
        """The payloads (first arguments) of all events of this name so far, expected or not."""
        return [_first(args) for name, args in self.transcript if name == event]

    def expect(self, event, timeout=5, where=None):
        """The payload of the next event of this name that was not expected yet (and for which `where` holds).

        Waits for it; raises TimedOut. 'disconnect' is an event too, its payload is the reason.
        """
        index = self._wait(lambda: self._find(event, where), timeout, f'the event {event!r}')[0]
        with self._changed:
            self._expected.add(index)
            return _first(self._received[index][1])

    def expect_nothing(self, event, seconds=None, where=None):
        """Asserts that no event of this name, but those expected already, came or is under way.

        While connected, `settle` proves it without a sleep. Give `seconds` to watch for that long besides, where
        the server might send it later by a timer; a client that is not connected is watched for 0.3 s.
        """
        if self.connected:
            self.settle()
        elif seconds is None:
            seconds = 0.3
        deadline = Deadline(seconds or 0)
        with self._changed:
            while self._find(event, where) is None and not deadline.over:
                self._changed.wait(deadline.remaining)
            found = self._find(event, where)
            assert found is None, f'{self!r}: unexpected {event!r}: {self._received[found[0]][1]}'

    def settle(self, timeout=5):
        """A barrier: returns when all that the server had begun to send to this client has been received.

        Two round trips of an unknown event: the second passes what other greenlets still held during the first.
        The `error` events that it causes are left out of the transcript. From other processes it comes within LAG.
        """
        if self._is_spread:
            time.sleep(LAG)
        for _ in range(2):
            self.call(BARRIER, timeout=timeout)

    def disconnect(self):
        """Disconnects from the namespace, as socket.disconnect() does; the last one closes the connection."""
        self._ask('disconnect').result(_BRIDGE_SECONDS)

    def drop(self):
        """Cuts the TCP connection without a goodbye (of all namespaces on it), as a lost line does.

        A client on its way from polling to websocket gets there first. Over polling alone the server can't notice
        before its ping timeout.
        """
        self._ask('drop').result(_BRIDGE_SECONDS)

    @property
    def transport(self):
        """'websocket' or 'polling', whichever is in use now; None without a connection."""
        return self._ask('transport').result(_BRIDGE_SECONDS)

    def close(self):
        """Disconnects for good and frees the client; its transcript remains. Twice is no error."""
        self._ask('forget').result(_BRIDGE_SECONDS)
        self._bridge.unlisten(self._number)
        self.connected = False

    def _ask(self, operation, convert=lambda result: result, **fields):
        future = self._bridge.request(operation, client=self._number, **fields)
        return Pending(future, f'{self!r} {operation} {fields.get("event", "")}', convert)

    def _hear(self, message):
        with self._changed:
            if message['kind'] == 'connect':
                self.connected, self.id, self.recovered = True, message['sid'], message['recovered']
            elif message['kind'] == 'disconnect':
                self.connected = False
                self._received.append(('disconnect', [message['reason']]))
            elif not _is_echo_of_barrier(message):
                if self._is_held:
                    declared.check_event(message['event'], message['args'], self.namespace)
                self._received.append((message['event'], message['args']))
            self._changed.notify_all()

    def _find(self, event, where):
        """The index, in a tuple, of the first such event that was not expected yet, or None."""
        for index, (name, args) in enumerate(self._received):
            if name == event and index not in self._expected and (where is None or where(_first(args))):
                return (index,)
        return None

    def _wait(self, condition, timeout, what):
        deadline = Deadline(timeout)
        with self._changed:
            while not (found := condition()):
                if deadline.over:
                    raise TimedOut(f'{self!r}: {what}: not within {timeout} s; received: {self._received[-20:]}')
                self._changed.wait(deadline.remaining)
            return found


def expect_ok(ack):
    """Asserts that an acknowledgement says ok, and returns it."""
    assert isinstance(ack, dict) and ack.get('ok') is True, f'not acknowledged as ok: {ack!r}'
    return ack


def expect_failure(ack, code):
    """Asserts that an acknowledgement is {ok: false, code, message, errors?} with this code, and returns it."""
    assert isinstance(ack, dict) and ack.get('ok') is False, f'not acknowledged as a failure: {ack!r}'
    assert ack.get('code') == code, f'another failure than {code}: {ack!r}'
    expect_error_shape({name: value for name, value in ack.items() if name != 'ok'})
    return ack


def _first(args):
    return args[0] if args else None


def _is_echo_of_barrier(message):
    payload = _first(message['args'])
    return message['event'] == 'error' and isinstance(payload, dict) and payload.get('event') == BARRIER
