"""Dialects: what each kind of client calls the domain's events, and how it wants them told.

A dialect is a module with `NAME` and `EVENTS`, which gives for the kind of an Event the function that makes
`(name, payload)` of its data. A kind that is not listed is not sent to that dialect.
"""
from . import standard

DIALECTS = {module.NAME: module for module in (standard,)}
DEFAULT = standard.NAME


def render(dialect, event):
    """`(name, payload)` of a publish.Event in that dialect, or None if it has no word for it."""
    make = DIALECTS[dialect].EVENTS.get(event.kind)
    return make and make(event.data)
