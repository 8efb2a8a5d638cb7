"""Ids in the paths of addresses."""
from werkzeug.routing import IntegerConverter, ValidationError

from ..fields import MAX_ID


class IdConverter(IntegerConverter):
    """An id in a path: ASCII digits, as in a body; anything else is an address that does not exist."""

    regex = '[0-9]{1,16}'

    def to_python(self, value: str) -> int:
        if int(value) > MAX_ID:
            raise ValidationError
        return int(value)
