"""The one place where a stored row becomes a Message, for one viewer or for everyone."""
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..files.uploads import Uploads
from ..machinery.clock import iso
from ..objects import Attachment, Message
from ..rooms.rooms import DIRECT, LiveRoom
from ..tables import AnyRow
from .receipts import Watermark, times
from .store import Draft

NOTHING_SEEN = None, None  # receipts


@dataclass(frozen=True, slots=True)
class Counterpart:
    """The other one in a direct room: how far it has read is shown with the viewer's messages, unless it may not be."""

    user_id: int
    mark: Watermark | None


class MessageView:
    """Messages as clients see them, with what hangs on them loaded for all at once."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    def of_draft(self, draft: Draft) -> Message:
        """The Message of what was just stored, for everyone; made once."""
        if draft.message is None:
            draft.message = self.for_everyone(draft, draft.room, draft.attachments)
        return draft.message

    def for_everyone(self, row: 'AnyRow | Draft', room: LiveRoom, attachments: Sequence[AnyRow]) -> Message:
        """The Message of a row with its rows of attachments: the same whoever looks at it, so without receipts."""
        receiver_id = room.other(row.sender_id) if room.kind == DIRECT else None
        return _message(row, receiver_id, NOTHING_SEEN, self._uploads.as_objects(attachments))

    def for_viewer(self, viewer_id: int, rows: Sequence[Any], counterparts: Mapping[int, Counterpart]) -> list[Message]:
        """The Messages of rows, in their order; `counterparts` has one for the id of each direct room among them."""
        attached = self._uploads.of_messages(rows)
        if not counterparts:
            return [_message(row, None, NOTHING_SEEN, attached.get(row.id, ())) for row in rows]
        return [_seen_by(viewer_id, row, counterparts.get(row.room_id), attached.get(row.id, ())) for row in rows]


def _seen_by(viewer_id: int, row: AnyRow, counterpart: Counterpart | None, attached: Iterable[Attachment]) -> Message:
    if counterpart is None:
        return _message(row, None, NOTHING_SEEN, attached)
    if row.sender_id != viewer_id:
        return _message(row, viewer_id, NOTHING_SEEN, attached)
    return _message(row, counterpart.user_id, times(counterpart.mark, row.seq), attached)


def _message(row: 'AnyRow | Draft', receiver_id: int | None, receipts: tuple[int | None, int | None],
             attachments: Iterable[Attachment]) -> Message:
    """The Message of a row; `receipts` are the times at which it was delivered and read."""
    return {
        'id': row.id, 'roomId': row.room_id, 'senderId': row.sender_id, 'receiverId': receiver_id,
        'type': row.type, 'content': row.content, 'attachments': list(attachments), 'replyToId': row.reply_to_id,
        'clientId': row.client_id.decode() if isinstance(row.client_id, bytes) else row.client_id,
        'reactions': [], 'createdAt': iso(row.created_at), 'editedAt': None, 'deletedAt': None,
        'deliveredAt': iso(receipts[0]), 'readAt': iso(receipts[1]),
    }
