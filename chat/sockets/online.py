"""Lists of who is online, for the dialects that want them whole: on signing in, and at most once a second on changes."""
import logging
from collections.abc import Collection, Iterable
from typing import Any

from .. import jsonio
from ..core.accounts.blocks import Blocks
from ..core.accounts.presence import Presence
from ..core.events import Connections, OnlineListChanged, OnlineUsers, Users
from ..dialects import DIALECTS, speakers_of
from ..errors import Unavailable
from ..transport import Wire
from .connections import Connection, Kind, Registry
from .fanout import namespaces_of

log = logging.getLogger(__name__)
SPEAKERS = tuple(speakers_of(OnlineUsers))


class OnlineList:
    """Nothing is made while nobody speaks such a dialect. Who could not be told is told by the next `update`."""

    def __init__(self, *, presence: Presence, blocks: Blocks, registry: Registry, wire: Wire) -> None:
        self._presence, self._blocks, self._registry, self._wire = presence, blocks, registry, wire
        self._told: list[int] | None = None  # the list as it was last sent to everybody
        self._stale: set[int] = set()        # users for whom it changed beside that, or who were not told

    def greet(self, connection: Connection) -> None:
        """Send the list to a connection that has just signed in; later, if the database is away."""
        if connection.dialect not in SPEAKERS or connection.namespace not in namespaces_of(OnlineUsers):
            return
        online = self._presence.online_users()
        try:
            self._send([connection], online)
        except Unavailable:
            self._stale.add(connection.me)
            return
        self._told = self._told or online

    def changed_for(self, event: OnlineListChanged) -> None:
        """Somebody went offline, or came back, for these viewers alone."""
        if isinstance(event.audience, Users):
            self._stale.update(event.audience.ids)

    def update(self) -> None:
        """Send the list to all who want it, if it has changed. Raises Unavailable: the next one makes up for it."""
        connections = [connection for dialect in SPEAKERS for connection in self._registry.of_dialect(dialect)
                       if connection.namespace in namespaces_of(OnlineUsers)]
        stale = set(self._stale)
        if not connections:
            self._told = None
        else:
            online = self._presence.online_users()
            if online == self._told:
                connections = [connection for connection in connections if connection.user_id in stale]
            self._send(connections, online)
            self._told = online
        self._stale -= stale

    def _send(self, connections: Collection[Connection], online: list[int]) -> None:
        hidden = self._blocks.hidden_from({connection.me for connection in connections})
        whole: dict[Kind, Any] = {}
        batches: dict[Connection, list[Any]] = {}
        for connection in connections:
            missing = hidden.get(connection.me)
            if missing:
                encoded = self._encode(connection, [user for user in online if user not in missing])
            elif connection.kind in whole:
                encoded = whole[connection.kind]
            else:
                encoded = whole[connection.kind] = self._encode(connection, online)
            batches[connection] = [encoded]
        self._wire.deliver(batches)

    def _encode(self, connection: Connection, user_ids: Iterable[int]) -> Any:
        kind, history = connection.kind, self._wire.history
        event = OnlineUsers(Connections(frozenset((connection.sid,))), list(user_ids))
        word = DIALECTS[kind.dialect].words[OnlineUsers]
        offset = history.offset if history and kind.has_offsets else None  # not kept: who comes back is sent a new list
        return self._wire.encode(kind.namespace, word.name, jsonio.dumps(word.render(event)), offset)
