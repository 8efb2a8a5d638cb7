"""Push: browsers are told of messages while their users are away.

    subscriptions  where each user's browsers are told, and which users have any
    audience       who is to be told of a message
    notices        what is said of it
    waiting        those who are not away yet: told when they are, unless they read it before
    sending        the way to the push services, with retries
"""
