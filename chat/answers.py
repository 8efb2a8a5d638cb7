"""What is answered over HTTP beside the core's objects: those objects wrapped, and what only requests ask for."""
from typing import Literal, NotRequired

from typing_extensions import TypedDict  # which pydantic wants before Python 3.12

from .core.calls.ice import IceServer
from .core.objects import Me, Member, Message, Receipt, Room


class Done(TypedDict):
    """That it is done, in words."""

    message: str


class Tokens(TypedDict):
    """What a client shows of its sign-in, and what it exchanges for a newer one."""

    token: str
    refreshToken: str


class SignedIn(Tokens):
    """A new sign-in."""

    user: Me


class RoomAnswer(TypedDict):
    """One room."""

    room: Room


class RoomsAnswer(TypedDict):
    """Rooms."""

    rooms: list[Room]


class MemberAnswer(TypedDict):
    """One member of a room."""

    member: Member


class MembersAnswer(TypedDict):
    """Members of a room."""

    members: list[Member]


class ReceiptsAnswer(TypedDict):
    """Whom a message has reached."""

    receipts: list[Receipt]


class InviteCode(TypedDict):
    """What lets somebody into a room."""

    inviteCode: str


class MessageAnswer(TypedDict):
    """One message."""

    message: Message


class MessagesAnswer(TypedDict):
    """Messages."""

    messages: list[Message]


class IceServersAnswer(TypedDict):
    """What an RTCPeerConnection is made with."""

    iceServers: list[IceServer]


class PushKey(TypedDict):
    """What a browser subscribes with: `applicationServerKey`."""

    publicKey: str


class Health(TypedDict):
    """That the process runs."""

    ok: Literal[True]


class Readiness(TypedDict):
    """What a server needs to do its work: 'ok', or what is wrong with it."""

    ok: bool
    database: str
    migrations: str
    queue: str
    redis: NotRequired[str]


class NotReady(Readiness):
    """Readiness with the error that goes with status 503."""

    code: str
    message: str
