"""Connection state recovery, as socket.io has it: what was sent lately, and the ids by which lost clients come back.

A client is given a private id, `pid`, and with each event an offset. It comes back with its pid and the last offset
that it has seen, and gets what it missed. See https://socket.io/docs/v4/connection-state-recovery.

Nothing is kept for a connection that is there. What was sent is kept once, whoever got it, with a way to tell who did;
the pid says by itself, under a seal, whose it is. Offsets are numbers that only grow, given in the order in which events
are sent, so an offset stands for all before it too.
"""
import base64
import hashlib
import hmac
import secrets
import sys
import time
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from itertools import islice
from typing import Any, Protocol

from ..loop import give_way
from .frames import payload_of

MAX_BYTES = 1 << 26       # of all that is kept, with what each entry takes beside its frames
MAX_MISSED = 1 << 20      # bytes for one client; one that missed more is better off asking anew
RECORD_OVERHEAD = 100     # bytes: who got it, and its places in the lists of its segment
SEGMENT_BYTES = 1 << 17   # of one segment
SHARE = 16                # a segment is at most this share of all that is kept, in bytes and in seconds
EVENT_OVERHEAD = 256      # bytes that a missed event may take in a queue, beside its text
PIECE = 2000              # entries looked through before the others have their turn
RECENT = 2000             # events that may be on their way to another process, when a client goes there
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
    """What a lost connection missed: `frames`, in order, of all that was sent up to the number `position`.

    The number of the last of them is `last`, None where there are none.
    """

    __slots__ = ('recipient', 'position', 'last', 'frames', 'size')

    def __init__(self, recipient: Recipient, position: int) -> None:
        self.recipient, self.position = recipient, position
        self.last: int | None = None
        self.frames: list[bytes] = []
        self.size = 0

    def add(self, frame: bytes, number: int) -> None:
        """One event more."""
        self.last = number
        self.frames.append(frame)
        self.size += EVENT_OVERHEAD + sys.getsizeof(payload_of(frame).decode())


class Segment:
    """Events that were sent one after the other, their frames in one piece of memory.

    An event has a record for each kind of connection that got it; each of the lists has an item for each record. To keep an
    object of its own for each event would cost more than to send it.
    """

    __slots__ = ('first', 'begun', 'until', 'numbers', 'recipients', 'kinds', 'ends', 'frames', 'size',
                 'shared', 'shared_size')

    def __init__(self, first: int, begun: float) -> None:
        self.first, self.begun = first, begun   # the number of its first event, and a time before that
        self.until = begun                      # a time behind that of its last one, once there comes nothing more
        self.numbers = array('L')               # of each record its event's, counted from the first
        self.recipients: list[Recipients] = []
        self.kinds: list[Hashable] = []
        self.ends = array('L')                  # of each record's frame in `frames`
        self.frames = bytearray()
        self.size = 0                           # bytes of its records
        self.shared: dict[int, object] = {}     # what its recipients hold together with others, by id
        self.shared_size = 0                    # bytes of what it was the first to hold

    def read(self, missed: Missed, last: int) -> None:
        """Add to what was missed, up to the event of that number."""
        kind = missed.recipient.kind
        start, end = (bisect_right(self.numbers, number - self.first) for number in (missed.position, last))
        for place in range(start, end):
            if self.kinds[place] == kind and self.recipients[place].includes(missed.recipient):
                frame = bytes(self.frames[self.ends[place - 1] if place else 0:self.ends[place]])
                missed.add(frame, self.first + self.numbers[place])


