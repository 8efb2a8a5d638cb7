"""Dialect D (realtime-chat): sign-in by event, `message:new`, and lists of who is online."""
NAME = 'realtime-chat'
HANDLERS = {}  # auth:login and message:private are words of the standard as well

EVENTS = {
    'direct_message': lambda message: ('message:new', message),
    'lobby_message': lambda data: ('message:new', data['message']),
    'online_users': lambda user_ids: ('user:online', user_ids),
    'user_offline': lambda data: ('user:offline', data['userId']),
}
