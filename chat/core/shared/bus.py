"""The bus: what other processes tell this one, and this one them, of what was committed."""
from collections.abc import Callable, Sequence
from typing import Any

from ..events import Event
from .codec import pack_events, pack_fact, unpack_events, unpack_fact
from .facts import Fact
from .log import Entry, Log

EVENTS, FACTS = 'events', 'facts'  # topics
Learn = Callable[[Any], None]


class Bus:
    """Facts go before the events that build on them: what one process tells, others are told in the same order."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._learners: dict[type, list[Learn]] = {}
        self._deliver: Callable[[Sequence[Event]], None] | None = None
        log.subscribe(EVENTS, self._told)
        log.subscribe(FACTS, self._informed)

    @property
    def is_shared(self) -> bool:
        """Whether anybody may listen."""
        return self._log.is_shared

    def on_doubt(self, forget: Callable[[], None]) -> None:
        """Have `forget()` called when facts of others may have been missed. It must not wait."""
        self._log.on_doubt(lambda seconds: forget())

    def learn(self, kind: type[Fact], learn: Learn) -> None:
        """Have `learn(fact)` called with facts of that kind that other processes tell. It must not wait."""
        self._learners.setdefault(kind, []).append(learn)

    def subscribe(self, deliver: Callable[[Sequence[Event]], None]) -> None:
        """Have `deliver(events)` called with what other processes publish. It must not wait."""
        self._deliver = deliver

    def inform(self, fact: Fact) -> None:
        """Tell the others of a fact."""
        if self._log.is_shared:
            self._log.tell_others(FACTS, pack_fact(fact))

    def publish(self, events: Sequence[Event]) -> None:
        """Have the others' clients told."""
        self._log.tell_others(EVENTS, pack_events(events))

    def _told(self, entry: Entry) -> None:
        if self._deliver is not None:
            self._deliver(unpack_events(entry.data))

    def _informed(self, entry: Entry) -> None:
        fact = unpack_fact(entry.data)
        for learn in self._learners.get(type(fact), ()):
            learn(fact)
