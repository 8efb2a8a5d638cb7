"""What hangs on a message beside its row: attachments, reactions, mentions; loaded for many messages at once."""
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from ..files import attachments
from ..files.attachments import KINDS
from ..objects import Reaction
from ..tables import AnyRow
from . import mentions, reactions


@dataclass(frozen=True, slots=True)
class Parts:
    """Rows of attachments, Reactions, and the ids of the users whom the message mentions."""

    attachments: Sequence[AnyRow] = ()
    reactions: Sequence[Reaction] = ()
    mentions: Sequence[int] = ()


NO_PARTS = Parts()


def have_parts(rows: Iterable[Any]) -> list[Any]:
    """Those of the messages' rows on which something hangs."""
    return [row for row in rows if row.type in KINDS or row.reaction_count or row.mention_count]


def of_messages(connection: Connection, rows: Iterable[Any]) -> Mapping[int, Parts]:
    """{message id: its Parts} of those of the messages' rows that have some."""
    found = have_parts(rows)
    attached = attachments.of_messages(connection, ids) if (ids := [row.id for row in found if row.type in KINDS]) else {}
    reacted = reactions.of_messages(connection, ids) if (ids := [row.id for row in found if row.reaction_count]) else {}
    mentioned = mentions.of_messages(connection, ids) if (ids := [row.id for row in found if row.mention_count]) else {}
    return {row.id: Parts(attached.get(row.id, ()), reacted.get(row.id, ()), mentioned.get(row.id, ())) for row in found}
