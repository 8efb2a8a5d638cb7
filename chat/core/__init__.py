"""What the product does, without knowing how anybody reaches it: no request, no socket, no token is seen in here.

A house of floors, each with an `__init__` that says what is on it; imports go downwards only:

    wiring     makes the services and gives each what it needs
    calls      who rings whom, and what became of it
    push       browsers are told while their users are away
    messages   the way of a message: sending, storing, telling, histories, receipts; the inbox
    rooms      who is in which conversation, and how that changes; who is typing there
    accounts   users, sign-ins, blocks, presence
    files      bytes: on their way in, kept, shown
    shared     what several processes tell each other, by Redis
    machinery  what all of that stands on: database, statements, writer, write-behind, cache, threads, clock

and under them, known to all: `events` (what is told to whom), `objects` (what clients see), `tables` (what is stored), `sql`
(the statements that are put together by hand).
"""
from .wiring import Core, build

__all__ = ['Core', 'build']
