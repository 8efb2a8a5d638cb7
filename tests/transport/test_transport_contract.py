"""What is used of the libraries beyond their documentation, as it is in the pinned versions.

When one of these fails after an upgrade, chat/transport/ has to be looked at before the upgrade goes out.
"""
import inspect
import json
from importlib.metadata import version
from types import SimpleNamespace

import engineio
import engineio.async_drivers.gevent
import pytest
import socketio
from engineio.payload import Payload
from engineio.socket import Socket
from gevent import pywsgi

from chat.transport import IndexedManager, Transport, direct_connection, install
from chat.transport.request import ChatHandler
from chat.transport.session import EngineSession, PollQueue
from chat.transport.socketio_server import EVENT, LOST

PINNED = {'python-engineio': '4.15.1', 'python-socketio': '5.18.1', 'gevent': '26.9.0', 'Flask-SocketIO': '5.7.0'}


@pytest.fixture
def server():
    return socketio.Server(async_mode='gevent')


def parameters(function):
    return list(inspect.signature(function).parameters)


def source(function):
    return inspect.getsource(function)


@pytest.mark.parametrize('name', PINNED)
def test_the_versions_are_those_that_this_was_written_for(name):
    assert version(name) == PINNED[name]


# ------------------------------------------------------------------ engineio.Server


def test_the_async_driver_has_the_entries_that_are_replaced(server):
    assert {'websocket', 'queue', 'thread', 'sleep', 'event', 'queue_empty'} == set(server.eio._async)
    assert server.eio._async is engineio.async_drivers.gevent._async, 'shared: it must be copied, not changed'


def test_engineio_makes_its_queues_by_the_driver(server):
    install(server.eio)
    assert isinstance(server.eio.create_queue(), PollQueue)


def test_engineio_hands_its_own_handler_to_the_websocket_entry():
    text = source(Socket._upgrade_websocket)
    assert "self.server._async['websocket'](" in text and 'self._websocket_handler, self.server)' in text
    assert 'return ws(environ, start_response)' in text


def test_the_handlers_are_in_a_table_that_on_fills(server):
    assert {'connect', 'message', 'disconnect'} <= set(server.eio.handlers)
    handler = object()
    server.eio.on('connect', handler)
    assert server.eio.handlers['connect'] is handler


def test_socketio_calls_handle_request_of_the_engineio_server_by_its_name(server):
    calls = []
    server.eio.handle_request = lambda *args: calls.append(args)
    server.handle_request({}, None)
    assert calls == [({}, None)]


def test_a_new_socket_is_in_the_table_and_has_its_open_packet_before_connect_is_called():
    text = source(engineio.Server._handle_connect)
    order = [text.index(step) for step in (
        'self.sockets[sid] = s', 's.send(pkt)', "_trigger_event('connect', sid, environ, run_async=False)",
        's.schedule_ping()', 's.handle_get_request(environ, start_response)', 's.connected = True')]
    assert order == sorted(order)


def test_an_answer_that_is_no_list_or_dict_is_passed_on():
    text = source(engineio.Server.handle_request)
    assert 'if isinstance(packets, list)' in text and 'if not isinstance(r, dict):\n            return r' in text


def test_the_service_task_is_started_only_if_wanted(server):
    assert server.eio.start_service_task is True
    install(server.eio)
    assert server.eio.start_service_task is False


# ------------------------------------------------------------------ engineio.Socket


def test_an_engineio_socket_has_the_attributes_and_methods_that_are_used(server):
    eio_socket = Socket(server.eio, 'sid')
    assert set(vars(eio_socket)) == {'server', 'sid', 'queue', 'last_ping', 'connected', 'upgrading', 'upgraded',
                                     'closing', 'closed', 'session'}
    assert set(vars(Socket)) - {'__doc__', '__module__'} == {
        'poll', 'receive', 'check_ping_timeout', 'send', 'handle_get_request', 'handle_post_request', 'close',
        'schedule_ping', '_send_ping', '_upgrade_websocket', '_websocket_handler'}


@pytest.mark.parametrize('name', [
    'poll', 'receive', 'check_ping_timeout', 'send', 'handle_post_request', 'close', 'schedule_ping'])
