"""Mentions: whom a message names by `@username`, and the table of it, for those who change it within their transactions."""
import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import Final

import orjson
from cachetools import TTLCache
from sqlalchemy import Connection, Integer, bindparam, delete, func, select

from ..accounts.accounts import USERNAME_LENGTH, fold_username
from ..accounts.users import IS_ACTIVE
from ..lists import pieces
from ..machinery.database import Database
from ..machinery.statements import Prepared
from ..rooms.rooms import LOBBY, LiveRoom, Rooms
from ..sql.batches import insert_mention_rows
from ..tables import MEMBERS, MENTIONS, USERS

EVERYONE: Final = 'all'  # `@all`, where an admin of the room writes it
SHORTEST = 3             # characters of a username
MAX_NAMES = 50           # that are looked up for one message
MAX_KNOWN = 50_000       # names in memory
KNOWN_SECONDS = 5        # for which a user is taken to be there
MOST_MEMBERS = 5000      # of a room in which there is an `@all`: each of them is a row, and an id in the Message
AT_ONCE = 1000           # rows, or messages, in one statement
MENTION = re.compile(r'@([A-Za-z0-9_.-]+)')
REST_OF_ADDRESS = re.compile('://[!-;=?-~]*')  # what an address may be written in: ASCII without space, < and >
WORD = {'Lu', 'Ll', 'Lt', 'Nd'}  # Unicode's categories of letters with upper and lower case, and of digits
Row = tuple[int, int, int, int]  # of the table: user id, message id, room id, seq


# ---------------------------------------------------------------------- what is written

def named_in(text: str) -> list[tuple[str, ...]]:
    """The names that a text mentions, folded: of each `@…` all that it may mean, the longest first.

    A username may end in punctuation, and so may a sentence: `@ann.` is `ann.` where there is such a user, else `ann`. No
    mention is what stands inside a word or an address, as in `bob@example.com`, `@ann@example.com`, `https://x.com/@ann`.
    Scripts without upper and lower case are written without spaces, or join a name to what goes with it: there `你好@ann`
    and `@ann님` are mentions, while `café@ann` is none. At most MAX_NAMES different ones; cheap where there is no `@`.
    """
    if '@' not in text:
        return []
    found: dict[str, tuple[str, ...]] = {}
    end = None  # of the mention before
    text = REST_OF_ADDRESS.sub(' ', text)
    for match in MENTION.finditer(text):
        if len(found) == MAX_NAMES:
            break
        if _is_within(text, match.start(), end) or _goes_on(text, match.end()):
            continue
        end = match.end()
        names = tuple(_meanings(fold_username(match[1])))
        if names:
            found[names[0]] = names
    return list(found.values())


def _is_within(text: str, at: int, end: int | None) -> bool:
    """Whether an `@` at this place is inside a word or an address; `end` is that of the mention before it."""
    at -= 1
    if at >= 0 and text[at] == '/':
        return at != end  # `@ann/@bob` are two people, `x.com/@ann` is an address
    while at >= 0 and (text[at] == '_' or _is_mark(text[at])):
        at -= 1
    return at >= 0 and (text[at] == '@' or _is_of_word(text[at]))


def _goes_on(text: str, end: int) -> bool:
    """Whether what ends here, where no further character of a username follows, is only part of a word or an address."""
    if end == len(text):
        return False
    return _is_of_word(text[end]) or _is_mark(text[end]) or text[end] == '@' and _is_within(text, end, None)


def _is_of_word(character: str) -> bool:
    return unicodedata.category(character) in WORD


def _is_mark(character: str) -> bool:
    """Whether it belongs to the letter before it, as an accent does."""
    return unicodedata.category(character).startswith('M')


def _meanings(name: str) -> Iterator[str]:
    """The usernames that a name may be, the longest first: itself, and without the punctuation at its end."""
    shortest = max(len(name.rstrip('._-')), SHORTEST)
    for length in range(min(len(name), USERNAME_LENGTH), shortest - 1, -1):
        yield name[:length]


