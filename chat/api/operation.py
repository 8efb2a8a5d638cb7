"""Operations: what each view takes, answers and refuses, declared above it.

The declaration reads and checks the request before the view is called; references and tests are made from it.
"""
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from inspect import cleandoc
from typing import Any, TypeVar

from flask import request

from ..errors import BadRequest, ChatError, Invalid, RateLimited, TooLarge, Unauthorized, Unavailable, UnsupportedMedia
from ..validation import Request, parse
from .bodies import json_body
from .forms import FORM, received_form, the_file

View = TypeVar('View', bound=Callable[..., Any])
TOKEN, PUBLIC, SIGNED = 'token', 'public', 'signed'  # who may call: a user; anybody; also who has a signed address


class FileBytes:
    """Stands for an answer that is a file, not JSON; of one of these types."""

    content_types: tuple[str, ...] = ('*/*',)


@dataclass(frozen=True, slots=True)
class Operation:
    """`answers` has the type of the JSON for each status, None where there is no body, a FileBytes for a file.

    `files` is how many files the request may bring as multipart/form-data: with a `body` that is another way to send it,
    without one exactly one file must come. `errors` are those of this operation beside what `possible_errors` adds.
    """

    summary: str
    answers: Mapping[int, Any]
    body: type[Request] | None = None
    query: type[Request] | None = None
    files: int = 0
    errors: Sequence[type[ChatError]] = ()
    access: str = TOKEN
    description: str = ''

    def possible_errors(self) -> set[type[ChatError]]:
        """All that can be answered instead."""
        errors = {ChatError, RateLimited, Unavailable, *self.errors}
        if self.access != PUBLIC:
            errors.add(Unauthorized)
        if self.body or self.query or self.files:
            errors.add(Invalid)
        if self.body or self.files:
            errors |= {BadRequest, TooLarge}
        if self.files:
            errors.add(UnsupportedMedia)
        return errors


def operation(*, answers: Mapping[int, Any], body: type[Request] | None = None, query: type[Request] | None = None,
              files: int = 0, errors: Sequence[type[ChatError]] = (), access: str = TOKEN) -> Callable[[View], View]:
    """Declare a view; its docstring says in one line what it does, and below that what else there is to know.

    The view is called with what was declared and is valid, in this order: the body, the file or files, the query; then,
    by name, what is in the path.
    """
    def decorate(view: View) -> View:
        summary, _, description = cleandoc(view.__doc__ or '').partition('\n')
        declared = Operation(summary, answers, body, query, files, errors, access, description.strip())

        @wraps(view)
        def called(**path: int | str) -> Any:
            asked = () if query is None else (parse(query, request.args.to_dict()),)
            if not files:
                return view(*(() if body is None else (parse(body, json_body()),)), *asked, **path)
            if body is not None and request.mimetype != FORM:
                return view(parse(body, json_body()), (), *asked, **path)
            with received_form(files) as (fields, received):
                sent = (the_file(received),) if body is None else (parse(body, fields), received)
                return view(*sent, *asked, **path)

        called.operation = declared  # type: ignore[attr-defined]
        return called  # type: ignore[return-value]
    return decorate


def operation_of(view: Callable[..., Any] | None) -> Operation | None:
    """The declaration of a view; None for one of a library."""
    return getattr(view, 'operation', None)
