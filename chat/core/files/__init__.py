"""Bytes: on their way in, kept once however many use them, and on their way out.

    uploads       files that somebody sent, until they are in a message, and who may fetch them
    avatars       small pictures of users
    attachments   the table of attachments, for those who change it within transactions of their own
    stored_files  who uses which bytes: equal ones are kept once, and go with the last user
    storage       where the bytes are: a folder of the local disk
    media         what a file is, by its bytes: pictures, recordings, anything else
    pictures, recordings, metadata   one kind of media each, and what is taken out of it
    filenames     names that harm nobody
    signatures    addresses that open a file for a while
"""