# ---------------------------------------------------------------------- who is meant

class Mentions:

    def __init__(self, *, database: Database, rooms: Rooms) -> None:
        self._database, self._rooms = database, rooms
        self._known: TTLCache[str, int] = TTLCache(MAX_KNOWN, KNOWN_SECONDS)  # user ids by their folded names
        self._members = Prepared(database, (
            select(USERS.c.id).join(MEMBERS, MEMBERS.c.user_id == USERS.c.id)
            .where(MEMBERS.c.room_id == bindparam('room'), IS_ACTIVE).order_by(USERS.c.id)
            .limit(bindparam('most', type_=Integer))))

    def of(self, sender_id: int, room: LiveRoom, content: str) -> tuple[int, ...]:
        """The ids of the room's members whom the sender mentions by this content, sorted; the sender may be one.

        It may ask the database, so it has no place within a transaction.
        """
        named = named_in(content)
        if not named:
            return ()
        members = {name: user_id for name, user_id in self._ids(named).items() if room.has(user_id)}
        meant = {next((name for name in names if name in members or name == EVERYONE), '') for names in named}
        if EVERYONE in meant and self._rooms.is_admin(sender_id, room):
            return self._everyone(room)
        return tuple(sorted(members[name] for name in meant & members.keys()))

    def _ids(self, named: Sequence[Sequence[str]]) -> dict[str, int]:
        """{name: user id} of those that there are."""
        shortest = [names[-1] for names in named]  # first, so that they are among those that are looked up
        names = list(dict.fromkeys(chain(shortest, *named)))[:MAX_NAMES]
        ids = {name: user_id for name in names if (user_id := self._known.get(name)) is not None}
        if len(ids) < len(names):
            unknown = USERS.c.username_key.in_([name for name in names if name not in ids])
            rows = self._database.rows(select(USERS.c.username_key, USERS.c.id).where(unknown, IS_ACTIVE))
            found = {row.username_key: row.id for row in rows}
            self._known.update(found)
            ids |= found
        return ids

    def _everyone(self, room: LiveRoom) -> tuple[int, ...]:
        """The ids of all members, sorted, or of nobody where they are too many; in the lobby, of all open accounts."""
        if room.kind == LOBBY:
            ids = [row.id for row in self._members.fetch(room=room.id, most=MOST_MEMBERS + 1)]
        else:
            ids = sorted(room.members)
        return tuple(ids) if len(ids) <= MOST_MEMBERS else ()


# ---------------------------------------------------------------------- the table

def write(connection: Connection, rows: Collection[Row]) -> None:
    """Add rows."""
    for some in pieces(sorted(rows), AT_ONCE):  # so that no two transactions lock the users in a circle
        connection.exec_driver_sql(insert_mention_rows(some))


def remove(connection: Connection, message_ids: Collection[int]) -> None:
    """Remove whatever these messages mention."""
    for some in pieces(sorted(message_ids), AT_ONCE):
        connection.execute(delete(MENTIONS).where(MENTIONS.c.message_id.in_(some)))


def of_messages(connection: Connection, message_ids: Collection[int]) -> dict[int, list[int]]:
    """{message id: the ids of the users whom it mentions, sorted}, of those that mention anybody."""
    found: dict[int, list[int]] = {}
    user_ids = func.group_concat(MENTIONS.c.user_id)  # as one text, since a message may mention thousands
    for some in pieces(sorted(message_ids), AT_ONCE):
        query = (select(MENTIONS.c.message_id, user_ids.label('user_ids')).where(MENTIONS.c.message_id.in_(some))
                 .group_by(MENTIONS.c.message_id))
        found |= {row.message_id: sorted(orjson.loads(f'[{row.user_ids}]')) for row in connection.execute(query)}
    return found
