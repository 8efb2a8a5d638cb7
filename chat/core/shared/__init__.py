"""What the processes of one server share, each thing in two forms: for one process, where nothing of it costs anything, and
by Redis, for several.

    log           what they tell each other, in one order for all; the form for one process
    redis_log     the same by a stream of Redis; of it: operations (what this process appends), attendance (who is there, and
                  who leads), snapshots (for one that comes), redis_client
    bus           events and facts on that log
    codec         events and facts as plain data
    plain         plain data as bytes
    facts         what a process has changed that others keep in memory
    redis_limits  rate limits that are counted once
    places        for those who are not signed in yet; redis_places the same for all processes together

A process whose Redis is gone goes on alone: what it appends holds for itself, at once. When Redis is back it says what is so
here (`Replicated.contribution`), forgets what it only remembered, and looks in the database for what it was not told.
"""
