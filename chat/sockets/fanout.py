"""Fan-out: from the core's events to the connections of those they concern, each in its own dialect."""
from .. import jsonio
from .dialects import render

CHAT_NAMESPACES = ('/', '/chat')


class FanOut:
    """Delivers batches of events; what becomes of an event that is no message to clients, `control` says by kind."""

    def __init__(self, registry, wire, control):
        self._registry, self._wire, self._control = registry, wire, control

    def deliver(self, events):
        """Send each event once to each connection concerned, in order, and all of a batch in one write."""
        authors = {event.author for event in events if event.author is not None}
        batches = {connection: [] for connection in self._registry.of_users(authors)}  # in the order of writing
        for event in events:
            if event.kind in self._control:
                self._control[event.kind](**event.data)
            elif event.connections is not None:
                self._send(event)
            else:
                self._add(batches, event)
        if batches:
            self._wire.deliver(batches)

    def _send(self, event):
        """To the connections that an event names: few, and what they are told may hold bytes."""
        for connection in filter(None, map(self._registry.get, event.connections)):
            told = render(connection.dialect, event)
            if told:
                self._wire.send(connection, *told)

    def _add(self, batches, event):
        encoded = {}  # by kind of connection: made once, and only if there is one
        connections = self._registry.of_users(event.users)
        if event.origin or event.without:
            connections = [connection for connection in connections
                           if connection.sid != event.origin and connection.user_id not in event.without]
        for connection in connections:
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

    def _encode(self, event, namespace, dialect):
        """The event for connections of one kind; None if it is not for them."""
        told = render(dialect, event) if namespace in CHAT_NAMESPACES else None
        return told and self._wire.encode(namespace, told[0], jsonio.dumps(told[1]))
