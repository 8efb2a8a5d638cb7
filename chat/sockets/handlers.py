"""What handles a client's event, and the one way in which events send messages."""
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Handler:
    """What handles an event: `function(gateway, connection, validated payload)` returns what its acknowledgement adds.

    `schema` is a model, or a function that validates the payload. A send gets `answer` as well, to be called with the
    result or a ChatError once the message is stored: meanwhile the connection's next sends go on, and everything else
    waits.
    """

    schema: object
    function: object
    is_send: bool = False


def send(gateway, connection, room, answer, **message):
    """Send to a LiveRoom as the connection's user; acknowledged with the Message."""
    gateway.core.messages.send(
        connection.user_id, room, origin=connection.sid,
        done=lambda stored, error, duplicate: answer(error or {'message': stored}), **message)
