"""Fan-out: from the core's events to the connections of those they concern, each in its own dialect."""
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from .. import jsonio
from ..core.events import (
    NOBODY,
    Audience,
    CallEnded,
    CallSignal,
    CallStarted,
    Connections,
    Event,
    Everyone,
    RoomMembers,
    Users,
)
from ..core.rooms.rooms import Rooms
from ..dialects import DIALECTS, speakers_of
from ..errors import ChatError
from ..transport import Wire
from .connections import Connection, Kind, Registry

log = logging.getLogger(__name__)
CHAT_NAMESPACES = ('/', '/chat')
CALL_NAMESPACES = ('/', '/call')
CALLED = frozenset(speakers_of(CallStarted))  # dialects
MAX_ROOMS = 10_000  # whose Recipients are kept


def can_be_called(connection: Connection) -> bool:
    """Whether calls can reach it."""
    return connection.namespace in CALL_NAMESPACES and connection.dialect in CALLED


def namespaces_of(event: type[Event]) -> tuple[str, ...]:
    """Where clients are told of such an event."""
    return CALL_NAMESPACES if issubclass(event, CallSignal) else CHAT_NAMESPACES


class Recipients:
    """Whom an event was for, kept as parts that are there anyway: a room's members are in memory once for all its events."""

    __slots__ = ('shared', '_also', '_without', '_but_connection')

    def __init__(self, user_ids: Collection[int] | None, also: frozenset[int] = NOBODY, without: frozenset[int] = NOBODY,
                 but_connection: str | None = None) -> None:
        """`user_ids` of None are everybody's."""
        self.shared, self._also, self._without, self._but_connection = user_ids, also, without, but_connection

    def includes(self, recipient: Connection) -> bool:
        """Whether the connection was to be told."""
        user_id = recipient.user_id
        return ((self.shared is None or user_id in self.shared or user_id in self._also)
                and user_id not in self._without and recipient.sid != self._but_connection)

    def connections(self, registry: Registry) -> Collection[Connection]:
        """Those that are to be told now."""
        if self.shared is None:
            found = registry.of_everyone()
            return [one for one in found if one.user_id not in self._without] if self._without else found
        user_ids: Collection[int] = self.shared
        if self._also or self._without:
            user_ids = self._also.union(user_ids) - self._without
        found = registry.of_users(user_ids)
        if self._but_connection is None:
            return found
        return [connection for connection in found if connection.sid != self._but_connection]


class FanOut:
    """Delivers events that are published together; those that are no message to clients go to `control`, by type.

    `lost` finds a connection that was lost and may come back, by its id.
    """

    def __init__(self, *, rooms: Rooms, registry: Registry, wire: Wire, lost: Callable[[str], Connection | None],
                 control: Mapping[type[Event], Callable[[Any], None]]) -> None:
        self._rooms, self._registry, self._wire, self._lost, self._control = rooms, registry, wire, lost, control
        self._of_rooms: dict[int, Recipients] = {}  # of the last event of each, for the next one to the same members

    def deliver(self, events: Sequence[Event]) -> None:
        """Send each event once to each connection concerned, in order, and all that one gets in one write."""
        concerned: list[tuple[Event, Recipients]] = []
        for event in events:
            control = self._control.get(type(event))
            if control is not None:
                control(event)
            elif isinstance(event.audience, Connections):
                self._send(event, event.audience)
            else:
                concerned.append((event, self._recipients(event.audience)))
        if concerned:
            self._send_all(concerned)

    def _send(self, event: Event, audience: Connections) -> None:
        """To the connections that an event names: few, and what they are told may hold bytes.

        Of a call, one that is lost will want to know nothing but that it is over.
        """
        is_kept = isinstance(event, CallEnded)
        for sid in audience.ids:
            connection = self._registry.get(sid) or (self._lost(sid) if is_kept else None)
            told = DIALECTS[connection.dialect].tell(event) if connection and connection.dialect else None
            if connection and told:
                self._wire.send(connection, *told, is_kept=is_kept)

    def _send_all(self, concerned: Sequence[tuple[Event, Recipients]]) -> None:
        """Nothing in here waits: offsets are given in the order in which events are sent."""
        first = {event.told_first for event, _ in concerned if event.told_first is not None}
        batches: dict[Connection, list[Any]] = {connection: [] for connection in self._registry.of_users(first)}
        for event, recipients in concerned:
            self._add(batches, event, recipients)
        if batches:
            self._wire.deliver(batches)

    def _add(self, batches: dict[Connection, list[Any]], event: Event, recipients: Recipients) -> None:
        encoded: dict[Kind, Any] = {}  # made once, and only if there is somebody to get it
        history = self._wire.history
        kind, frame = None, None
        for connection in recipients.connections(self._registry):
            if connection.kind is not kind:  # it nearly always is, and looking it up costs more than all the rest
                kind = connection.kind
                if kind not in encoded:
                    offset = history.next_offset if history is not None and kind.has_offsets else None
                    encoded[kind] = self._encode(event, kind, offset)
                frame = encoded[kind]
            if frame is None:
                continue
            batch = batches.get(connection)
            if batch is None:
                batches[connection] = [frame]
            else:
                batch.append(frame)
        if history is not None and any(encoded.values()):
            history.add(recipients, encoded)

    def _recipients(self, audience: Audience) -> Recipients:
        """The Recipients of an audience of users, as of now."""
        if isinstance(audience, RoomMembers):
            return self._recipients_of_room(audience)
        if isinstance(audience, Everyone):
            return Recipients(None, without=audience.without)
        assert isinstance(audience, Users), 'connections are told by themselves'
        return Recipients(audience.ids, but_connection=audience.but_connection)

    def _recipients_of_room(self, audience: RoomMembers) -> Recipients:
        members = self._members(audience.room_id)
        if audience.also or audience.without:
            return Recipients(members, audience.also, audience.without)
        recipients = self._of_rooms.get(audience.room_id)
        if recipients is None or recipients.shared is not members:
            if len(self._of_rooms) >= MAX_ROOMS:
                self._of_rooms.clear()
            recipients = self._of_rooms[audience.room_id] = Recipients(members)
        return recipients

    def _members(self, room_id: int) -> frozenset[int]:
        try:
            return self._rooms.members_of(room_id)
        except ChatError:  # not in memory, and the database is away: what was stored is found by its readers later
            log.warning('the members of room %d can\'t be told of an event: the database does not answer', room_id)
            return frozenset()

    def _encode(self, event: Event, kind: Kind, offset: str | None) -> Any:
        """The event for connections of one kind; None if it is not for them."""
        told = DIALECTS[kind.dialect].tell(event) if kind.namespace in CHAT_NAMESPACES else None
        return told and self._wire.encode(kind.namespace, told[0], jsonio.dumps(told[1]), offset)
