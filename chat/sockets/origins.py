"""From which pages browsers may connect."""
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit


class Origins:
    """Those that the host lists, and the server's own: Engine.IO adds none to a list, and its own page must connect.

    Its own is the one of `public_url`, or whatever the request came to as its `Host`. The scheme is not compared: a proxy
    that ends TLS changes it, and most say nothing of it.
    """

    def __init__(self, listed: Iterable[str], public_url: str) -> None:
        self._listed, self._own = frozenset(listed), urlsplit(public_url).netloc.lower()

    def __call__(self, origin: str | None, environ: Mapping[str, Any]) -> bool:
        """Whether a page of that origin may connect, as Engine.IO asks."""
        if origin is None or origin in self._listed:
            return origin is not None
        host = origin.partition('://')[2].lower()
        return bool(host) and host in (environ.get('HTTP_HOST', '').lower(), self._own)
