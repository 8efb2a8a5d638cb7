"""The log: what the processes of one server tell each other, in one order that is the same for all of them.

State that all of them need at once (who is online, which calls there are) is replicated by it: a change is appended, and
takes effect where it comes out of the log again, in every process alike. So whoever appended something can tell by the state
what it came to, and no two processes come to different conclusions.
"""
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

Plain = Any  # numbers, texts, bytes, None, and lists and dictionaries of them


class Entry(NamedTuple):
    """Something that was appended: by which process, whether that is this one, and what it says."""

    process: str
    is_own: bool
    data: Plain


Apply = Callable[[Entry], Any]


class Replicated(Protocol):
    """State that every process has, and that changes by the log alone. Nothing here may wait."""

    def contribution(self) -> Plain:
        """What of the state is this process's own: its users who are online, its parts in calls."""

    def rejoined(self, entry: Entry) -> None:
        """A process that was on its own is back; the entry's data is its contribution, in place of all that was."""

    def died(self, entry: Entry) -> None:
        """A process is no more, and its contribution with it; the entry's data is its name."""

    def snapshot(self) -> Plain:
        """The whole state, for a process that begins."""

    def restore(self, snapshot: Plain) -> None:
        """Take over another process's snapshot; the contribution of this one follows."""


class Log(Protocol):
    """Where things are appended, and come out for those who subscribed."""

    @property
    def process(self) -> str:
        """The name of this process."""

    @property
    def is_shared(self) -> bool:
        """Whether there may be others."""

    @property
    def is_connected(self) -> bool:
        """Whether the others can be told anything just now."""

    @property
    def others(self) -> int:
        """How many other processes can be told something just now."""

    @property
    def leads(self) -> bool:
        """Whether this process is the one to do what only one should: remove what is old, say."""

    def start(self) -> None:
        """Be one of the processes from now on."""

    def stop(self) -> None:
        """Be so no longer; what was appended is with the others."""

    def subscribe(self, topic: str, apply: Apply) -> None:
        """Have `apply(entry)` called with what is appended under the topic. It must not wait."""

    def replicate(self, topic: str, state: Replicated) -> None:
        """Keep state the same in all processes."""

    def on_doubt(self, forget: Callable[[float], None]) -> None:
        """Have `forget(seconds)` called when what others did in that time may have been missed. It must not wait."""

    def append(self, topic: str, data: Plain) -> None:
        """Tell all processes, this one included."""

    def perform(self, topic: str, data: Plain) -> Any:
        """The same; waits, and returns or raises what this process's `apply` does. Raises Unavailable."""

    def tell_others(self, topic: str, data: Plain) -> None:
        """Tell all processes but this one."""


class LocalLog:
    """The log of the only process there is: what is appended takes effect at once."""

    process = 'here'
    is_shared = False
    is_connected = False
    others = 0
    leads = True

    def __init__(self) -> None:
        self._apply: dict[str, Apply] = {}

    def start(self) -> None:
        """There is nobody to be with."""

    def stop(self) -> None:
        """There is nobody to be told."""

    def subscribe(self, topic: str, apply: Apply) -> None:
        """See Log."""
        self._apply[topic] = apply

    def replicate(self, topic: str, state: Replicated) -> None:
        """There is nobody else."""

    def on_doubt(self, forget: Callable[[float], None]) -> None:
        """There are no others of whom anything could be missed."""

    def append(self, topic: str, data: Plain) -> None:
        """See Log."""
        self.perform(topic, data)

    def perform(self, topic: str, data: Plain) -> Any:
        """See Log."""
        return self._apply[topic](Entry(self.process, True, data))

    def tell_others(self, topic: str, data: Plain) -> None:
        """There is nobody else."""
