"""Lists of who is online, for the dialects that want them whole: on signing in, and at most once a second on changes."""
from .. import jsonio
from .dialects import DIALECTS, speakers_of

KIND = 'online_users'
SPEAKERS = speakers_of(KIND)


class OnlineList:
    """Nothing is made while nobody speaks such a dialect."""

    def __init__(self, presence, blocks, registry, wire):
        self._presence, self._blocks, self._registry, self._wire = presence, blocks, registry, wire
        self._told = None     # the list as it was last sent to everybody
        self._stale = set()   # viewers who were blocked since, or no longer are

    def greet(self, connection):
        """Send the list to a connection that has just signed in."""
        if connection.dialect in SPEAKERS:
            online = self._presence.online_users()
            self._told = self._told or online
            self._send([connection], online)

    def changed_for(self, viewer_id):
        """Somebody went offline, or came back, for this viewer alone."""
        self._stale.add(viewer_id)

    def update(self):
        """Send the list to all who want it, if it has changed."""
        connections = [connection for dialect in SPEAKERS for connection in self._registry.of_dialect(dialect)]
        stale, self._stale = self._stale, set()
        if not connections:
            self._told = None
            return
        online = self._presence.online_users()
        if online == self._told:
            connections = [connection for connection in connections if connection.user_id in stale]
        self._told = online
        self._send(connections, online)

    def _send(self, connections, online):
        hidden = self._blocks.hidden_from({connection.user_id for connection in connections})
        whole, batches = {}, {}
        for connection in connections:
            missing = hidden.get(connection.user_id)
            if missing:
                encoded = self._encode(connection, [user for user in online if user not in missing])
            elif connection.kind in whole:
                encoded = whole[connection.kind]
            else:
                encoded = whole[connection.kind] = self._encode(connection, online)
            batches[connection] = [encoded]
        self._wire.deliver(batches)

    def _encode(self, connection, users):
        name, payload = DIALECTS[connection.dialect].EVENTS[KIND](users)
        return self._wire.encode(connection.namespace, name, jsonio.dumps(payload))
