"""The one way in which events leave the core: after the commit, to whoever delivers them."""
from dataclasses import dataclass

EVERYONE = None  # as an audience: every signed-in connection


@dataclass(slots=True)
class Event:
    """Something that happened, and whom it concerns.

    `kind` names it in the domain's words (each dialect has its own), `users` are the ids of those who are told, or
    EVERYONE, less those in `without`; `origin`, a connection's id, is left out: it was answered by its acknowledgement.
    What concerns not users but some of their connections names these, by their ids, in `connections`.
    The connections of `author`, a user who waits to see it, are told before the others.
    """

    kind: str
    data: dict
    users: tuple | frozenset | None = ()
    origin: str | None = None
    without: frozenset = frozenset()
    connections: tuple | None = None
    author: int | None = None


class Publisher:
    """Hands events on, in order, to those who subscribed: the fan-out to this process's connections.

    Several processes would put a message bus between the two; nothing else in the core knows of delivery.
    """

    def __init__(self):
        self._deliver = []

    def subscribe(self, deliver):
        """Have `deliver(list of Event)` called with whatever is published."""
        self._deliver.append(deliver)

    def publish(self, *events):
        for deliver in self._deliver:
            deliver(events)
