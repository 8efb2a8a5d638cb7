"""Signed addresses: whoever has one may fetch what it names, for a while, without a token."""
import base64
import hashlib
import hmac
from collections.abc import Callable

from ..machinery.clock import now_ms

HOUR = 3_600_000  # milliseconds
LENGTH = 24       # bytes of a signature, of the 32 that the hash has


class Signatures:
    """An address is the same for all who ask within an hour of the clock, and is good until the end of the next one.

    The key is derived from the `secret`, so that no signature is of use where the secret signs something else.
    """

    def __init__(self, secret: str, public_url: str = '', clock: Callable[[], int] = now_ms) -> None:
        self._key = hmac.digest(secret.encode(), b'chat: addresses of files', hashlib.sha256)
        self._public_url, self._clock = public_url, clock

    def url(self, path: str, subject: object) -> str:
        """The address of `path` with the signature of what it shows; relative unless the host gave a PUBLIC_URL."""
        return f'{self._public_url}{path}?signature={self._sign(subject, self._clock() // HOUR)}'

    def is_valid(self, signature: str | None, subject: object) -> bool:
        """Whether the signature is one that `url` made for the subject, in this hour or the one before."""
        if not signature or not signature.isascii():
            return False
        hour = self._clock() // HOUR
        return any([hmac.compare_digest(signature, self._sign(subject, then)) for then in (hour, hour - 1)])

    def _sign(self, subject: object, hour: int) -> str:
        digest = hmac.digest(self._key, f'{hour}:{subject}'.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:LENGTH]).decode()
