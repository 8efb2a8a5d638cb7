"""Debian's Chromium without a screen, driven through chromedriver by W3C WebDriver, and a server for its pages."""

import base64
import shutil
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests

from tests.support.ports import HOST, free_port
from tests.support.process import Process
from tests.support.waiting import wait_until

_SCRIPT_SECONDS = 20
_FLAGS = (
    '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--autoplay-policy=no-user-gesture-required',
    # Candidates with addresses: nobody resolves the .local names that hide them, in a container.
    '--disable-features=WebRtcHideLocalIpsWithMdns',
    # Every window counts as seen, whichever lies on top.
    '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding',
    '--disable-background-timer-throttling',
)


class Chromium:
    """`Chromium().start()`: a browser with a profile of its own; `open` gives windows."""

    def __init__(self):
        self._folder = Path(tempfile.mkdtemp(prefix='chat-chromium-'))
        self._url = f'http://{HOST}:{free_port()}'
        self._http = requests.Session()
        self._http.trust_env = False  # no proxies
        self._process = self._session = None

    @staticmethod
    def unavailable_reason():
        """What is missing on this machine, or None."""
        missing = [name for name in ('chromium', 'chromedriver') if shutil.which(name) is None]
        return f'not installed: {", ".join(missing)} (apt-get install chromium chromium-driver)' if missing else None

    def start(self):
        """Starts chromedriver, and by it the browser."""
        port = self._url.rpartition(':')[2]
        self._process = Process([shutil.which('chromedriver'), f'--port={port}'], self._folder / 'log', cwd=self._folder)
        wait_until(self._is_ready, 20, 'chromedriver answers')
        options = {'binary': shutil.which('chromium'), 'args': [*_FLAGS, f'--user-data-dir={self._folder / "profile"}']}
        answer = self._ask('POST', '/session', {'capabilities': {'alwaysMatch': {'goog:chromeOptions': options}}})
        self._session = f'/session/{answer["sessionId"]}'
        self.ask('POST', '/timeouts', {'script': _SCRIPT_SECONDS * 1000})
        return self

    def stop(self):
        """Ends the browser and chromedriver, and removes the profile."""
        try:
            if self._session:
                self._ask('DELETE', self._session)
        finally:
            if self._process:
                self._process.stop(10)
            self._http.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def open(self, url):
        """A new window that shows the page."""
        handle = self.ask('POST', '/window/new', {'type': 'window'})['handle']
        window = Window(self, handle)
        window.ask('POST', '/url', {'url': url})
        return window

    def ask(self, method, path, body=None):
        """One command of WebDriver, within the session; returns its value."""
        return self._ask(method, self._session + path, body)

    def _ask(self, method, path, body=None):
        json = {} if method == 'POST' and body is None else body
        value = self._http.request(method, self._url + path, json=json, timeout=60).json()['value']
        assert not (isinstance(value, dict) and 'error' in value), f'{path}: {value["error"]}: {value["message"]}'
        return value

    def _is_ready(self):
        assert self._process.alive, f'chromedriver ended:\n{(self._folder / "log").read_text()[-2000:]}'
        try:
            return self._http.get(self._url + '/status', timeout=5).json()['value']['ready']
        except requests.ConnectionError:
            return False


class Window:
    """One window of a Chromium."""

    def __init__(self, chromium, handle):
        self._chromium, self._handle = chromium, handle

    def ask(self, method, path, body=None):
        """One command of WebDriver to this window."""
        self._chromium.ask('POST', '/window', {'handle': self._handle})
        return self._chromium.ask(method, path, body)

    def run(self, expression, *arguments):
        """The value of a JavaScript expression, awaited; the arguments are `args` in it."""
        script = f'const done = arguments[arguments.length - 1], args = arguments; (async () => {expression})()' \
                 '.then(value => done({value}), error => done({thrown: String(error)}))'
        result = self.ask('POST', '/execute/async', {'script': script, 'args': list(arguments)})
        assert 'thrown' not in result, f'{expression}: {result["thrown"]}'
        return result.get('value')

    def close(self):
        """Closes it; there must be another one, as the first of the browser."""
        handles = self.ask('DELETE', '/window')
        self._chromium.ask('POST', '/window', {'handle': handles[0]})

    def screenshot(self):
        """What is to be seen, as the bytes of a PNG."""
        return base64.b64decode(self.ask('GET', '/screenshot'))


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
