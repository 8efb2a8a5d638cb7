"""Calls between two users: their signalling and their records.

    call      a call, and what one party has for the other
    calls     who rings, who answers, when it ends
    records   what became of calls
    ice       servers that help two browsers find a way to each other
"""
