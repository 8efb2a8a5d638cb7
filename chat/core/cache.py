"""A bounded cache in front of the database that can't keep what changed while it was being loaded."""
from cachetools import LRUCache

MISSING = object()


class Cache:
    """Entries by key, loaded on first use; the least recently used go when `size` is exceeded.

    `weigh` says how much of `size` an entry takes (1 by default). A load that was under way when anything was evicted
    is not kept, since it may have read what was there before.
    """

    def __init__(self, size, load, weigh=None):
        self._entries = LRUCache(size, getsizeof=weigh)
        self._load = load
        self._evictions = 0

    def get(self, key):
        """The entry, loaded if need be; what the loader raises goes to the caller and is not kept."""
        entry = self._entries.get(key, MISSING)
        if entry is MISSING:
            evictions = self._evictions
            entry = self._load(key)
            if evictions == self._evictions:
                self._keep(key, entry)
        return entry

    def _keep(self, key, entry):
        try:
            self._entries[key] = entry
        except ValueError:
            pass  # heavier than the whole cache: loaded each time

    def evict(self, *keys):
        """Forget the entries: what they were made of has changed."""
        self._evictions += 1
        for key in keys:
            self._entries.pop(key, None)

    def peek(self, key):
        """The entry if it is kept, else None."""
        return self._entries.get(key)

    def changed(self, key):
        """The entry if it is kept, for the caller to bring up to date; a load that is under way is not kept."""
        self._evictions += 1
        return self._entries.get(key)

    def __len__(self):
        return len(self._entries)
