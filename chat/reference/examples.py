"""Examples: what a real server was sent, answered and told, as `make examples` recorded it in `examples.json`."""
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

FILE = Path(__file__).with_name('examples.json')
Recorded = Mapping[str, Any]


class Examples:
    """What is recorded, by what it is an example of.

    `requests`: by "METHOD /path", a list of {name, request, status, body, form, answer}, where those that do not
    apply are missing.
    `errors`: by code, the error. `told`: by dialect and event, the payload. `sent`: by dialect and event, {payload,
    acknowledgement}.
    """

    def __init__(self, recorded: Mapping[str, Any]) -> None:
        self._requests: Mapping[str, list[Recorded]] = recorded.get('requests', {})
        self._errors: Mapping[str, Recorded] = recorded.get('errors', {})
        self._told: Mapping[str, Recorded] = recorded.get('told', {})
        self._sent: Mapping[str, Mapping[str, Recorded]] = recorded.get('sent', {})

    @classmethod
    def recorded(cls) -> 'Examples':
        """Those of the repository."""
        return cls(orjson.loads(FILE.read_bytes()))

    def bodies_of(self, key: str, kind: str = 'body') -> dict[str, Any]:
        """The bodies of requests, by name; those of one kind, which is `body` for JSON, or `form`."""
        return {each['name']: each[kind] for each in self._requests.get(key, ()) if kind in each}

    def requests_of(self, key: str, status: int) -> dict[str, str]:
        """The first lines of requests that were answered with that status, by name."""
        return {each['name']: each['request'] for each in self._requests.get(key, ()) if each['status'] == status}

    def answers_of(self, key: str, status: int) -> dict[str, Any]:
        """The bodies of answers with that status, by name."""
        return {each['name']: each['answer'] for each in self._requests.get(key, ())
                if each['status'] == status and 'answer' in each}

    def error(self, code: str) -> Recorded | None:
        """An error with that code."""
        return self._errors.get(code)

    def told(self, dialect: str, event: str) -> list[Any]:
        """The payloads of an event that clients are told."""
        recorded = self._told.get(dialect, {})
        return [recorded[event]] if event in recorded else []

    def sent(self, dialect: str, event: str) -> Recorded | None:
        """An event of a client with its acknowledgement."""
        return self._sent.get(dialect, {}).get(event)