def test_what_is_overridden_takes_the_same_parameters(name):
    assert parameters(getattr(EngineSession, name)) == parameters(getattr(Socket, name))


def test_a_stock_socket_can_become_a_session_and_keeps_what_it_has(server):
    eio_socket = Socket(server.eio, 'sid')
    EngineSession.adopt(eio_socket, pinger='pinger')
    assert type(eio_socket) is EngineSession and eio_socket.sid == 'sid' and eio_socket.pinger == 'pinger'


def test_a_stock_socket_has_no_direct_connection(server):
    assert direct_connection(Socket(server.eio, 'sid')) is None


def test_the_stock_queue_is_used_only_by_methods_that_are_overridden_or_by_put_and_join():
    uses = [line.strip() for line in source(Socket.close).splitlines() if 'queue' in line]
    assert uses == ['self.queue.put(None)', 'self.queue.join()']
    assert 'queue' not in source(Socket.handle_get_request).replace('QueueEmpty', '')


# ------------------------------------------------------------------ pywsgi


def test_the_handler_has_the_methods_that_are_overridden():
    for name in ('handle', 'read_requestline', 'read_request', 'get_environ', 'log_error', '_handle_client_error',
                 'handle_error'):
        assert parameters(getattr(ChatHandler, name)) == parameters(getattr(pywsgi.WSGIHandler, name))
    assert parameters(pywsgi.WSGIServer.wrap_socket_and_handle) == ['self', 'client_socket', 'address']


def test_the_handler_sends_nothing_once_its_headers_count_as_sent_and_ends_without_a_socket():
    assert 'if self.status and not self.headers_sent' in source(pywsgi.WSGIHandler.process_result)
    assert 'if self.socket is not None' in source(pywsgi.WSGIHandler.handle)
    assert 'if self.response_length:' in source(pywsgi.WSGIHandler._send_error_response_if_possible)


# ------------------------------------------------------------------ the switch


def test_without_install_everything_is_stock(server):
    assert server.eio._async is engineio.async_drivers.gevent._async
    assert server.eio.handle_request.__func__ is engineio.Server.handle_request
    assert Payload.max_decode_packets == 16


def test_install_changes_only_the_server_that_it_is_given(server):
    other = socketio.Server(async_mode='gevent')
    assert isinstance(install(server.eio), Transport)
    assert other.eio._async is engineio.async_drivers.gevent._async
    assert SimpleNamespace(**other.eio._async).websocket is engineio.async_drivers.gevent.WebSocketWSGI
    assert other.eio.start_service_task is True


# ------------------------------------------------------------------ socketio.Server


def test_the_handlers_of_engineio_events_are_methods_that_can_be_wrapped(server):
    assert server.eio.handlers['connect'] == server._handle_eio_connect
    assert server.eio.handlers['message'] == server._handle_eio_message
    assert server.eio.handlers['disconnect'] == server._handle_eio_disconnect
    assert parameters(server._handle_eio_connect) == ['eio_sid', 'environ']
    assert parameters(server._handle_eio_message) == ['eio_sid', 'data']
    assert parameters(server._handle_eio_disconnect) == ['eio_sid', 'reason']


def test_socketio_calls_its_own_handlers_by_their_names(server):
    text = source(socketio.Server._handle_eio_message)
    assert 'self._handle_connect(eio_sid, pkt.namespace, pkt.data)' in text
    assert 'self._handle_event(eio_sid, pkt.namespace, pkt.id, pkt.data)' in text
    assert parameters(server._handle_connect) == ['eio_sid', 'namespace', 'data']
    assert parameters(server._handle_event) == ['eio_sid', 'namespace', 'id', 'data']


def test_binary_parts_wait_in_a_table_by_session(server):
    assert server._binary_packet == {}
    assert 'self._binary_packet[eio_sid] = pkt' in source(socketio.Server._handle_eio_message)


def test_the_manager_has_the_methods_and_tables_that_are_used(server):
    manager = server.manager
    assert (manager.callbacks, manager.pending_connect, manager.pending_disconnect) == ({}, {}, {})
    assert parameters(manager.basic_disconnect)[:2] == ['sid', 'namespace']
    assert parameters(manager.basic_leave_room) == ['sid', 'namespace', 'room']
    assert parameters(manager.eio_sid_from_sid) == ['sid', 'namespace']
    assert parameters(manager.sid_from_eio_sid) == ['eio_sid', 'namespace']


