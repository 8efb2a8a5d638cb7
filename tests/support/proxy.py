"""A TCP proxy in front of a database, which can lose what a test wants to see lost."""
import socket
import threading

from tests.support.ports import HOST


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
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refusing.is_set():
                client.close()
                continue
            server = socket.create_connection((HOST, self._target))
            pair = _Pair(client, server)
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


class _Pair:
    def __init__(self, *sockets):
        self.is_losing = False
        self._sockets = sockets

    def close(self):
        for each in self._sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()
