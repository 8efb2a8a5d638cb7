"""Connection state recovery, as socket.io has it: what was sent lately, and the ids by which lost clients come back.

A client is given a private id, `pid`, and with each event an offset. It comes back with its pid and the last offset
that it has seen, and gets what it missed. See https://socket.io/docs/v4/connection-state-recovery.

Nothing is kept for a connection that is there. What was sent is kept once, whoever got it, with a way to tell who did;
the pid says by itself, under a seal, whose it is. Offsets are numbers that only grow, given in the order in which events
are sent, so an offset stands for all before it too.
"""
import base64
import hmac
import secrets
import sys
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Protocol

from ..loop import give_way
from .frames import payload_of

MAX_BYTES = 1 << 26       # of all that is kept, with what each entry takes beside its frames
MAX_MISSED = 1 << 20      # bytes for one client; one that missed more is better off asking anew
ENTRY_OVERHEAD = 500      # bytes: its tuple, its table of frames, who got it, and its place
EVENT_OVERHEAD = 256      # bytes that a missed event may take in a queue, beside its text
PIECE = 2000              # entries looked through before the others have their turn
SLACK = 5                 # seconds by which a ping may be late
SEAL_BYTES = 16
# Client libraries that hand all arguments to handlers which expect one: by the beginning of their User-Agent
STRICT_CLIENTS = ('python', 'dart')


class Recipient(Protocol):
    """A connection, there or lost. Those of one kind get the same frames."""

    @property
    def kind(self) -> Hashable:
        """The kind."""


class Recipients(Protocol):
    """Those whom an event was for, as of the moment when it was sent."""

    @property
    def shared(self) -> object:
        """What it holds together with other events: it is counted once. None if there is nothing."""

    def includes(self, recipient: Any) -> bool:
        """Whether the event was for that one."""


class Missed:
    """What a lost connection missed: `frames`, in order, of all that was sent up to the number `position`."""

    __slots__ = ('recipient', 'position', 'frames', 'size')

    def __init__(self, recipient: Recipient, position: int) -> None:
        self.recipient, self.position = recipient, position
        self.frames: list[bytes] = []
        self.size = 0


