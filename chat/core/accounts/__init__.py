"""Users: their accounts, their sign-ins, whom they block, and whether they are there.

    accounts   sign-up, sign-in, passwords, and what the host's command line does to accounts
    sign_ins   from a login to its end, with the one refresh token that is good at the moment
    users      users as others see them, and the profile as its owner edits it
    blocks     who does not want to hear from whom
    presence   who is online, and who is told
    password_resets  links by which a lost password is replaced
"""
