"""A bounded cache in front of the database that can't keep what changed while it was being loaded."""
from cachetools import LRUCache
from gevent.event import Event

MISSING = object()


class Cache:
    """Entries by key, loaded on first use; the least recently used go when `size` is exceeded.

    `weigh` says how much of `size` an entry takes (1 by default). A key is loaded by one greenlet at a time, so that all
    share one entry, and again if it changed meanwhile, since the load may have read what was there before.
    """

    def __init__(self, size, load, weigh=None):
        self._entries = LRUCache(size, getsizeof=weigh)
        self._load = load
        self._loading = {}  # key: its Loading; as many as there are greenlets that wait for one

    def get(self, key):
        """The entry, loaded if need be; what the loader raises goes to the caller and is not kept."""
        while (entry := self._entries.get(key, MISSING)) is MISSING:
            loading = self._loading.get(key)
            if loading is not None:
                loading.done.wait()
                continue
            entry, is_current = self._load_alone(key)
            if is_current:
                self._keep(key, entry)
                break
        return entry

    def _load_alone(self, key):
        """(the entry, whether it did not change meanwhile), while others who want it wait."""
        loading = self._loading[key] = Loading()
        try:
            return self._load(key), not loading.is_overtaken
        finally:
            del self._loading[key]
            loading.done.set()

    def _keep(self, key, entry):
        try:
            self._entries[key] = entry
        except ValueError:
            pass  # heavier than the whole cache: loaded each time

    def _overtake(self, key):
        if key in self._loading:
            self._loading[key].is_overtaken = True

    def evict(self, *keys):
        """Forget the entries: what they were made of has changed."""
        for key in keys:
            self._overtake(key)
            self._entries.pop(key, None)

    def peek(self, key):
        """The entry if it is kept, else None."""
        return self._entries.get(key)

    def changed(self, key):
        """The entry if it is kept, for the caller to bring up to date; a load that is under way is made again."""
        self._overtake(key)
        return self._entries.get(key)

    def __len__(self):
        return len(self._entries)


class Loading:
    """A load that is under way."""

    __slots__ = ('done', 'is_overtaken')

    def __init__(self):
        self.done, self.is_overtaken = Event(), False
