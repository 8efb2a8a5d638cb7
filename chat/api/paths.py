"""Ids in the paths of addresses."""
from werkzeug.routing import IntegerConverter


class IdConverter(IntegerConverter):
    """An id in a path: ASCII digits, as in a body; anything else is an address that does not exist.

    One beyond all ids is nobody's, and not refused here: to the router its address would be one that takes no such method.
    """

    regex = '[0-9]{1,16}'
