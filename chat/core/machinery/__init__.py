"""What the product stands on, and what would serve another one as well; it knows no user, no room and no message.

    database      short units of work on pooled connections
    engines       how connections to each kind of database are made
    pre_ping      a ping where a pooled connection may have been lost
    failures      what an error of the database means, and who gets to know of it
    statements    queries that are made once and executed many times
    writer        group commit: whatever has queued up goes into the database as one batch
    write_behind  small writes that may wait a moment, made together
    cache         a bounded cache that never keeps what changed while it was being loaded
    limits        rate limits by a moving window
    seals         texts that clients give back as they got them
    publisher     the one way in which events leave the core
    outgoing      requests to addresses that users name, and never into the network behind us
    web_push      what browsers and their push services are sent, encrypted and signed
    threads       native threads for what takes long
    background    work beside the requests: repeated, and in pieces
    clock         time as it is stored and shown
"""
