"""Rooms, who is in them, and what each member wants of one."""
from typing import Self

from pydantic import model_validator

from ..core.objects import Notify, Role
from ..errors import Invalid
from ..fields import AnyText, Id, RoomName
from ..validation import Request, says


class CreateRoom(Request):
    """A new room."""

    name: RoomName
    is_private: bool = False


class RenameRoom(Request):
    """Another name for a room."""

    name: RoomName


class JoinRoom(Request):
    """By the id of a public room, by the code of any, or by both."""

    model_config = says(anyOf=[{'required': ['roomId']}, {'required': ['inviteCode']}])

    room_id: Id | None = None
    invite_code: AnyText | None = None

    @model_validator(mode='after')
    def names_a_room(self) -> Self:
        if self.room_id is None and not self.invite_code:
            raise Invalid(inviteCode='is missing: send inviteCode or roomId')
        return self


class JoinRoomEvent(JoinRoom):
    """A room by its id, with its code where it is private."""

    model_config = says()

    room_id: Id


class LeaveRoom(Request):
    """A room that one is in."""

    room_id: Id


class ChangeSettings(Request):
    """What one wants to be told of while away, and whether the room is pinned; at least one of the two."""

    model_config = says(anyOf=[{'required': ['notify']}, {'required': ['isPinned']}])

    notify: Notify | None = None
    is_pinned: bool | None = None

    @model_validator(mode='after')
    def has_one(self) -> Self:
        if self.notify is None and self.is_pinned is None:
            raise Invalid(notify='is missing: send notify or isPinned')
        return self


class ChangeRole(Request):
    """What a member shall be."""

    role: Role
