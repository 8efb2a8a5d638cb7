"""Messages: the way of each from its sender to those who read it.

    messages   who may send what where, how a stored one looks, and how histories are paged
    store      how a batch gets into the database, whatever else goes on there
    receipts   how far each member has read, and how far messages were delivered
    inbox      rooms as one user sees them, with their newest message
    emoji      emoji, told from other text
"""
