"""Servers that help two browsers find a way to each other: STUN, and TURN for those who have no other."""
import base64
import hashlib
import hmac
from typing import NotRequired

from typing_extensions import TypedDict

from ..machinery.clock import now_ms

LIFETIME = 12 * 3600  # seconds for which a page can begin calls with what it was given


class Credentials(TypedDict):
    """What a TURN server asks for."""

    username: str
    credential: str


class IceServer(TypedDict):
    """One entry of the `iceServers` of an RTCPeerConnection."""

    urls: list[str]
    username: NotRequired[str]
    credential: NotRequired[str]


class IceServers:
    """`secret` is shared with the TURN server: coturn's `static-auth-secret`."""

    def __init__(self, stun_urls: list[str], turn_urls: list[str], secret: str | None) -> None:
        self._stun_urls, self._turn_urls, self._secret = stun_urls, turn_urls, secret

    def for_user(self, user_id: int) -> list[IceServer]:
        """The `iceServers` of an RTCPeerConnection of the user."""
        servers: list[IceServer] = [{'urls': self._stun_urls}] if self._stun_urls else []
        if self._turn_urls:
            servers.append({'urls': self._turn_urls, **self._credentials(user_id)})
        return servers

    def _credentials(self, user_id: int) -> Credentials:
        """Limited in time, and checked by the TURN server itself (draft-uberti-behave-turn-rest-00, section 2.2)."""
        username = f'{now_ms() // 1000 + LIFETIME}:{user_id}'
        digest = hmac.digest((self._secret or '').encode(), username.encode(), hashlib.sha1)
        return {'username': username, 'credential': base64.b64encode(digest).decode()}
