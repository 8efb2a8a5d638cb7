"""The standard dialect: the clients of A and E, and new ones."""
NAME = 'standard'


def _room_message(message):
    return 'receive_message', message | {'userId': message['senderId']}


EVENTS = {
    'direct_message': lambda message: ('newMessage', message),
    'direct_message_sent': lambda message: ('message_sent', message),
    'room_message': _room_message,
    'lobby_message': _room_message,
}
