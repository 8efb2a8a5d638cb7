"""Delivery: those concerned are told of messages that were committed."""
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from ..events import (
    DirectMessageSent,
    DirectMessageStored,
    Event,
    Everyone,
    LobbyMessageStored,
    MessageStored,
    RoomMembers,
    Users,
)
from ..machinery.publisher import Publisher
from ..objects import Message
from ..rooms.rooms import DIRECT, LOBBY, LiveRoom, Rooms
from ..shared.bus import Bus
from ..shared.facts import MessagesKept
from .receipts import Receipts
from .store import Draft
from .view import MessageView


class Messenger(Protocol):
    """Who tells those who are not there."""

    def stored(self, drafts: Sequence[Draft]) -> None:
        """Those who are there were told of these messages. Must not wait."""


class Delivery:
    """Told by the writer what it stored."""

    def __init__(self, *, rooms: Rooms, receipts: Receipts, view: MessageView, publisher: Publisher,
                 messenger: Messenger, bus: Bus) -> None:
        self._rooms, self._receipts, self._view, self._publisher = rooms, receipts, view, publisher
        self._messenger, self._bus = messenger, bus

    def stored(self, drafts: Sequence[Draft]) -> None:
        """These were stored, in this order, and their senders know."""
        for draft in drafts:
            draft.room = self._rooms.current(draft.room)
        self._receipts.sent(drafts)
        if self._bus.is_shared:
            self._bus.inform(MessagesKept([
                (draft.room.id, draft.seq, draft.created_at, draft.sender_id) for draft in drafts]))
        self._publisher.publish(*[event for draft in drafts for event in events_of(
            draft.room, self._view.of_draft(draft), draft.seq, draft.origin, draft.author, draft.given)])
        self._messenger.stored(drafts)


def events_of(room: LiveRoom, message: Message, seq: int, origin: str | None = None, author: str | None = None,
              given: Mapping[str, str] | None = None) -> Iterator[Event]:
    """What is told of a new message; the arguments are those of its Draft."""
    if room.kind == DIRECT:
        sender_id = message['senderId']
        yield DirectMessageStored(Users((room.other(sender_id),)), message, seq)
        yield DirectMessageSent(Users((sender_id,), but_connection=origin), message, seq)
    elif room.kind == LOBBY:
        yield LobbyMessageStored(Everyone(), message, author or '', given or {}, seq)
    else:
        yield MessageStored(RoomMembers(room.id), message, seq, room.members_version)
