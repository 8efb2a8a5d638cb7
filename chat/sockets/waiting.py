"""Engine.IO sessions in which nobody has signed in: how long they may wait, and how many of them at a time."""
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import TypeVar

DEADLINE = 10        # seconds
HANDSHAKE = 2        # seconds in which a session that is about to show its token does not count as waiting
MAX_WAITING = 1000
MAX_PER_ADDRESS = 50
V = TypeVar('V')


class WaitingRoom:
    """Sessions from their opening to their sign-in.

    Many clients behind one address may open sessions at the same moment, after a restart for example, so a session
    counts only once it has said that it has no token, or has said nothing for HANDSHAKE seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: OrderedDict[str, tuple[float, str]] = OrderedDict()  # when it was opened, its address; oldest first
        self._young: OrderedDict[str, float] = OrderedDict()  # those that do not count yet: when they will
        self._counted: dict[str, str] = {}           # those that count: their address
        self._per_address: Counter[str] = Counter()

    def enter(self, session: str, address: str) -> None:
        """A session was opened, or nobody is signed in to it any more."""
        if session not in self._since:
            now = self._clock()
            self._since[session] = now, address
            self._young[session] = now + HANDSHAKE

    def leave(self, session: str) -> None:
        """Somebody signed in to the session, or it is gone."""
        self._since.pop(session, None)
        self._young.pop(session, None)
        address = self._counted.pop(session, None)
        if address is not None:
            self._per_address[address] -= 1
            if not self._per_address[address]:
                del self._per_address[address]

    def count(self, session: str) -> bool:
        """The session counts as waiting from now on; False if there is no place for it."""
        self._young.pop(session, None)
        if session not in self._since or session in self._counted:
            return True
        address = self._since[session][1]
        if len(self._counted) >= MAX_WAITING or self._per_address[address] >= MAX_PER_ADDRESS:
            return False
        self._counted[session] = address
        self._per_address[address] += 1
        return True

    def overdue(self) -> list[str]:
        """The sessions that have waited for too long, or found no place; to be closed."""
        now = self._clock()
        old = _until(self._since, lambda entry: entry[0] + DEADLINE > now)
        grown = _until(self._young, lambda due: due > now)
        return old + [session for session in grown if not self.count(session)]


def _until(entries: OrderedDict[str, V], is_later: Callable[[V], bool]) -> list[str]:
    """The keys of an ordered dictionary up to the first whose value is later."""
    keys = []
    for key, value in entries.items():
        if is_later(value):
            break
        keys.append(key)
    return keys
