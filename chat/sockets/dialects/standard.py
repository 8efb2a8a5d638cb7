"""The standard dialect: the clients of A and E, and new ones."""
NAME = 'standard'
HANDLERS = {}  # its words are those of chat.py


def _as(name):
    """The event's data as it is, under that name."""
    return lambda data: (name, data)


def _room_message(message):
    return 'receive_message', message | {'userId': message['senderId']}


EVENTS = {
    'direct_message': _as('newMessage'),
    'direct_message_sent': _as('message_sent'),
    'room_message': _room_message,
    'lobby_message': lambda data: _room_message(data['message']),
    'call_started': _as('callUser'),
    'call_answered': _as('makeAnswer'),
    'call_candidate': _as('iceCandidate'),
    'call_ended': _as('endCall'),
} | {name: _as(name) for name in (
    'typing', 'delivery_receipt', 'read_receipt', 'user_status',
    'room_updated', 'room_deleted', 'member_joined', 'member_left')}
