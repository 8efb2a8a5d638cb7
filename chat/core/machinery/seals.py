"""Sealed texts: what the server gives to a client to be given back as it is, so that nobody can make one up."""
import base64
import hashlib
import hmac

LENGTH = 9  # bytes of a seal, of the 32 that the hash has: to be guessed online only


class Seals:
    """Seals for one `purpose`; the key is derived from the `secret`, so that a seal is of no use for another one."""

    def __init__(self, secret: str, purpose: str) -> None:
        self._key = hmac.digest(secret.encode(), f'chat: {purpose}'.encode(), hashlib.sha256)

    def seal(self, text: str, holder: object) -> str:
        """The text of ASCII without a `~`, and its seal, which is of use to the holder only."""
        return f'{text}~{self._of(text, holder)}'

    def open(self, sealed: str, holder: object) -> str | None:
        """The text that `seal` made this of for the holder; None if it did not."""
        text, _, seal = sealed.rpartition('~')
        return text if sealed.isascii() and hmac.compare_digest(seal, self._of(text, holder)) else None

    def unproven(self, sealed: str) -> str:
        """The text under a seal, of which it says itself for which holder that has to be opened."""
        return sealed.rpartition('~')[0]

    def _of(self, text: str, holder: object) -> str:
        digest = hmac.digest(self._key, f'{holder}:{text}'.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:LENGTH]).decode()
