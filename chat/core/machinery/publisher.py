"""The one way in which events leave the core: after the commit, to whoever delivers them."""
from collections.abc import Callable, Sequence

from ..events import Event

Deliver = Callable[[Sequence[Event]], None]


class Publisher:
    """Hands events on, in order, to those who subscribed: the fan-out to this process's connections.

    Several processes would put a message bus between the two; nothing else in the core knows of delivery.
    """

    def __init__(self) -> None:
        self._deliver: list[Deliver] = []

    def subscribe(self, deliver: Deliver) -> None:
        """Have `deliver(events)` called with whatever is published. It must not wait."""
        self._deliver.append(deliver)

    def publish(self, *events: Event) -> None:
        """Tell of what has happened; events that are published together may reach a client in one piece."""
        for deliver in self._deliver:
            deliver(events)
