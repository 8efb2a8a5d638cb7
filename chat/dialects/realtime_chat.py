"""Dialect D (realtime-chat): sign-in by event, `message:new`, and lists of who is online.
What its clients say, auth:login and message:private, are words of the standard as well.
"""
from ..core.events import DirectMessageStored, LobbyMessageStored, OnlineUsers, UserWentOffline
from ..core.objects import Message
from .dialect import Dialect, Word

DIALECT = Dialect('realtime-chat', {
    DirectMessageStored: Word[DirectMessageStored]('message:new', Message, lambda event: event.message),
    LobbyMessageStored: Word[LobbyMessageStored]('message:new', Message, lambda event: event.message),
    OnlineUsers: Word[OnlineUsers]('user:online', list[int], lambda event: event.user_ids),
    UserWentOffline: Word[UserWentOffline]('user:offline', int, lambda event: event.user_id),
}, about=__doc__ or '')
