"""What clients send: validation and the references are made from these models.

    lists     queries of lists that come in pages
    accounts  signing up, in and out, and what users say of themselves
    messages  messages on their way, what becomes of them, and how they are looked for
    rooms     rooms, who is in them, and what each member wants of one
    calls     calls, and those that were
    push      browsers that want to be told of messages while their users are away

Requests are pydantic models, strict about types; unknown fields are ignored. What is answered are the core's objects.
"""
