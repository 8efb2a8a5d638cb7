"""One family of errors, rendered the same over HTTP and over sockets (contract, section 1)."""
import math
from typing import NotRequired

from typing_extensions import TypedDict  # which pydantic wants before Python 3.12


class ErrorObject(TypedDict):
    """An error as clients see it."""

    code: str
    message: str
    errors: NotRequired[dict[str, list[str]]]
    retryAfter: NotRequired[int]
    requestId: NotRequired[str]


class ChatError(Exception):
    """What a client asked for can't be done.

    `code` and `status` are the contract's; `message` says what to do; `errors` maps fields to their complaints;
    `retry_after` is in seconds.
    """

    code, status, message = 'internal_error', 500, 'Something went wrong here'

    def __init__(self, message: str | None = None, *, errors: dict[str, list[str]] | None = None,
                 retry_after: float | None = None) -> None:
        super().__init__(message or self.message)
        self.message = message or self.message
        self.errors = errors
        self.retry_after = None if retry_after is None else max(1, math.ceil(retry_after))

    def as_object(self) -> ErrorObject:
        """The error as clients see it."""
        described: ErrorObject = {'code': self.code, 'message': self.message}
        if self.errors:
            described['errors'] = self.errors
        return described


class BadRequest(ChatError):
    """A body that can't be read."""

    code, status, message = 'bad_request', 400, 'The body can\'t be read: send JSON with Content-Type: application/json'


class Unauthorized(ChatError):
    """No token, or none that is good for this."""

    code, status, message = 'unauthorized', 401, 'Sign in, and send the token that you get'


class Forbidden(ChatError):
    """A good token that does not allow this."""

    code, status, message = 'forbidden', 403, 'You are not allowed to do this'


class NotFound(ChatError):
    """What is not there, or what one must not learn of."""

    code, status, message = 'not_found', 404, 'There is no such thing'


class MethodNotAllowed(ChatError):
    """Another method for this address."""

    code, status, message = 'method_not_allowed', 405, 'This address does not take that method'


class Conflict(ChatError):
    """What is taken, or was changed meanwhile."""

    code, status, message = 'conflict', 409, 'This is taken already'


class Busy(ChatError):
    """A call to somebody who is in another one."""

    code, status, message = 'busy', 409, 'This user is in a call: try again later'


class Offline(ChatError):
    """A call to somebody who is not there."""

    code, status, message = 'offline', 409, 'This user can\'t be called just now: nobody would hear it ring'


class TooLarge(ChatError):
    """More than is taken at once."""

    code, status, message = 'too_large', 413, 'This is too large: send less'


class UnsupportedMedia(ChatError):
    """A file of a kind that is not taken."""

    code, status, message = 'unsupported_media_type', 415, 'This kind of file can\'t be taken here'


class Invalid(ChatError):
    """Fields that can't be taken: `errors` says why, by field."""

    code, status, message = 'validation_error', 422, 'Some fields can\'t be taken'

    def __init__(self, message: str | None = None, errors: dict[str, list[str]] | None = None, **fields: str) -> None:
        errors = errors or {name: [complaint] for name, complaint in fields.items()}
        first = next(((name, complaints[0]) for name, complaints in errors.items()), None)
        super().__init__(message or (first and f'{first[0]}: {first[1]}'), errors=errors)


class RateLimited(ChatError):
    """More than is allowed in a time: `retryAfter` is in seconds."""

    code, status = 'rate_limited', 429

    def __init__(self, retry_after: float) -> None:
        self.seconds = max(1, math.ceil(retry_after))
        super().__init__(f'Too much at once: wait {self.seconds} s, then try again', retry_after=self.seconds)

    def as_object(self) -> ErrorObject:
        """The error as clients see it, with the seconds to wait."""
        return {**super().as_object(), 'retryAfter': self.seconds}


class Unavailable(ChatError):
    """What can't be done at the moment, through no fault of the client."""

    code, status, message = 'unavailable', 503, 'The server can\'t do this just now: try again in a moment'

    def __init__(self, message: str | None = None, *, retry_after: float = 2) -> None:
        super().__init__(message, retry_after=retry_after)
