"""Clients that come back to another process than the one in which their line was lost.

The process asks all others, through the log. Whoever has the lost connection gives it away, with what it missed up to there.
The one that asked has everything kept for the connection from the moment before it asked; what is in both is left out. So
nothing is missed in between, whoever told whom first:

    told by the one that gives, after it gave    stands in the log behind the question, so that it is told here after it
    told here before the question                stands in the log before it, so that the one that gives has told it, too
"""
import logging
import secrets
from typing import Any

import gevent
from gevent.event import AsyncResult

from ..core.messages.order import RoomOrder
from ..core.shared.log import Entry, Log
from ..dialects import DIALECTS
from ..transport import cut
from .away import Away, Given
from .connections import Connection, Kind, Registry, shared

log = logging.getLogger(__name__)
QUESTION, ANSWER = 'who has lost', 'was lost here'  # topics
ANSWER_SECONDS = 2
SETTLE_SECONDS = 1
MAX_QUESTIONS = 1000  # at a time; whoever comes then begins anew


class Question:
    """Who has lost a connection; answered by the one that has, or once all others have said no."""

    def __init__(self, others: int) -> None:
        self.waits_for, self.answer = others, AsyncResult()  # type: ignore[var-annotated]


class Moves:
    """`order` is what tells events here in their turn: what stood before the question may still wait for that."""

    def __init__(self, *, log: Log, order: RoomOrder, registry: Registry, away: Away, server: Any) -> None:
        self._log, self._order, self._registry, self._away, self._server = log, order, registry, away, server
        self._questions: dict[str, Question] = {}
        log.subscribe(QUESTION, self._asked)
        log.subscribe(ANSWER, self._answered)

    def fetch(self, connection: Connection, sid: str, start: int, offset: Any) -> Connection | None:
        """The lost connection of that id, which is this process's from now on; None if nobody has it, or not all of it.

        `start` is what its pid says, `offset` what its client does.
        """
        if not self._log.others or len(self._questions) >= MAX_QUESTIONS:
            return None
        given = self._ask(connection, connection.kind, sid, start, offset)
        if isinstance(given, str) and given in DIALECTS:  # it speaks another one, as it was told after its handshake
            given = self._ask(connection, shared(connection.kind._replace(dialect=given)), sid, start, offset)
        lost = self._away.get(sid)
        if not isinstance(given, Given) or lost is None:
            return None
        self._away.take(connection, sid, given)
        return lost

    def _ask(self, connection: Connection, kind: Kind, sid: str, start: int, offset: Any) -> Given | str | None:
        """What the lost connection of that id and kind missed; its dialect if that is another one, None if nobody has it."""
        name, given = secrets.token_hex(8), None
        self._questions[name] = question = Question(self._log.others)
        try:
            self._away.expect(connection, sid, kind)
            self._log.tell_others(QUESTION, [name, sid, connection.me, list(kind), start, offset])
            given = question.answer.get(timeout=ANSWER_SECONDS)
            if isinstance(given, Given) and not self._order.settle(SETTLE_SECONDS):  # it is not to be told later on
                given = None
        except gevent.Timeout:
            given = None
        finally:
            del self._questions[name]
            if not isinstance(given, Given):
                self._away.discard(sid)
        return given

    def _asked(self, entry: Entry) -> None:
        """Another process has a client that says it was here."""
        name, sid, *what = entry.data
        if self._registry.get(sid) is None and self._away.get(sid) is None:
            self._log.tell_others(ANSWER, [name, None])
        else:
            gevent.spawn(self._answer, name, sid, *what)

    def _answer(self, name: str, sid: str, user_id: int, kind: list[Any], *seen: Any) -> None:
        given = None
        try:
            if self._order.settle(SETTLE_SECONDS):
                given = self._give(sid, user_id, Kind(*kind), *seen)
        finally:
            self._log.tell_others(ANSWER, [name, given])

    def _give(self, sid: str, user_id: int, kind: Kind, start: int, offset: Any) -> Given | str | None:
        before = self._registry.get(sid)
        if before is not None and before.user_id == user_id:
            cut(self._server, before.eio_sid)  # it is lost, and nobody has noticed
        lost = self._away.get(sid)
        if lost is None or lost.user_id != user_id or lost.kind._replace(dialect=kind.dialect) != kind:
            return None
        return lost.kind.dialect if lost.kind != kind else self._away.give(sid, start, offset)

    def _answered(self, entry: Entry) -> None:
        name, given = entry.data
        question = self._questions.get(name)
        if question is None:
            return
        question.waits_for -= 1
        if given is not None:
            question.answer.set(given if isinstance(given, str) else Given(*given))
        elif not question.waits_for and not question.answer.ready():
            question.answer.set(None)
