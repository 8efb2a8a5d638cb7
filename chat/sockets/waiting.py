"""Engine.IO sessions in which nobody has signed in: how long they may wait, and how many of them at a time."""
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from ..core.shared.places import Places

DEADLINE = 10        # seconds
HANDSHAKE = 2        # seconds in which a session that is about to show its token does not count as waiting
V = TypeVar('V')


class WaitingRoom:
    """Sessions from their opening to their sign-in.

    Many clients behind one address may open sessions at the same moment, after a restart for example, so a session
    counts only once it has said that it has no token, or has said nothing for HANDSHAKE seconds: then it takes a place.
    """

    def __init__(self, places: Places, clock: Callable[[], float] = time.monotonic) -> None:
        self._places, self._clock = places, clock
        self._since: OrderedDict[str, tuple[float, str]] = OrderedDict()  # when it was opened, its address; oldest first
        self._young: OrderedDict[str, float] = OrderedDict()  # those that do not count yet: when they will
        self._counted: dict[str, str] = {}           # those that count: their address

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
            self._places.give_back(address)

    def count(self, session: str) -> bool:
        """The session counts as waiting from now on; False if there is no place for it."""
        self._young.pop(session, None)
        if session not in self._since or session in self._counted:
            return True
        address = self._since[session][1]
        if not self._places.take(address):
            return False
        if session in self._since and session not in self._counted:
            self._counted[session] = address
        else:  # it has gone meanwhile, or was counted
            self._places.give_back(address)
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
