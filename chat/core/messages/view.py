"""The one place where a stored row becomes a Message, for one viewer or for everyone."""
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..files.uploads import Uploads
from ..machinery.clock import iso
from ..machinery.database import Database
from ..objects import Message, MessageType
from ..rooms.rooms import DIRECT, LiveRoom
from ..tables import MESSAGES, AnyRow
from . import parts
from .parts import NO_PARTS, Parts
from .receipts import Receipts, Watermark, times
from .store import Draft

NOTHING_SEEN = None, None  # receipts


class ShownMessage(NamedTuple):
    """What of a message's row its Message is made of."""

    id: int
    room_id: int
    sender_id: int
    seq: int
    type: MessageType
    content: str
    reply_to_id: int | None
    client_id: bytes | str | None
    created_at: int
    edited_at: int | None
    deleted_at: int | None
    reaction_count: int
    mention_count: int


SHOWN = [MESSAGES.c[name] for name in ShownMessage._fields]


@dataclass(frozen=True, slots=True)
class Counterpart:
    """The other one in a direct room: how far it has read is shown with the viewer's messages, unless it may not be."""

    user_id: int
    mark: Watermark | None


class MessageView:
    """Messages as clients see them, with what hangs on them loaded for all at once."""

    def __init__(self, *, database: Database, uploads: Uploads, receipts: Receipts) -> None:
        self._database, self._uploads, self._receipts = database, uploads, receipts

    def of_draft(self, draft: Draft) -> Message:
        """The Message of what was just stored, for everyone; made once."""
        if draft.message is None:
            draft.message = self.for_everyone(draft, draft.room, draft.parts)
        return draft.message

    def for_everyone(self, row: 'AnyRow | Draft', room: LiveRoom, parts: Parts) -> Message:
        """The Message of a row with its Parts: the same whoever looks at it, so without receipts."""
        receiver_id = room.other(row.sender_id) if room.kind == DIRECT else None
        return self._message(row, receiver_id, NOTHING_SEEN, parts)

    def for_viewer(self, viewer_id: int, rows: Sequence[Any], counterparts: Mapping[int, Counterpart]) -> list[Message]:
        """The Messages of rows, in their order; `counterparts` has one for the id of each direct room among them."""
        found = self._parts_of(rows)
        return [self._seen_by(viewer_id, row, counterparts.get(row.room_id), found.get(row.id, NO_PARTS)) for row in rows]

    def counterparts(self, viewer_id: int, rooms: Iterable[LiveRoom]) -> dict[int, Counterpart]:
        """The other one in each of the viewer's rooms that are direct ones, by the room's id."""
        return {room.id: Counterpart(room.other(viewer_id), self._receipts.of_direct(room, viewer_id))
                for room in rooms if room.kind == DIRECT}

    def _parts_of(self, rows: Sequence[Any]) -> Mapping[int, Parts]:
        """The Parts of rows; asks the database only if some have any."""
        if not parts.have_parts(rows):
            return {}
        with self._database.reading() as connection:
            return parts.of_messages(connection, rows)

    def _seen_by(self, viewer_id: int, row: AnyRow, counterpart: Counterpart | None, parts: Parts) -> Message:
        if counterpart is None:
            return self._message(row, None, NOTHING_SEEN, parts)
        if row.sender_id != viewer_id:
            return self._message(row, viewer_id, NOTHING_SEEN, parts)
        return self._message(row, counterpart.user_id, times(counterpart.mark, row.seq), parts)

    def _message(self, row: 'AnyRow | Draft', receiver_id: int | None, receipts: tuple[int | None, int | None],
                 parts: Parts) -> Message:
        """The Message of a row; `receipts` are the times at which it was delivered and read."""
        return {
            'id': row.id, 'roomId': row.room_id, 'senderId': row.sender_id, 'receiverId': receiver_id,
            'type': row.type, 'content': row.content, 'attachments': self._uploads.as_objects(parts.attachments),
            'replyToId': row.reply_to_id,
            'clientId': row.client_id.decode() if isinstance(row.client_id, bytes) else row.client_id,
            'reactions': list(parts.reactions), 'mentions': list(parts.mentions), 'createdAt': iso(row.created_at),
            'editedAt': iso(row.edited_at), 'deletedAt': iso(row.deleted_at),
            'deliveredAt': iso(receipts[0]), 'readAt': iso(receipts[1]),
        }
