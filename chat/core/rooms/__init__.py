"""Rooms: every conversation is one, direct messages and the lobby included.

    rooms              who is in which, in memory, and the gates that everybody passes
    membership         how they change: made, joined, left, renamed, removed; roles and invite codes
    changes            the order of commits, by which clients catch up
    settings           what each member sets for itself
    typing_indicators  who is typing where
"""
