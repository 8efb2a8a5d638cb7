"""What the product stands on, and what would serve another one as well; it knows no user, no room and no message.

    database    short units of work on pooled connections
    statements  queries that are made once and executed many times
    writer      group commit: whatever has queued up goes into the database as one batch
    gatherer    small writes that may wait a moment, made together
    cache       a bounded cache that never keeps what changed while it was being loaded
    limits      rate limits by a moving window
    publisher   the one way in which events leave the core
    threads     native threads for what takes long
    background  work that is repeated beside the requests
    clock       time as it is stored and shown
"""
