"""What clients see of things: typed dictionaries, which cost nothing to make and become JSON as they are."""
from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired

from typing_extensions import TypedDict  # which pydantic wants before Python 3.12, to check real answers against them


class Says:
    """Beside a type, in Annotated: what the references say of it, as keywords of JSON Schema."""

    def __init__(self, description: str | None = None, **keywords: Any) -> None:
        self._keywords = keywords if description is None else {'description': description, **keywords}

    def __get_pydantic_json_schema__(self, schema: Any, make: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """As pydantic asks for it; where they list what the type may be, that replaces what pydantic makes of it."""
        return {**({} if 'anyOf' in self._keywords else make(schema)), **self._keywords}


Time = Annotated[str, Says(format='date-time')]  # ISO 8601, UTC, milliseconds
Address = Annotated[str, Says(format='uri-reference')]

AttachmentKind = Literal['image', 'file', 'voice']
MessageType = Literal['text', 'emoji', 'image', 'file', 'voice']
RoomKind = Literal['public', 'private', 'direct', 'lobby']
Role = Literal['admin', 'member']
Notify = Literal['all', 'mentions', 'none']
Outcome = Literal['completed', 'missed', 'declined', 'busy', 'failed']


class User(TypedDict):
    """Somebody with an account, as everyone sees them."""

    id: int
    username: str
    displayName: str
    avatarUrl: Annotated[Address | None, Says('Signed, for one to two hours.')]
    online: bool
    lastSeen: Annotated[Time | None, Says('When the last connection closed.')]
    createdAt: Time


class Me(User):
    """A User, for its owner."""

    email: str


class Attachment(TypedDict):
    """A file, in a message or on its way into one."""

    id: int
    kind: AttachmentKind
    filename: str
    contentType: Annotated[str, Says('As its bytes tell, not its name.')]
    size: Annotated[int, Says('In bytes.')]
    url: Annotated[Address, Says('Signed, for one to two hours.')]
    thumbnailUrl: Annotated[Address | None, Says('Of a picture. Signed, as url is.')]
    width: Annotated[int | None, Says('In pixels.')]
    height: Annotated[int | None, Says('In pixels.')]
    durationMs: Annotated[int | None, Says('Of a recording, in milliseconds.')]


class Reaction(TypedDict):
    """An emoji, and who reacted with it."""

    emoji: str
    userIds: list[int]


class Message(TypedDict):
    """A message of any conversation."""

    id: int
    roomId: int
    senderId: int
    receiverId: Annotated[int | None, Says('Of a direct message.')]
    type: Annotated[MessageType, Says('The kind of the first attachment; else emoji for one to three of them; else text.')]
    content: Annotated[str, Says('As it was typed; empty, once the message is deleted.')]
    attachments: list[Attachment]
    replyToId: int | None
    clientId: Annotated[str | None, Says('What its sender called it.')]
    reactions: list[Reaction]
    mentions: Annotated[list[int], Says('The ids of the users whom it names.')]
    createdAt: Time
    editedAt: Time | None
    deletedAt: Time | None
    deliveredAt: Annotated[Time | None, Says('For the sender of a direct message; null in events.')]
    readAt: Annotated[Time | None, Says('For the sender of a direct message; null in events.')]


class SyncPage(TypedDict):
    """What is new or has changed since a place: messages as they are now, rooms that one is no longer in, where to go on."""

    messages: list[Message]
    left: Annotated[list[int], Says('Ids of rooms: what is held of them goes, before messages are taken.')]
    next: Annotated[str, Says('Where to go on from, as `after`.')]
    more: Annotated[bool, Says('Whether there is more behind next.')]


class Room(TypedDict):
    """A conversation, as one user sees it."""

    id: int
    name: str
    kind: RoomKind
    isPrivate: bool
    createdBy: int | None
    createdAt: Time
    role: Annotated[Role | None, Says('The caller\'s; null outside of the room.')]
    memberCount: int
    unreadCount: int
    mentionCount: Annotated[int, Says('How many unread messages mention the caller.')]
    notify: Annotated[Notify | None, Says('What the caller is told of while away; null outside of the room.')]
    isPinned: bool
    lastMessage: Message | None
    otherUser: NotRequired[Annotated[User, Says('Of a direct room.')]]
    inviteCode: NotRequired[Annotated[str, Says('To the room\'s admins.')]]


class Member(TypedDict):
    """A user in a room."""

    user: User
    role: Role
    joinedAt: Time


class Receipt(TypedDict):
    """When a message was delivered to a member of its room, and when it was read there."""

    userId: int
    deliveredAt: Time | None
    readAt: Time | None


class Call(TypedDict):
    """A call that is over."""

    id: int
    callerId: int
    calleeId: int
    startedAt: Time
    answeredAt: Time | None
    endedAt: Time
    outcome: Outcome


class RoomSummary(TypedDict):
    """What all members of a room are told when it changes."""

    id: int
    name: str
    kind: RoomKind
    isPrivate: bool
    memberCount: int
