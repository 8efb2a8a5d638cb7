"""A bounded cache in front of the database that can't keep what changed while it was being loaded."""
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from cachetools import LRUCache
from gevent.event import Event

MISSING = object()
Key = TypeVar('Key')
Value = TypeVar('Value')


class Cache(Generic[Key, Value]):
    """Entries by key, loaded on first use; the least recently used go when `size` is exceeded.

    `weigh` says how much of `size` an entry takes (1 by default). A key is loaded by one greenlet at a time, so that all
    share one entry, and again if it changed meanwhile, since the load may have read what was there before.
    """

    def __init__(self, size: int, load: Callable[[Key], Value], weigh: Callable[[Value], int] | None = None) -> None:
        self._entries: LRUCache[Key, Value] = LRUCache(size, getsizeof=weigh)
        self._load = load
        self._loads: dict[Key, Load] = {}  # those under way; as many as there are greenlets that wait for one

    def get(self, key: Key) -> Value:
        """The entry, loaded if need be; what the loader raises goes to the caller and is not kept."""
        while (entry := self._entries.get(key, MISSING)) is MISSING:
            load = self._loads.get(key)
            if load is not None:
                load.ended.wait()
                continue
            entry, is_current = self._load_alone(key)
            if is_current:
                self._keep(key, entry)
                break
        return cast(Value, entry)

    def _load_alone(self, key: Key) -> tuple[Value, bool]:
        """(the entry, whether it did not change meanwhile), while others who want it wait."""
        load = self._loads[key] = Load()
        try:
            return self._load(key), not load.is_overtaken
        finally:
            del self._loads[key]
            load.ended.set()

    def _keep(self, key: Key, entry: Value) -> None:
        try:
            self._entries[key] = entry
        except ValueError:
            pass  # heavier than the whole cache: loaded each time

    def _overtake(self, key: Key) -> None:
        if key in self._loads:
            self._loads[key].is_overtaken = True

    def evict(self, *keys: Key) -> None:
        """Forget the entries: what they were made of has changed."""
        for key in keys:
            self._overtake(key)
            self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget all entries."""
        for load in self._loads.values():
            load.is_overtaken = True
        self._entries.clear()

    def peek(self, key: Key) -> Value | None:
        """The entry if it is kept, else None."""
        return self._entries.get(key)

    def changed(self, key: Key) -> Value | None:
        """The entry if it is kept, for the caller to bring up to date; a load that is under way is made again."""
        self._overtake(key)
        return self._entries.get(key)

    def __len__(self) -> int:
        return len(self._entries)


class Load:
    """One call of the loader: when it has ended, and whether the entry has changed since it began."""

    __slots__ = ('ended', 'is_overtaken')

    def __init__(self) -> None:
        self.ended, self.is_overtaken = Event(), False
