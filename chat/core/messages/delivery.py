"""Delivery: those concerned are told of messages that were committed."""
from collections.abc import Iterator, Sequence
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
from ..rooms.rooms import DIRECT, LOBBY, Rooms
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
                 messenger: Messenger) -> None:
        self._rooms, self._receipts, self._view, self._publisher = rooms, receipts, view, publisher
        self._messenger = messenger

    def stored(self, drafts: Sequence[Draft]) -> None:
        """These were stored, in this order, and their senders know."""
        for draft in drafts:
            draft.room = self._rooms.current(draft.room)
        self._receipts.sent(drafts)
        self._publisher.publish(*[event for draft in drafts for event in self._events(draft)])
        self._messenger.stored(drafts)

    def _events(self, draft: Draft) -> Iterator[Event]:
        room, message = draft.room, self._view.of_draft(draft)
        if room.kind == DIRECT:
            yield DirectMessageStored(Users((room.other(draft.sender_id),)), message)
            yield DirectMessageSent(Users((draft.sender_id,), but_connection=draft.origin), message)
        elif room.kind == LOBBY:
            yield LobbyMessageStored(Everyone(), message, draft.author or '', draft.given or {})
        else:
            yield MessageStored(RoomMembers(room.id), message)