class History:
    """What was sent in the last `seconds`, and of that the newest `max_bytes`."""

    def __init__(self, *, seconds: float, max_bytes: int = MAX_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._max_bytes, self._clock = seconds, max_bytes, clock
        self._prefix = f'{secrets.token_urlsafe(6)}.'  # this process's: numbers of an earlier one mean nothing here
        self._entries: dict[int, tuple[float, Recipients, Mapping[Any, bytes | None], int]] = {}
        self._first, self.last = 1, 0       # the number of the oldest that is kept, and of the newest
        self._forgotten_at = float('-inf')  # when the newest was sent that is no longer kept
        self._shared: dict[int, int] = {}   # how many entries hold a shared thing, by its id
        self.size = 0  # bytes

    # ------------------------------------------------------------------ offsets

    @property
    def offset(self) -> str:
        """The offset of an event that is sent now and not kept: whoever has it has all before it."""
        return f'{self._prefix}{self.last}'

    @property
    def next_offset(self) -> str:
        """The offset of the event that is added next."""
        return f'{self._prefix}{self.last + 1}'

    def number_of(self, offset: Any) -> int | None:
        """The number behind an offset; None unless this process has given it."""
        if not isinstance(offset, str) or not offset.startswith(self._prefix):
            return None
        digits = offset[len(self._prefix):]
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
            return None
        return int(digits) if int(digits) <= self.last else None

    # ------------------------------------------------------------------ what is kept

    def add(self, recipients: Recipients, frames: Mapping[Any, bytes | None]) -> None:
        """Keep an event that is being sent with `next_offset`: a frame for each kind of its recipients, or None."""
        now, size = self._clock(), ENTRY_OVERHEAD
        for frame in frames.values():
            size += len(frame) if frame else 0
        self.last += 1
        self._entries[self.last] = now, recipients, frames, size
        self.size += size
        shared = recipients.shared
        if shared is not None:
            holders = self._shared.get(id(shared), 0)
            self._shared[id(shared)] = holders + 1
            if not holders:
                self.size += sys.getsizeof(shared)
        while self.size > self._max_bytes:
            self._forget_oldest()
        if self._entries and self._entries[self._first][0] < now - self._seconds:
            self.forget(most=8)

    def forget(self, most: int = PIECE) -> None:
        """Let go of what is too old, of so many entries at most."""
        too_old = self._clock() - self._seconds
        while most and self._entries and self._entries[self._first][0] < too_old:
            self._forget_oldest()
            most -= 1

    def _forget_oldest(self) -> None:
        self._forgotten_at, recipients, _, size = self._entries.pop(self._first)
        self._first += 1
        self.size -= size
        shared = recipients.shared
        if shared is not None:
            holders = self._shared[id(shared)] - 1
            if holders:
                self._shared[id(shared)] = holders
            else:
                del self._shared[id(shared)]
                self.size -= sys.getsizeof(shared)

    # ------------------------------------------------------------------ what was missed

    def missed(self, recipient: Recipient, since: int, seen_until: float) -> Missed | None:
        """What was sent to the recipient after the number `since`, up to now; None if that is not known, or too much.

        `seen_until` is the time (of the clock) up to which it has seen everything, whatever its last offset. Others may
        have their turn meanwhile: `read_on` adds what was sent then.
        """
        if since + 1 < self._first and self._forgotten_at >= seen_until:
            return None
        missed = Missed(recipient, max(since, self._first - 1))
        while missed.position < self.last:
            if not self.read_on(missed, PIECE) or missed.size > MAX_MISSED:
                return None
            if missed.position < self.last:
                give_way()
        return missed

    def read_on(self, missed: Missed, most: int | None = None) -> bool:
        """Add what has been sent since; False if it is no longer known. Nobody else has a turn meanwhile."""
        end = self.last if most is None else min(self.last, missed.position + most)
        recipient, kind = missed.recipient, missed.recipient.kind
        for number in range(missed.position + 1, end + 1):
            entry = self._entries.get(number)
            if entry is None:
                return False
            frame = entry[2].get(kind) if entry[1].includes(recipient) else None
            if frame:
                missed.frames.append(frame)
                missed.size += EVENT_OVERHEAD + sys.getsizeof(payload_of(frame).decode())
        missed.position = end
        return True


class PrivateIds:
    """The pids of one process: each holds a connection's public id and the number at which it began, under a seal."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def issue(self, namespace: str, sid: str, start: int) -> str:
        """The pid of a connection whose first event comes after that number."""
        public = f'{sid}.{start}'
        return f'{public}.{self._seal(namespace, public)}'

    def read(self, namespace: str, pid: Any) -> tuple[str, int] | None:
        """(sid, start) of a pid that this process has issued in that namespace; else None."""
        if not isinstance(pid, str) or not pid.isascii():
            return None
        public, _, seal = pid.rpartition('.')
        if not hmac.compare_digest(seal, self._seal(namespace, public)):
            return None
        sid, _, start = public.rpartition('.')
        return sid, int(start)

    def _seal(self, namespace: str, public: str) -> str:
        digest = hmac.digest(self._key, f'{namespace} {public}'.encode(), 'sha256')
        return base64.urlsafe_b64encode(digest[:SEAL_BYTES]).decode().rstrip('=')


def unseen(ping_interval: float, ping_timeout: float) -> float:
    """The seconds before a connection is noticed to be lost in which it may have missed something.

    A client answers a ping when it has read all that was sent before it. The last one that it answered was sent at most
    a timeout before the answer; the next one an interval later, and it has another timeout for that.
    """
    return ping_interval + 2 * ping_timeout + SLACK


def takes_offsets(environ: Mapping[str, Any], auth: Mapping[str, Any]) -> bool:
    """Whether a client can live with one more argument behind an event's payload, as those of JavaScript do.

    Those of Python and of Dart can't. Some of Python's show no User-Agent, but an Origin, which no browser does without
    the other. `auth: {recovery: true or false}` overrules.
    """
    wanted = auth.get('recovery')
    if isinstance(wanted, bool):
        return wanted
    agent = environ.get('HTTP_USER_AGENT', '').lower()
    return not agent.startswith(STRICT_CLIENTS) and bool(agent or 'HTTP_ORIGIN' not in environ)
