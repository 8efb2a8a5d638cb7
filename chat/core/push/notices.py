"""What is said of a message to those who are away."""
from dataclasses import dataclass

import orjson

from ..messages.store import Draft
from ..rooms.rooms import DIRECT

MAX_TEXT = 500  # code points of the body: six bytes each, as JSON's longest escapes, are within a push with all the rest
FILES = {'image': 'Photo', 'voice': 'Voice message', 'file': 'File'}


@dataclass(frozen=True, slots=True)
class Notice:
    """A message, as much of it as is shown; one for all who are told. `at` is when it was sent, in monotonic seconds."""

    room_id: int
    message_id: int
    seq: int
    title: str
    body: str
    at: float

    def payload(self, unread_count: int) -> bytes:
        """What the browser of one of them gets."""
        return orjson.dumps({'roomId': self.room_id, 'messageId': self.message_id, 'title': self.title, 'body': self.body,
                             'unreadCount': unread_count})


def notice_of(draft: Draft, author: str, at: float) -> Notice:
    """The Notice of a message that was stored, by its author's displayName."""
    text = draft.content or FILES.get(draft.type, '')
    is_direct = draft.room.kind == DIRECT
    return Notice(draft.room.id, draft.id, draft.seq, author if is_direct else draft.room.name,
                  shortened(text if is_direct else f'{author}: {text}'), at)


def shortened(text: str) -> str:
    """The text, or its beginning."""
    return text if len(text) <= MAX_TEXT else f'{text[:MAX_TEXT - 1]}…'
