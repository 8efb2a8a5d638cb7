"""Redis as this server uses it."""
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

ANSWER_SECONDS = 5  # in which Redis answers, or is taken to be gone


def connect_to(url: str, seconds: float = ANSWER_SECONDS) -> Any:
    """A client that fails at once where Redis does not answer: what to do then is for its user to say.

    Its own types say that answers may be text or bytes, of several protocols; these are bytes, of one.
    """
    return Redis.from_url(url, protocol=2, socket_timeout=seconds, socket_connect_timeout=ANSWER_SECONDS,
                          retry=Retry(NoBackoff(), 0))
