"""Fan-out: from the core's events to the connections of those they concern, each in its own dialect."""
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from .. import jsonio
from ..core.events import Audience, Connections, Event, Everyone, RoomMembers
from ..core.rooms.rooms import Rooms
from ..dialects import DIALECTS
from ..errors import ChatError
from ..transport import Wire
from .connections import Connection, Kind, Registry

log = logging.getLogger(__name__)
CHAT_NAMESPACES = ('/', '/chat')


class FanOut:
    """Delivers events that are published together; those that are no message to clients go to `control`, by type."""

    def __init__(self, *, rooms: Rooms, registry: Registry, wire: Wire,
                 control: Mapping[type[Event], Callable[[Any], None]]) -> None:
        self._rooms, self._registry, self._wire, self._control = rooms, registry, wire, control

    def deliver(self, events: Sequence[Event]) -> None:
        """Send each event once to each connection concerned, in order, and all that one gets in one write."""
        first = {event.told_first for event in events if event.told_first is not None}
        batches: dict[Connection, list[Any]] = {connection: [] for connection in self._registry.of_users(first)}
        for event in events:
            control = self._control.get(type(event))
            if control is not None:
                control(event)
            elif isinstance(event.audience, Connections):
                self._send(event, event.audience)
            else:
                self._add(batches, event)
        if batches:
            self._wire.deliver(batches)

    def _send(self, event: Event, audience: Connections) -> None:
        """To the connections that an event names: few, and what they are told may hold bytes."""
        for connection in filter(None, map(self._registry.get, audience.ids)):
            told = DIALECTS[connection.dialect].tell(event) if connection.dialect else None
            if told:
                self._wire.send(connection, *told)

    def _add(self, batches: dict[Connection, list[Any]], event: Event) -> None:
        encoded: dict[Kind, Any] = {}  # made once, and only if there is somebody to get it
        for connection in self._connections(event.audience):
            kind = connection.kind
            if kind not in encoded:
                encoded[kind] = self._encode(event, *kind)
            if encoded[kind] is None:
                continue
            batch = batches.get(connection)
            if batch is None:
                batches[connection] = [encoded[kind]]
            else:
                batch.append(encoded[kind])

    def _connections(self, audience: Audience) -> Collection[Connection]:
        """The signed-in connections of an audience of users."""
        registry = self._registry
        if isinstance(audience, RoomMembers):
            return registry.of_users((self._members(audience.room_id) | audience.also) - audience.without)
        if isinstance(audience, Everyone):
            everyone = registry.of_everyone()
            return [one for one in everyone if one.user_id not in audience.without] if audience.without else everyone
        if isinstance(audience, Connections):
            return list(filter(None, map(registry.get, audience.ids)))
        connections = registry.of_users(audience.ids)
        if audience.but_connection is None:
            return connections
        return [connection for connection in connections if connection.sid != audience.but_connection]

    def _members(self, room_id: int) -> frozenset[int]:
        try:
            return self._rooms.members_of(room_id)
        except ChatError:  # not in memory, and the database is away: what was stored is found by its readers later
            log.warning('the members of room %d can\'t be told of an event: the database does not answer', room_id)
            return frozenset()

    def _encode(self, event: Event, namespace: str, dialect: str) -> Any:
        """The event for connections of one kind; None if it is not for them."""
        told = DIALECTS[dialect].tell(event) if namespace in CHAT_NAMESPACES else None
        return told and self._wire.encode(namespace, told[0], jsonio.dumps(told[1]))
