"""Sending: who may send what where, and what it is charged, before a message waits to be stored."""
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from ...errors import ChatError, Invalid, RateLimited, TooLarge
from ..accounts.blocks import Blocks
from ..accounts.users import Users
from ..files.uploads import Uploads
from ..machinery.database import Database
from ..machinery.limits import Limits
from ..machinery.writer import Writer
from ..objects import Message, MessageType
from ..rooms.rooms import DIRECT, LOBBY, LiveRoom, Rooms, direct_key
from ..tables import MESSAGES, AnyRow
from .emoji import is_only_emoji
from .mentions import Mentions
from .store import Draft, Stored
from .view import MessageView

TEXT: Final = 'text'  # types of messages without attachments
EMOJI: Final = 'emoji'
MAX_LENGTH = 4000  # code points


@dataclass(frozen=True, slots=True)
class Sent:
    """What a sender is told: the Message, and whether it was stored by an earlier attempt already."""

    message: Message
    is_repetition: bool


class Sending:

    def __init__(self, *, database: Database, rooms: Rooms, users: Users, blocks: Blocks, uploads: Uploads,
                 mentions: Mentions, limits: Limits, view: MessageView, writer: Writer[Draft, Stored]) -> None:
        self._database, self._rooms, self._users, self._blocks = database, rooms, users, blocks
        self._uploads, self._mentions, self._limits, self._view, self._writer = uploads, mentions, limits, view, writer

    def to_user(self, sender_id: int, receiver_id: int) -> LiveRoom:
        """The LiveRoom in which the sender writes to that user. Raises NotFound for a missing one, Invalid for self."""
        direct_key(sender_id, receiver_id)
        self._users.require_receiver(receiver_id)
        self._blocks.require_welcome(sender_id, receiver_id)
        return self._rooms.direct(sender_id, receiver_id)

    def send(self, sender_id: int, room: LiveRoom, *, content: str, attachment_ids: Sequence[int] | None = None,
             reply_to_id: int | None = None, client_id: str | None = None, given: Mapping[str, str] | None = None,
             origin: str | None = None, answer: Callable[[Sent | ChatError], None]) -> None:
        """Gate, charge and queue a message to a LiveRoom that the sender is in.

        `attachment_ids` are uploads of the sender, in order. `given` is what a client says of its own message, for
        dialects that pass it on; it is not stored. `origin` is the connection that sends it, if one does.
        `answer(outcome)` is called once, after the commit, and must not wait; sends of one caller are answered in the
        order of these calls. Raises Forbidden, Invalid, TooLarge, RateLimited, Unavailable: then nothing is answered.
        """
        content = content.strip()
        attachments = self._attachments(sender_id, content, attachment_ids, client_id)
        if len(content) > MAX_LENGTH:
            raise TooLarge(f'A message has at most {MAX_LENGTH} characters')
        if room.kind == DIRECT:
            self._blocks.require_welcome(sender_id, room.other(sender_id))
        self._check_reply(room, reply_to_id)
        mentioned = self._mentions.of(sender_id, room, content)
        charge = self._charge(sender_id, room, client_id)

        def settle(stored: Stored | None, error: ChatError | None) -> None:
            if charge and (stored is None or stored.duplicate):
                self._limits.give_back(*charge)
            answer(self._sent(room, stored) if stored else error or ChatError())

        author = self._users.display_name(sender_id) if room.kind == LOBBY else None
        draft = Draft(room, sender_id, kind_of(content, attachments), content, reply_to_id, client_id, origin, settle,
                      author, given or {}, attachments, mentioned)
        try:
            self._writer.put(draft)
        except BaseException:
            if charge:
                self._limits.give_back(*charge)
            raise

    def _sent(self, room: LiveRoom, stored: Stored) -> Sent:
        row = stored.row
        message = self._view.of_draft(row) if isinstance(row, Draft) else \
            self._view.for_everyone(row, room, stored.parts)
        return Sent(message, stored.duplicate)

    # ------------------------------------------------------------------ gates

    def _attachments(self, sender_id: int, content: str, ids: Sequence[int] | None,
                     client_id: str | None) -> Sequence[AnyRow]:
        """The rows of what goes along. Raises Invalid, but for a repetition, which is answered with what was stored."""
        try:
            if not content and not ids:
                raise Invalid(content='is empty: send some text or a file')
            return self._uploads.unsent(sender_id, ids) if ids else ()
        except Invalid:
            if not self.is_repetition(sender_id, client_id):
                raise
            return ()

    def _check_reply(self, room: LiveRoom, reply_to_id: int | None) -> None:
        if reply_to_id is not None:
            row = self._database.row(select(MESSAGES.c.room_id).where(MESSAGES.c.id == reply_to_id))
            if row is None or row.room_id != room.id:
                raise Invalid(replyToId='is no message of this conversation')

    def _charge(self, sender_id: int, room: LiveRoom, client_id: str | None) -> tuple[str, int, int] | None:
        """What was charged for the message. Raises RateLimited."""
        charge = 'direct' if room.kind in (DIRECT, LOBBY) else 'messages', sender_id, room.id
        try:
            self._limits.charge(*charge)
        except RateLimited:
            if not self.is_repetition(sender_id, client_id):
                raise
            return None  # it costs nothing
        return charge

    def is_repetition(self, sender_id: int, client_id: str | None) -> bool:
        """Whether the sender's message with this clientId is stored already."""
        return client_id is not None and self._database.row(select(MESSAGES.c.id).where(
            MESSAGES.c.sender_id == sender_id, MESSAGES.c.client_id == client_id.encode())) is not None


def kind_of(content: str, attachments: Sequence[AnyRow]) -> MessageType:
    """The type of a message with this content and these rows of attachments."""
    return attachments[0].kind if attachments else EMOJI if is_only_emoji(content) else TEXT
