"""Places for those who are not signed in yet: so many in all, so many from one address."""
from collections import Counter

MAX_PLACES = 1000
MAX_PER_ADDRESS = 50


class Places:
    """Those of the only process there is."""

    def __init__(self) -> None:
        self._total = 0
        self._per_address: Counter[str] = Counter()

    def take(self, address: str) -> bool:
        """Whether there was a place, which is taken now."""
        if self._total >= MAX_PLACES or self._per_address[address] >= MAX_PER_ADDRESS:
            return False
        self._total += 1
        self._per_address[address] += 1
        return True

    def give_back(self, address: str) -> None:
        """A place is free again."""
        self._total -= 1
        self._per_address[address] -= 1
        if not self._per_address[address]:
            del self._per_address[address]
