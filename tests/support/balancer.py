"""A balancer that spreads connections over several servers in turn, as bytes, and leaves what goes over them as it is.

nginx spreads by the client's address, which is the same one for all that a test does; this one has each connection of a test
go to another process. Only what belongs to a session of Engine.IO goes where that began, as it must.
"""
import itertools
import re
import socket
import threading

from tests.support.ports import HOST, accepted
from tests.support.proxy import Pair

SESSION = re.compile(rb'[A-Z]+ [^ ]*[?&]sid=([\w-]+)')      # in the first line of a request
BEGINNING = re.compile(rb'0\{"sid":"([\w-]+)","upgrades"')  # in what a server answers to a handshake
PIECE = 65536


class Balancer:
    """Forwards `port` of this machine to `ports`; one that does not listen is left out."""

    def __init__(self, ports):
        self._ports, self._turns = list(ports), itertools.count()
        self._of_session = {}
        self._pairs = set()
        self._listener = socket.create_server((HOST, 0), backlog=500)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        """End it, and all connections through it."""
        self._listener.close()
        for pair in list(self._pairs):
            pair.shut_down()

    def _accept(self):
        for client in accepted(self._listener):
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client:
            try:
                first = client.recv(PIECE)
                port, server = self._reach(first)
            except OSError:
                return  # the client sees its connection closed
            with server:
                pair = Pair(client, server)
                self._pairs.add(pair)
                back = threading.Thread(target=self._forward, args=(server, client, port), daemon=True)
                back.start()
                self._forward(client, server, None, first)
                back.join()
                self._pairs.discard(pair)

    def _reach(self, first):
        """A connection to the server that knows the session, or to the next one that listens; with its port."""
        session = SESSION.match(first)
        turn = next(self._turns)
        ports = [self._ports[(turn + number) % len(self._ports)] for number in range(len(self._ports))]
        for port in [self._of_session[session[1]]] if session and session[1] in self._of_session else ports:
            try:
                return port, socket.create_connection((HOST, port))
            except OSError:
                continue
        raise OSError('no server listens')

    def _forward(self, source, sink, answering_port, data=b''):
        """All that comes; then it is told that no more will."""
        try:
            while data or (data := source.recv(PIECE)):
                if answering_port and (beginning := BEGINNING.search(data)):
                    self._of_session[beginning[1]] = answering_port
                sink.sendall(data)
                data = b''
            sink.shutdown(socket.SHUT_WR)
        except OSError:  # one of them is gone, and so is the connection for the other
            Pair(source, sink).shut_down()
