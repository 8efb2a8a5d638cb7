"""Web Push: what a browser's push service is sent so that only that browser can read it (RFC 8291) and so that the service
knows who sends it (VAPID, RFC 8292).

By `cryptography` alone: `pywebpush` would load `requests` and `aiohttp`, and connect to wherever a name leads. It is loaded
when the first key is needed (8 MiB), so all but `VapidKey.public` is for native threads.
"""
import base64
import hashlib
import hmac
import os
import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

MAX_BODY = 4096      # bytes that every push service takes (RFC 8030, section 7.2)
HEADER = struct.Struct('!16sIB65s')  # salt, size of records, the sender's key with its length
MAX_PAYLOAD = MAX_BODY - HEADER.size - 1 - 16  # the end of the record, and the tag of AES-GCM
SIGNED_SECONDS = 12 * 3600  # for which an authorization is good; 24 hours at most
POINT, SECRET = 65, 16      # bytes of a browser's key, and of its secret


def check_keys(p256dh: bytes, auth: bytes) -> str | None:
    """The name of the one of a browser's two keys that is none; None if they are fine."""
    from cryptography.hazmat.primitives.asymmetric import ec

    if len(auth) != SECRET:
        return 'auth'
    try:
        if len(p256dh) != POINT:
            return 'p256dh'
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), p256dh)
    except ValueError:
        return 'p256dh'
    return None


def encrypt(payload: bytes, p256dh: bytes, auth: bytes) -> bytes:
    """The body of up to MAX_BODY bytes for a payload of up to MAX_PAYLOAD, for the browser that has these keys."""
    return encrypt_with(payload, p256dh, auth, sender=new_private(), salt=os.urandom(16))


def encrypt_with(payload: bytes, p256dh: bytes, auth: bytes, *, sender: 'EllipticCurvePrivateKey', salt: bytes) -> bytes:
    """As `encrypt`, with what is drawn anew for each message."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    public = public_point(sender)
    shared = sender.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), p256dh))
    material = derived(auth, shared, b'WebPush: info\0' + p256dh + public, 32)
    key = derived(salt, material, b'Content-Encoding: aes128gcm\0', 16)
    nonce = derived(salt, material, b'Content-Encoding: nonce\0', 12)
    last_record = payload + b'\x02'
    return HEADER.pack(salt, MAX_BODY, POINT, public) + AESGCM(key).encrypt(nonce, last_record, None)


def derived(salt: bytes, material: bytes, purpose: bytes, length: int) -> bytes:
    """HKDF (RFC 5869) with SHA-256, of up to 32 bytes."""
    return hmac.digest(hmac.digest(salt, material, hashlib.sha256), purpose + b'\x01', hashlib.sha256)[:length]


class VapidKey:
    """The key by which push services, and the browsers that subscribe, know this server.

    `keep(make)` gives the text that was kept before, or keeps the one that `make` makes: the private key and the public
    one, so that whoever asks for the public one needs no cryptography.
    """

    def __init__(self, keep: Callable[[Callable[[], str]], str]) -> None:
        self._keep = keep
        self._text: str | None = None

    @property
    def public(self) -> str:
        """The public key as browsers want it: `applicationServerKey`. Made on first use, which is work for a thread."""
        return self._keys()[1]

    @property
    def is_known(self) -> bool:
        """Whether it was asked for before."""
        return self._text is not None

    def authorization(self, endpoint: str, contact: str | None) -> str:
        """The header Authorization of a request to that endpoint; `contact` is whom its service may write to."""
        origin = '/'.join(endpoint.split('/', 3)[:3])
        claims: dict[str, str | int] = {'aud': origin, 'exp': int(time.time()) + SIGNED_SECONDS}
        if contact:
            claims['sub'] = contact
        private, public = self._keys()
        return f'vapid t={signed(claims, int.from_bytes(decoded(private)))}, k={public}'

    def _keys(self) -> tuple[str, str]:
        self._text = self._text or self._keep(make_key)
        private, public = self._text.split()
        return private, public


def make_key() -> str:
    """A new private key and its public one."""
    private = new_private()
    return f'{encoded(private.private_numbers().private_value.to_bytes(32))} {encoded(public_point(private))}'


def new_private() -> 'EllipticCurvePrivateKey':
    """A private key of the curve P-256."""
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def public_point(private: 'EllipticCurvePrivateKey') -> bytes:
    """The public key of a private one, as 65 bytes."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def signed(claims: dict[str, str | int], private: int) -> str:
    """A JSON Web Token of the claims, by ES256."""
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    from cryptography.hazmat.primitives.hashes import SHA256

    text = f'{encoded(orjson.dumps({"typ": "JWT", "alg": "ES256"}))}.{encoded(orjson.dumps(claims))}'
    signature = ec.derive_private_key(private, ec.SECP256R1()).sign(text.encode(), ec.ECDSA(SHA256()))
    r, s = utils.decode_dss_signature(signature)
    return f'{text}.{encoded(r.to_bytes(32) + s.to_bytes(32))}'


def encoded(data: bytes) -> str:
    """Base64 for addresses, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def decoded(text: str) -> bytes:
    """What `encoded` made this of, or any base64 with or without padding. Raises ValueError."""
    text = text.rstrip('=').replace('+', '-').replace('/', '_')
    return base64.b64decode(text + '=' * (-len(text) % 4), altchars=b'-_', validate=True)
