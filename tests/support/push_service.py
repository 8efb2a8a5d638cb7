"""A push service and its browsers: HTTPS on loopback, and what arrives is decrypted as a browser would."""
import base64
import json
import ssl
import threading
import uuid
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import http_ece
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.certificates import self_signed
from tests.support.ports import HOST
from tests.support.waiting import wait_until

NAME = 'push.example'


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def unbase64url(text):
    return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))


class Browser:
    """One that is subscribed at the service; `got` are the payloads that it could decrypt, `answers` what it is answered next."""

    def __init__(self, service):
        self._private, self._auth = ec.generate_private_key(ec.SECP256R1()), uuid.uuid4().bytes
        self.id, self.got, self.answers, self.attempts = uuid.uuid4().hex, [], deque(), 0
        self.endpoint = f'{service.url}/send/{self.id}?x=1'
        self.authorizations = []
        self.headers = []

    @property
    def subscription(self):
        """As a browser serialises it."""
        point = self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {'endpoint': self.endpoint, 'expirationTime': None,
                'keys': {'p256dh': base64url(point), 'auth': base64url(self._auth)}}

    def take(self, body, headers):
        """What was sent for it; returns (status, headers) of the answer."""
        self.attempts += 1
        self.headers.append(headers)
        if self.answers:
            return self.answers.popleft()
        payload = http_ece.decrypt(body, private_key=self._private, auth_secret=self._auth, version='aes128gcm')
        self.got.append(json.loads(payload))
        return 201, {}

    def expect(self, count=1, timeout=10):
        """Wait for so many payloads, in all; returns them."""
        wait_until(lambda: len(self.got) >= count, timeout, f'{count} pushes, of which {self.got} came')
        return self.got


class PushService:
    """Listens on 127.0.0.1; `certificate` is the file of the certificate that clients must trust, for HOST and NAME."""

    def __init__(self, folder):
        self.browsers = {}
        self.certificate, key = self._certify(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self._server = ThreadingHTTPServer((HOST, 0), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._server.handle_error = lambda *_: None  # clients that don't trust us
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={'poll_interval': 0.05})
        self._thread.start()

    @property
    def url(self):
        return f'https://{HOST}:{self.port}'

    def browser(self):
        """A new Browser."""
        browser = Browser(self)
        self.browsers[browser.id] = browser
        return browser

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self):
        browsers = self.browsers

        class Handler(BaseHTTPRequestHandler):

            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length']))
                browser = browsers.get(self.path.removeprefix('/send/').partition('?')[0])
                status, headers = browser.take(body, dict(self.headers)) if browser else (404, {})
                self.send_response(status)
                for name, value in {'Content-Length': '0', **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_):
                pass

        return Handler

    def _certify(self, folder):
        """(certificate, key): files."""
        files = folder / 'push.pem', folder / 'push.key'
        self_signed(*files, NAME, HOST)
        return tuple(map(str, files))


def checked_claims(headers, origin):
    """(claims, public key) of a request's VAPID; raises where its signature or its audience is wrong."""
    scheme, _, parameters = headers['Authorization'].partition(' ')
    assert scheme == 'vapid'
    fields = dict(part.strip().split('=', 1) for part in parameters.split(','))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unbase64url(fields['k']))
    return jwt.decode(fields['t'], key, algorithms=['ES256'], audience=origin), fields['k']
