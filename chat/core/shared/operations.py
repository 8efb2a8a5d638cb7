"""What one process appends to the log: an operation waits to be written, is under way, and takes effect where it comes out.

Where there is no log to be written to, it takes effect at once, for this process alone. Either way that happens in the order
in which operations were put, and whoever waits for one goes on before the next one takes effect.
"""
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Any

import gevent
from gevent.event import AsyncResult
from gevent.event import Event as Signal

from .log import Plain
from .plain import pack

AT_ONCE = 500        # operations that are written together
MAX_QUEUED = 50_000  # that wait to be written


class Operation:
    """Something to be appended: `number` counts those of this process, `result` is what waits for it to come out."""

    __slots__ = ('number', 'topic', 'data', 'packed', 'is_for_all', 'result')

    def __init__(self, topic: str, data: Plain, is_for_all: bool, result: 'AsyncResult[Any] | None' = None) -> None:
        self.number, self.topic, self.data, self.is_for_all, self.result = 0, topic, data, is_for_all, result
        self.packed = pack(data)


class Operations:
    """`take_effect(operation)` has one that is for all take effect here. It must not wait."""

    def __init__(self, take_effect: Callable[[Operation], None]) -> None:
        self._take_effect = take_effect
        self._outgoing: deque[Operation] = deque()
        self._under_way: deque[Operation] = deque()  # written, for all, and not seen to come out yet
        self._alone: deque[Operation] = deque()      # that hold here as soon as those before them do
        self._is_holding = False
        self._numbered = 0  # the number of the newest that was written
        self._news, self._is_awaited = Signal(), Signal()

    @property
    def is_any_under_way(self) -> bool:
        """Whether there are any that have not come out yet."""
        return bool(self._under_way)

    @property
    def are_done(self) -> bool:
        """Whether all that was put has taken effect."""
        return not self._outgoing and not self._under_way

    @property
    def are_too_many(self) -> bool:
        """Whether no more should be put: they are written too slowly."""
        return len(self._outgoing) >= MAX_QUEUED

    # ------------------------------------------------------------------ by the log

    def put(self, operation: Operation, is_first: bool = False) -> None:
        """Have it written soon; before all others, if it is the first."""
        (self._outgoing.appendleft if is_first else self._outgoing.append)(operation)
        self._news.set()
        if operation.result is not None or is_first:
            self._is_awaited.set()

    def next_topic(self) -> str | None:
        """The topic of what is to be written next; None if there is nothing."""
        return self._outgoing[0].topic if self._outgoing else None

    def wait(self) -> None:
        """Wait until something is to be written."""
        self._news.wait()
        self._news.clear()

    def rest(self, seconds: float) -> None:
        """Wait so long, unless somebody waits for what is to be written."""
        self._is_awaited.wait(timeout=seconds)

    def take(self, most: int = AT_ONCE) -> tuple[int, list[Operation]]:
        """(the number of the first, those that are to be written next): they are under way from now on."""
        self._is_awaited.clear()
        taken = [self._outgoing.popleft() for _ in range(min(len(self._outgoing), most))]
        first = self._numbered + 1
        for self._numbered, operation in enumerate(taken, first):
            operation.number = self._numbered
            if operation.is_for_all:
                self._under_way.append(operation)
        return first, taken

    def come_out(self, last: int) -> None:
        """Those up to that number are in the log. Some may hold already, alone, and are not under way any more."""
        while self._under_way and self._under_way[0].number <= last:
            operation = self._under_way.popleft()
            self._take_effect(operation)
            if operation.result is not None:
                gevent.sleep(0)

    # ------------------------------------------------------------------ alone

    def give_up(self, but: Collection[str]) -> None:
        """There is no log any more: what has not come out holds alone, except for these topics, which are the log's own."""
        left = [*self._under_way, *self._outgoing]
        self._under_way.clear()
        self._outgoing.clear()
        self.hold_alone(operation for operation in left if operation.topic not in but)

    def hold_alone(self, operations: Iterable[Operation]) -> None:
        """They hold for this process alone."""
        self._alone.extend(operation for operation in operations if operation.is_for_all)
        if not self._is_holding:
            self._hold_next()

    def _hold_next(self) -> None:
        self._is_holding = True
        while self._alone:
            operation = self._alone.popleft()
            self._take_effect(operation)
            if operation.result is not None and self._alone:
                gevent.spawn(self._hold_next)
                return
        self._is_holding = False
