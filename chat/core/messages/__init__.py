"""Messages: the way of each from its sender to those who read it.

    sending    who may send what where: gates, limits, and the queue
    store      how a batch gets into the database, whatever else goes on there
    delivery   what is told of it once it is stored
    order      in which that is told where several processes write
    told_rooms what of each room was told there, and what the database has beyond that
    changing   what becomes of it afterwards: edited, deleted, reacted to
    view       the one place where a stored row becomes a Message
    parts      what hangs on messages beside their rows, loaded for many at once; of it: reactions, mentions
    histories  a room's messages, or those of all rooms, page by page; with page, and merged for all rooms
    sync       what is new or has changed since a place in the order of commits
    newest     the newest message of each room
    inbox      rooms as one user sees them
    mentions   whom a message names
    mentioned  the messages that mention a user
    receipts   how far each member has read, and how far messages were delivered
    removal    messages that go for good
    search     which messages have what is looked for: best or newest first, page by page
    search_candidates  those that may have it, by the index, of all rooms of a user
    search_index       the index of words, kept up behind the messages
    search_terms       how texts are cut into terms, and how well one matches
    search_places      where terms stand in a block of messages, as bytes and bits
    emoji      emoji, told from other text
"""
