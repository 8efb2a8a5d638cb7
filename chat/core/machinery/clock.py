"""Time as it is stored and as it is shown."""
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import overload

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ENDINGS = [f'.{rest:03}Z' for rest in range(1000)]  # of a time as text: to look one up takes a third of making it


def now_ms() -> int:
    """Milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000


@overload
def iso(milliseconds: int) -> str: ...


@overload
def iso(milliseconds: None) -> None: ...


def iso(milliseconds: int | None) -> str | None:
    """ISO 8601 in UTC with milliseconds and `Z`; None stays None."""
    if milliseconds is None:
        return None
    return _to_the_second(milliseconds // 1000) + ENDINGS[milliseconds % 1000]


@lru_cache(10_000)
def _to_the_second(seconds: int) -> str:
    at = time.gmtime(seconds)
    return f'{at[0]:04}-{at[1]:02}-{at[2]:02}T{at[3]:02}:{at[4]:02}:{at[5]:02}'


def milliseconds(at: datetime) -> int:
    """Milliseconds since the epoch of a datetime that knows its offset."""
    return (at - EPOCH) // timedelta(milliseconds=1)
