"""Who is to be told of a message while away: whoever subscribed, and wants to be told of it."""
from collections.abc import Set

from ..accounts.blocks import Blocks
from ..events import NOBODY
from ..messages.store import Draft
from ..rooms.rooms import DIRECT, LOBBY
from ..rooms.settings import ALL, NOTHING, ONLY_MENTIONS, RoomSettings
from .subscriptions import Subscriptions


class Audience:

    def __init__(self, *, subscriptions: Subscriptions, settings: RoomSettings, blocks: Blocks) -> None:
        self._subscriptions, self._settings, self._blocks = subscriptions, settings, blocks

    def of(self, draft: Draft) -> Set[int]:
        """The ids of the users, whether or not they are away. It may ask the database, once for a room and an author."""
        room, subscribers = draft.room, self._subscriptions.subscribers()
        if not subscribers or room.kind != LOBBY and subscribers.isdisjoint(room.members):
            return NOBODY
        choices, mentioned = self._settings.choices(room.id), set(draft.mentions)
        wanting = room.members | mentioned if room.kind == DIRECT else mentioned
        wanting = wanting | {user_id for user_id, choice in choices.items() if choice == ALL}
        wanting = {user_id for user_id in wanting & subscribers if room.has(user_id) and user_id != draft.sender_id
                   and not _refuses(choices.get(user_id), user_id in mentioned)}
        return wanting - self._blocks.hiding_from(draft.sender_id) if wanting else NOBODY


def _refuses(choice: str | None, is_mentioned: bool) -> bool:
    """Whether that choice is not to be told of a message."""
    return choice == NOTHING or choice == ONLY_MENTIONS and not is_mentioned
