"""Lists of things other than messages: how long one may be, and where it is cut."""
from collections.abc import Iterator, Sequence
from typing import TypeVar

LONGEST = 1000  # items that one request is given
Item = TypeVar('Item')


def cut(items: Sequence[Item], limit: int) -> tuple[Sequence[Item], bool]:
    """(the first `limit` items, whether there are more), of a query that asked for one item more than that."""
    return items[:limit], len(items) > limit


def pieces(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """The items, in their order, as lists of at most `size`."""
    return (items[start:start + size] for start in range(0, len(items), size))