class History:
    """What was sent in the last `seconds`, and of that the newest `max_bytes`.

    It is kept and forgotten by segments, so some of it is there for SHARE of that time longer.
    """

    def __init__(self, *, seconds: float, max_bytes: int = MAX_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._max_bytes, self._clock = seconds, max_bytes, clock
        self._prefix = f'{secrets.token_urlsafe(6)}.'  # this process's: numbers of an earlier one mean nothing here
        self.last = 0  # the number of the newest event
        self._newest = Segment(1, clock())
        self._segments = deque([self._newest])
        self._most = min(SEGMENT_BYTES, max_bytes // SHARE)  # bytes of one segment
        self._forgotten_at = float('-inf')  # a time behind that of all that is no longer kept
        self._holders: dict[int, int] = {}  # how many segments hold a shared thing, by its id
        self.size = 0  # bytes

    # ------------------------------------------------------------------ offsets

    @property
    def offset(self) -> str:
        """The offset of an event that is sent now and not kept: whoever has it has all before it."""
        return self.offset_of(self.last)

    def offset_of(self, number: int) -> str:
        """The offset of the event of that number."""
        return f'{self._prefix}{number}'

    @property
    def next_offset(self) -> str:
        """The offset of the event that is added next."""
        return self.offset_of(self.last + 1)

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
        segment = self._newest
        if segment.size + segment.shared_size > self._most:
            segment = self._begin()
        self.last += 1
        size = 0
        for kind, frame in frames.items():
            if frame:
                segment.frames += frame
                segment.numbers.append(self.last - segment.first)
                segment.recipients.append(recipients)
                segment.kinds.append(kind)
                segment.ends.append(len(segment.frames))
                size += len(frame) + RECORD_OVERHEAD
        segment.size += size
        self.size += size
        shared = recipients.shared
        if shared is not None and id(shared) not in segment.shared:
            self._share(segment, shared)
        while self.size > self._max_bytes:
            self._forget_oldest()

    def _begin(self) -> Segment:
        """A new segment, behind the newest one."""
        now = self._newest.until = self._clock()
        self._newest = Segment(self.last + 1, now)
        self._segments.append(self._newest)
        return self._newest

    def _share(self, segment: Segment, shared: object) -> None:
        """A segment holds a shared thing, too; it is kept, so that nothing else comes to have its id."""
        segment.shared[id(shared)] = shared
        holders = self._holders.get(id(shared), 0)
        self._holders[id(shared)] = holders + 1
        if not holders:
            segment.shared_size += sys.getsizeof(shared)
            self.size += sys.getsizeof(shared)

    def forget(self) -> None:
        """Let go of what is too old. To be called every second or so, also when nothing is sent."""
        now = self._clock()
        if self._newest.numbers and self._newest.begun < now - self._seconds / SHARE:
            self._begin()
        while len(self._segments) > 1 and self._segments[0].until < now - self._seconds:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        if len(self._segments) == 1:
            self._begin()
        oldest = self._segments.popleft()
        self._forgotten_at = oldest.until
        self.size -= oldest.size
        for shared_id, shared in oldest.shared.items():
            holders = self._holders[shared_id] - 1
            if holders:
                self._holders[shared_id] = holders
            else:
                del self._holders[shared_id]
                self.size -= sys.getsizeof(shared)

    # ------------------------------------------------------------------ what was missed

    def missed(self, recipient: Recipient, since: int, seen_until: float) -> Missed | None:
        """What was sent to the recipient after the number `since`, up to now; None if that is not known, or too much.

        `seen_until` is the time (of the clock) up to which it has seen everything, whatever its last offset. Others may
        have their turn meanwhile: `read_on` adds what was sent then.
        """
        first = self._segments[0].first
        if since + 1 < first and self._forgotten_at >= seen_until:
            return None
        missed = Missed(recipient, max(since, first - 1))
        while missed.position < self.last:
            if not self.read_on(missed, PIECE) or missed.size > MAX_MISSED:
                return None
            if missed.position < self.last:
                give_way()
        return missed

    def seen(self, recipient: Recipient, since: int) -> list[bytes]:
        """The frames of the newest events up to the number `since` that were the recipient's; of RECENT events at most."""
        seen = Missed(recipient, max(since - RECENT, self._segments[0].first - 1))
        if since > seen.position:
            self.read_on(seen, since - seen.position)
        return seen.frames

    def read_on(self, missed: Missed, most: int | None = None) -> bool:
        """Add what has been sent since; False if it is no longer known. Nobody else has a turn meanwhile."""
        if missed.position + 1 < self._segments[0].first:
            return False
        end = self.last if most is None else min(self.last, missed.position + most)
        start = bisect_right(self._segments, missed.position + 1, key=lambda segment: segment.first) - 1
        for segment in islice(self._segments, start, None):
            if segment.first > end:
                break
            segment.read(missed, end)
        missed.position = end
        return True


class PrivateIds:
    """Each holds a connection's public id and the number at which it began, under a seal.

    They are those of one process, or of all that have the same `key`.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def issue(self, namespace: str, sid: str, start: int) -> str:
        """The pid of a connection whose first event comes after that number."""
        public = f'{sid}.{start}'
        return f'{public}.{self._seal(namespace, public)}'

    def read(self, namespace: str, pid: Any) -> tuple[str, int] | None:
        """(sid, start) of a pid that was issued in that namespace; else None."""
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


def fingerprint(frame: bytes) -> bytes:
    """What two processes have alike of one event: a hash of all but the offset."""
    return hashlib.blake2b(payload_of(frame).rpartition(b',"')[0], digest_size=8).digest()


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
