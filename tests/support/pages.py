"""A server for the pages of tests."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from tests.support.ports import HOST


class Pages:
    """Serves the files of a folder on 127.0.0.1, which browsers trust with cameras."""

    def __init__(self, folder):
        self._server = ThreadingHTTPServer((HOST, 0), partial(_Quiet, directory=str(folder)))
        self.url = f'http://{HOST}:{self._server.server_port}'
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self):
        """Ends the server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass
