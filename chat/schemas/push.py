"""Browsers that want to be told of messages while their users are away."""
from typing import Annotated

from pydantic import Field

from ..fields import AnyText
from ..validation import Request


class PushEndpoint(Request):
    """Where a push service takes messages for a browser."""

    endpoint: Annotated[AnyText, Field(max_length=2000)]


class PushKeys(Request):
    """By which messages for a browser are encrypted."""

    p256dh: AnyText = Field(alias='p256dh')
    auth: AnyText


class PushSubscription(PushEndpoint):
    """A browser's, as it serialises itself."""

    keys: PushKeys
    expiration_time: float | None = Field(None, ge=0, le=2**53)

    @property
    def expires_at(self) -> int | None:
        """Milliseconds."""
        return None if self.expiration_time is None else int(self.expiration_time)