def test_a_connection_is_made_by_the_steps_of_the_stock_server():
    text = source(socketio.Server._handle_connect)
    order = [text.index(step) for step in (
        'sid = self.manager.pre_connect(eio_sid, namespace)', 'if sid is None:', 'self.environ[eio_sid]',
        'except exceptions.ConnectionRefusedError as exc:\n            fail_reason = exc.error_args',
        "packet.CONNECT_ERROR, data=fail_reason", 'self.manager.disconnect(sid, namespace, ignore_queue=True)',
        "packet.CONNECT, {'sid': sid}, namespace=namespace", 'self.manager.connect(sid, namespace)')
        if step in text or pytest.fail(step)]
    assert len(order) == 8


def test_a_connection_can_be_given_another_id_before_it_is_complete():
    server = socketio.Server(async_mode='gevent', client_manager=IndexedManager())
    manager = server.manager
    other = manager.pre_connect('session 1', '/')
    sid = manager.pre_connect('session 2', '/')
    manager.rename(sid, 'kept', '/')
    assert not manager.is_connected('kept', '/')
    manager.connect('kept', '/')
    assert manager.is_connected('kept', '/') and not manager.is_connected(sid, '/')
    assert manager.sid_from_eio_sid('session 2', '/') == 'kept'
    assert manager.eio_sid_from_sid('kept', '/') == 'session 2' and manager.eio_sid_from_sid(sid, '/') is None
    assert manager.pre_connect('session 2', '/') is None, 'it has one connection here already'
    for each in ('kept', other):
        manager.disconnect(each, '/', ignore_queue=True)
    assert (manager.rooms, manager.pending_connect) == ({}, {})


def test_a_namespace_is_told_who_has_gone_and_why(server):
    text = source(socketio.Server._handle_disconnect)
    assert "_trigger_event('disconnect', namespace, sid,\n                            reason or self.reason.CLIENT_DISCONNECT)" in text
    assert 'self._handle_disconnect(eio_sid, n, reason)' in source(socketio.Server._handle_eio_disconnect)
    assert 'del self.environ[eio_sid]' in source(socketio.Server._handle_eio_disconnect)
    assert 'reason=self.server.reason.CLIENT_DISCONNECT' in source(Socket.receive)
    assert parameters(socketio.Namespace.trigger_event) == ['self', 'event', 'args']


def test_a_line_is_lost_by_these_reasons_and_no_others(server):
    reasons = {name: value for name, value in vars(server.eio.reason).items() if name.isupper()}
    assert {name for name, value in reasons.items() if value in LOST} == {'TRANSPORT_CLOSE', 'TRANSPORT_ERROR', 'PING_TIMEOUT'}
    assert set(reasons) - {'TRANSPORT_CLOSE', 'TRANSPORT_ERROR', 'PING_TIMEOUT'} == {'SERVER_DISCONNECT', 'CLIENT_DISCONNECT'}


@pytest.mark.parametrize('text', [
    '2["a"]', '2["a",1]', '20["a"]', '2123["a",{"b":[]}]', '2/chat,["a"]', '2/chat,7["a"]', '2/a/b-c,["a"]', '2["a",","]', '2/,["a"]'])
def test_an_event_is_read_as_the_stock_decoder_reads_it(server, text):
    match, stock = EVENT.match(text), server.packet_class(encoded_packet=text)
    assert match and stock.packet_type == 2
    namespace, ack_id = match.groups()
    assert (namespace or '/', ack_id and int(ack_id)) == (stock.namespace or '/', stock.id)
    assert json.loads(text[match.end():]) == stock.data


@pytest.mark.parametrize('text', ['0{"token":"x"}', '1', '3[1]', '51-["a"]', '2', '2x', '2{"a":1}', '2/chat?a=b,["a"]', '2/chat', '21234567890123456["a"]'])
def test_what_is_no_plain_event_is_left_to_the_stock_decoder(text):
    assert EVENT.match(text) is None


def test_the_stock_wire_sends_packets_by_the_servers_own_method(server):
    assert parameters(server._send_packet) == ['eio_sid', 'pkt']
    assert server.packet_class is socketio.packet.Packet
