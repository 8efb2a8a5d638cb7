"""The WebSocket transport: Engine.IO over RFC 6455 in a few KiB for each idle connection, and without its surprises.

    frames      RFC 6455 as functions of bytes
    websocket   one connection on a non-blocking socket
    greenlets   what all connections share: pings, deadlines, workers
    packets     strict decoding of what clients send
    session     Engine.IO's socket: bounded queue, quiet errors, a clean end
    carrier          a WebSocket that carries a session
    engineio_server  hands all of it to an engineio.Server
    request     pywsgi's handler, which gives its socket away
    quiet       log lines that anyone can cause

and Socket.IO above it, which both this transport and the stock one carry:

    socketio_server  where connections and events leave python-socketio's server
    wire        how answers and events get back to the clients
    recovery    what was sent lately, for clients that lost their line

The application uses the names below. Without `install()` nothing of this is active and Engine.IO uses
simple-websocket. The standard library must be monkey-patched by gevent.
"""
from .engineio_server import Transport, direct_connection, install, text_frame
from .recovery import History, Missed, PrivateIds, fingerprint, takes_offsets, unseen
from .request import ChatHandler, ChatServer
from .socketio_server import IndexedManager, Namespace, Welcome, cut, take_events
from .wire import DirectWire, StockWire, Wire

__all__ = ['ChatHandler', 'ChatServer', 'DirectWire', 'History', 'IndexedManager', 'Missed', 'Namespace', 'PrivateIds',
           'StockWire', 'Transport', 'Welcome', 'Wire', 'cut', 'direct_connection', 'fingerprint', 'install', 'take_events',
           'takes_offsets', 'text_frame', 'unseen']
