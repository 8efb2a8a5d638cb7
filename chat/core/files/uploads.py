"""Uploads: files on their way into messages, who may fetch them, and what becomes of those that are never sent."""
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from sqlalchemy import ColumnElement, Connection, func, insert, select

from ...errors import Invalid, NotFound, RateLimited, TooLarge, Unauthorized
from ..machinery.background import in_pieces
from ..machinery.clock import now_ms
from ..machinery.database import Database, inserted_id
from ..machinery.threads import Threads
from ..objects import Attachment
from ..tables import ATTACHMENTS, MESSAGES, USERS, AnyRow
from . import attachments, filenames, media
from .attachments import MAX_ATTACHMENTS
from .signatures import Signatures
from .storage import LocalStorage, Scratch
from .stored_files import Download, Files

KEPT_UNSENT = 24 * 3_600_000  # milliseconds
PRUNE_SECONDS = 3600          # more often than once a day, so that nothing stays for much longer than one
SWEEP_SECONDS = 24 * 3600
PRUNED_AT_ONCE = 100
MAX_RECEIVING = 10            # requests with files of one user at a time
IS_UNSENT = ATTACHMENTS.c.message_id.is_(None)
NOT_YOURS = 'holds an id that is none of your uploads'


class Conversation(Protocol):
    """A room, as far as it matters to who may see its files."""

    def has(self, user_id: int) -> bool:
        """Whether the user is in it."""


class Conversations(Protocol):
    """Where messages with files are."""

    def find(self, room_id: int) -> Conversation | None:
        """The room, or None if there is none."""


