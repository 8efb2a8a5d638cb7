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
        message = self._message(row, parts)
        if room.kind == DIRECT:
            message['receiverId'] = room.other(row.sender_id)
        return message

    def for_viewer(self, viewer_id: int, rows: Sequence[Any], counterparts: Mapping[int, Counterpart]) -> list[Message]:
        """The Messages of rows, in their order; `counterparts` has one for the id of each direct room among them."""
        return [self.seen_by(viewer_id, row, message, counterparts.get(row.room_id))
                for row, message in zip(rows, self.for_nobody(rows), strict=True)]

    def for_nobody(self, rows: Sequence[Any]) -> list[Message]:
        """The Messages of rows, in their order, as they are in any room that is no direct one."""
        found = self._parts_of(rows)
        return [self._message(row, found.get(row.id, NO_PARTS)) for row in rows]

    def seen_by(self, viewer_id: int, row: Any, message: Message, counterpart: Counterpart | None) -> Message:
        """A Message for nobody as a viewer sees it: with receiver and receipts if it is in a direct room."""
        if counterpart is None:
            return message
        if row.sender_id != viewer_id:
            return {**message, 'receiverId': viewer_id}
        delivered_at, read_at = times(counterpart.mark, row.seq)
        return {**message, 'receiverId': counterpart.user_id, 'deliveredAt': iso(delivered_at), 'readAt': iso(read_at)}

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

    def _message(self, row: 'AnyRow | Draft', parts: Parts) -> Message:
        return {
            'id': row.id, 'roomId': row.room_id, 'senderId': row.sender_id, 'receiverId': None,
            'type': row.type, 'content': row.content, 'attachments': self._uploads.as_objects(parts.attachments),
            'replyToId': row.reply_to_id,
            'clientId': row.client_id.decode() if isinstance(row.client_id, bytes) else row.client_id,
            'reactions': list(parts.reactions), 'mentions': list(parts.mentions), 'createdAt': iso(row.created_at),
            'editedAt': iso(row.edited_at), 'deletedAt': iso(row.deleted_at),
            'deliveredAt': None, 'readAt': None,
        }
