"""What a dialect is made of: words for the core's events, and handlers for the events of clients."""
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from typing_extensions import TypedDict

from ..core import Core
from ..core.events import Event
from ..core.messages.sending import Sent
from ..core.objects import Message
from ..core.rooms.rooms import LiveRoom
from ..errors import ChatError
from ..validation import Request

E = TypeVar('E', bound=Event)
Answer = Callable[[Mapping[str, Any] | ChatError], None]


# ---------------------------------------------------------------------- what clients are told

@dataclass(frozen=True)
class Word(Generic[E]):
    """How an event is told: its name, the type of its payload, and what makes the payload out of the event."""

    name: str
    schema: Any
    render: Callable[[E], Any]


# ---------------------------------------------------------------------- what clients say

class Connection(Protocol):
    """Of a client in one namespace, as far as handlers need it."""

    sid: str

    @property
    def me(self) -> int:
        """The id of the user who is signed in."""

    def wait_for_earlier(self) -> None:
        """Wait until every event before the newest has been answered."""


class Gateway(Protocol):
    """Where events arrive, as far as handlers of dialects need it."""

    core: Core


class NothingMore(TypedDict):
    """What an acknowledgement adds to `ok: true` where it adds nothing."""


class MessageAck(TypedDict):
    """What the acknowledgement of a message adds."""

    message: Message


@dataclass(frozen=True, slots=True)
class Handler:
    """What handles an event of clients.

    The payload must be a `schema`, or, where the event has a `bare` value as its payload, that field of the schema. The
    request is then what `read(request, payload)` makes of it, if that is given, and the valid schema otherwise.
    `function(gateway, connection, request)` returns what the acknowledgement adds, an `ack`. One that `answers_later`
    gets `answer` as well, to be called with that or a ChatError once a message is stored: meanwhile the connection's
    next sends go on, and everything else waits.
    """

    schema: type[Request]
    function: Callable[..., Any]
    ack: Any = NothingMore
    answers_later: bool = False
    bare: str | None = None
    read: Callable[[Any, Any], Any] | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """A kind of client: its name, as tokens and clients give it; its words; and handlers of events of its own.

    What has no word is not told to these clients. Handlers of the standard's events need not be listed again. `about` says
    in the references what is particular about it.
    """

    name: str
    words: Mapping[type[Event], Word[Any]]
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    about: str = ''

    def tell(self, event: Event) -> tuple[str, Any] | None:
        """(name, payload) of an event; None if there is no word for it."""
        word = self.words.get(type(event))
        return (word.name, word.render(event)) if word else None


def send(gateway: Gateway, connection: Connection, room: LiveRoom, answer: Answer, **message: Any) -> None:
    """Send to a LiveRoom as the connection's user; acknowledged with the Message."""
    gateway.core.sending.send(connection.me, room, origin=connection.sid, answer=lambda outcome: answer(
        {'message': outcome.message} if isinstance(outcome, Sent) else outcome), **message)