class Uploads:
    """`quota`: bytes of one user's files together; `threads` do what takes long."""

    def __init__(self, *, database: Database, rooms: Conversations, storage: LocalStorage, files: Files, threads: Threads,
                 signatures: Signatures, quota: int) -> None:
        self._database, self._rooms, self._storage, self._files = database, rooms, storage, files
        self._threads, self._signatures, self._quota = threads, signatures, quota
        self._receiving: Counter[int] = Counter()  # user id: requests whose files are being received

    # ------------------------------------------------------------------ arriving

    @contextmanager
    def receiving(self, user_id: int) -> Iterator[Callable[[], Scratch]]:
        """While a user's files are received: gives a function that makes a Scratch for each, gone at the end.

        Raises RateLimited for too many at a time, TooLarge for a user whose quota is used up.
        """
        if self._receiving[user_id] >= MAX_RECEIVING:
            raise RateLimited(1)
        self._receiving[user_id] += 1
        scratches: list[Scratch] = []

        def scratch() -> Scratch:
            scratches.append(self._storage.scratch())
            return scratches[-1]

        try:
            with self._database.reading() as connection:
                self._require_space(connection, user_id, 1)
            yield scratch
        finally:
            for item in scratches:
                item.discard()
            self._receiving[user_id] -= 1
            if not self._receiving[user_id]:
                del self._receiving[user_id]

    def store(self, user_id: int, scratch: Scratch, filename: str, is_voice: bool = False,
              duration_ms: int | None = None) -> AnyRow:
        """Take in a file that was received; returns its row.

        Raises Invalid for an empty or damaged one, UnsupportedMedia, TooLarge for one over the quota, Unavailable.
        """
        if not scratch.size:
            raise Invalid(file='is empty')
        arrival = self._threads.run(media.take_in, self._storage, scratch, is_voice, duration_ms)

        def insert_row(connection: Connection, keys: Sequence[str]) -> AnyRow:
            connection.execute(select(USERS.c.id).where(USERS.c.id == user_id).with_for_update())  # one at a time
            self._require_space(connection, user_id, arrival.saved.size)
            inserted = connection.execute(insert(ATTACHMENTS).values(
                uploader_id=user_id, kind=arrival.kind, filename=filenames.clean(filename),
                content_type=arrival.content_type, size=arrival.saved.size, width=arrival.width, height=arrival.height,
                duration_ms=arrival.duration_ms, key=keys[0], thumbnail_key=keys[1] if arrival.thumbnail else None,
                created_at=now_ms()))
            return connection.execute(
                select(ATTACHMENTS).where(ATTACHMENTS.c.id == inserted_id(inserted))).one()

        saved = [item for item in (arrival.saved, arrival.thumbnail) if item is not None]
        return self._files.keep(saved, insert_row)

    def _require_space(self, connection: Connection, user_id: int, size: int) -> None:
        used = connection.execute(
            select(func.sum(ATTACHMENTS.c.size)).where(ATTACHMENTS.c.uploader_id == user_id)).scalar() or 0
        if used + size > self._quota:
            raise TooLarge(f'Your files may take {self._quota:,} bytes together, and {used:,} are used: ask the host')

    # ------------------------------------------------------------------ sending

    def unsent(self, user_id: int, ids: Sequence[int]) -> list[AnyRow]:
        """The rows of these uploads of the user, in this order; whether one was sent already, the writer decides.

        Raises Invalid, with the same words for what is somebody else's and what does not exist.
        """
        if len(ids) > MAX_ATTACHMENTS:
            raise Invalid(attachmentIds=f'must have at most {MAX_ATTACHMENTS} items, with the files of the form')
        if len(set(ids)) < len(ids):
            raise Invalid(attachmentIds='names an upload twice')
        query = select(ATTACHMENTS).where(ATTACHMENTS.c.id.in_(ids), ATTACHMENTS.c.uploader_id == user_id)
        found = {row.id: row for row in self._database.rows(query)}
        if len(found) < len(ids):
            raise Invalid(attachmentIds=NOT_YOURS)
        return [found[attachment_id] for attachment_id in ids]

    def discard(self, user_id: int, ids: Sequence[int]) -> None:
        """Remove uploads whose message was refused; one that is in a message after all stays."""
        self._remove(ATTACHMENTS.c.id.in_(ids), ATTACHMENTS.c.uploader_id == user_id, IS_UNSENT)

    def _remove(self, *conditions: ColumnElement[bool], limit: int | None = None) -> int:
        count, keys = self._database.transact(lambda connection: attachments.remove(connection, *conditions, limit=limit))
        self._files.delete(keys)
        return count

    def prune(self) -> int:
        """Remove uploads that were not sent within a day; returns how many."""
        is_old = ATTACHMENTS.c.created_at < now_ms() - KEPT_UNSENT
        return in_pieces(iter(lambda: self._remove(IS_UNSENT, is_old, limit=PRUNED_AT_ONCE), 0))

    # ------------------------------------------------------------------ reading

    def open(self, attachment_id: int, user_id: int | None, signature: str | None, thumbnail: bool = False) -> Download:
        """The bytes as a Download, for the uploader, members of the room it was sent to, and whoever has a valid signature.

        Raises Unauthorized for nobody (None) without one, NotFound.
        """
        row = self._require_readable(attachment_id, user_id, signature)
        if not thumbnail:
            return self._files.open(row.key, row.content_type, row.filename)
        if row.thumbnail_key is None:
            raise NotFound('There is no thumbnail of this file')
        return self._files.open(row.thumbnail_key, media.SMALL, row.filename)

    def _require_readable(self, attachment_id: int, user_id: int | None, signature: str | None) -> AnyRow:
        is_signed = self._signatures.is_valid(signature, attachment_id)
        if user_id is None and not is_signed:
            raise Unauthorized('This address has expired, or is none: ask for the message again, or send a token')
        query = select(ATTACHMENTS, MESSAGES.c.room_id).join(MESSAGES, isouter=True)
        row = self._database.row(query.where(ATTACHMENTS.c.id == attachment_id))
        if row is None or not (is_signed or row.uploader_id == user_id or self._is_in(user_id, row.room_id)):
            raise NotFound('There is no such file')
        return row

    def _is_in(self, user_id: int | None, room_id: int | None) -> bool:
        room = self._rooms.find(room_id) if room_id is not None else None
        return room is not None and user_id is not None and room.has(user_id)

    def as_objects(self, rows: Iterable[AnyRow]) -> list[Attachment]:
        """The Attachments of rows."""
        return [self.as_object(row) for row in rows]

    def as_object(self, row: AnyRow) -> Attachment:
        """The Attachment of a row, as clients see it: the same for everybody, for an hour."""
        path = f'/api/uploads/{row.id}'
        return {
            'id': row.id, 'kind': row.kind, 'filename': row.filename, 'contentType': row.content_type, 'size': row.size,
            'url': self._signatures.url(path, row.id),
            'thumbnailUrl': row.thumbnail_key and self._signatures.url(f'{path}/thumbnail', row.id),
            'width': row.width, 'height': row.height, 'durationMs': row.duration_ms,
        }
