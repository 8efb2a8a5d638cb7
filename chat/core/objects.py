"""What clients see of things: typed dictionaries, which cost nothing to make and become JSON as they are."""
from typing import Literal, NotRequired

from typing_extensions import TypedDict  # which pydantic wants before Python 3.12, to check real answers against them

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
    avatarUrl: str | None
    online: bool
    lastSeen: str | None
    createdAt: str


class Me(User):
    """A User, for its owner."""

    email: str


class Attachment(TypedDict):
    """A file, in a message or on its way into one."""

    id: int
    kind: AttachmentKind
    filename: str
    contentType: str
    size: int
    url: str
    thumbnailUrl: str | None
    width: int | None
    height: int | None
    durationMs: int | None


class Reaction(TypedDict):
    """An emoji, and who reacted with it."""

    emoji: str
    userIds: list[int]


class Message(TypedDict):
    """A message of any conversation."""

    id: int
    roomId: int
    senderId: int
    receiverId: int | None
    type: MessageType
    content: str
    attachments: list[Attachment]
    replyToId: int | None
    clientId: str | None
    reactions: list[Reaction]
    mentions: list[int]
    createdAt: str
    editedAt: str | None
    deletedAt: str | None
    deliveredAt: str | None
    readAt: str | None


class SyncPage(TypedDict):
    """What is new or has changed since a place: messages as they are now, rooms that one is no longer in, where to go on."""

    messages: list[Message]
    left: list[int]
    next: str
    more: bool


class Room(TypedDict):
    """A conversation, as one user sees it."""

    id: int
    name: str
    kind: RoomKind
    isPrivate: bool
    createdBy: int | None
    createdAt: str
    role: Role | None
    memberCount: int
    unreadCount: int
    mentionCount: int
    notify: Notify | None
    isPinned: bool
    lastMessage: Message | None
    otherUser: NotRequired[User]
    inviteCode: NotRequired[str]


class Member(TypedDict):
    """A user in a room."""

    user: User
    role: Role
    joinedAt: str


class Receipt(TypedDict):
    """When a message was delivered to a member of its room, and when it was read there."""

    userId: int
    deliveredAt: str | None
    readAt: str | None


class Call(TypedDict):
    """A call that is over."""

    id: int
    callerId: int
    calleeId: int
    startedAt: str
    answeredAt: str | None
    endedAt: str
    outcome: Outcome


class RoomSummary(TypedDict):
    """What all members of a room are told when it changes."""

    id: int
    name: str
    kind: RoomKind
    isPrivate: bool
    memberCount: int
