"""TCP proxies, which lose what a test wants to see lost: in front of a database, or of the server."""
import socket
import threading

from tests.support.ports import HOST, accepted


class LossyProxy:
    """Forwards `port` of this machine; with `lose_answers`, what the server answers to a matching request is swallowed.

    After the loss both sides are closed, and new connections are refused for as long as `refusing` is set.
    """

    def __init__(self, port):
        self._target = port
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        self.refusing = threading.Event()
        self.lost = threading.Event()
        self._trigger = None
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def lose_answer_to(self, request):
        """Swallow the answer to the next request that holds these bytes, and refuse connections from then on."""
        self._trigger = request

    def _accept(self):
        for client in accepted(self._listener):
            if self.refusing.is_set():
                client.close()
                continue
            server = socket.create_connection((HOST, self._target))
            pair = Pair(client, server)
            threading.Thread(target=self._forward, args=(pair, client, server, True), daemon=True).start()
            threading.Thread(target=self._forward, args=(pair, server, client, False), daemon=True).start()

    def _forward(self, pair, source, sink, is_request):
        try:
            while data := source.recv(65536):
                if is_request and self._trigger and self._trigger in data:
                    self._trigger, pair.is_losing = None, True
                elif not is_request and pair.is_losing:
                    self.refusing.set()
                    self.lost.set()
                    break
                sink.sendall(data)
        except OSError:
            pass
        pair.close()

    def close(self):
        """End the proxy; connections that are open go on."""
        self._listener.close()


class CuttingProxy:
    """Forwards `port` and `url` of this machine to a server, until its lines are cut.

    New lines are refused while `refusing` is set.
    """

    def __init__(self, port):
        self._target = port
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        self.url = f'http://{HOST}:{self.port}'
        self.refusing = threading.Event()
        self._marker = None
        self._pairs = []
        self._lock = threading.Lock()  # a line is either there and can be cut, or is refused
        threading.Thread(target=self._accept, daemon=True).start()

    def lead_to(self, port):
        """New lines go to another server from now on."""
        self._target = port

    def cut(self):
        """Cut all lines."""
        with self._lock:
            for pair in self._pairs:
                pair.close()
            self._pairs.clear()

    def strand(self):
        """Cut all lines on the clients' side; the server is not told, and what it sends from now on is lost."""
        with self._lock:
            for pair in self._pairs:
                pair.close_first()

    def cut_in(self, marker):
        """Cut the line on which the server sends these bytes the next time, in the middle of them."""
        self._marker = marker

    def _accept(self):
        for client in accepted(self._listener):
            with self._lock:
                if self.refusing.is_set():
                    client.close()
                    continue
                server = socket.create_connection((HOST, self._target))
                pair = Pair(client, server)
                self._pairs.append(pair)
            threading.Thread(target=self._forward, args=(pair, client, server, False), daemon=True).start()
            threading.Thread(target=self._forward, args=(pair, server, client, True), daemon=True).start()

    def _forward(self, pair, source, sink, is_answer):
        try:
            while data := source.recv(65536):
                marker = self._marker
                if is_answer and marker and marker in data:
                    self._marker = None
                    sink.sendall(data[:data.index(marker) + len(marker) // 2])
                    break
                sink.sendall(data)
        except OSError:
            pass
        if not pair.is_stranded:  # else the server does not notice
            pair.close()

    def close(self):
        """End the proxy and its lines."""
        self._listener.close()
        self.cut()


class Pair:
    """Two sockets that are one line."""

    def __init__(self, *sockets):
        self.is_losing = self.is_stranded = False
        self._sockets = sockets

    def shut_down(self):
        """End the line; whoever reads from one side learns of it."""
        for each in self._sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already

    def close(self):
        """End the line, and close both sides."""
        self.shut_down()
        for each in self._sockets:
            each.close()

    def close_first(self):
        """Close one side, and keep the other open."""
        self.is_stranded = True
        try:
            self._sockets[0].shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it is closed already
        self._sockets[0].close()
