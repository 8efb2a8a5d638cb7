"""One family of errors, rendered the same over HTTP and over sockets (contract, section 1)."""
import math


class ChatError(Exception):
    """What a client did, or met, that can't go on.

    `code` and `status` are the contract's; `message` says what to do; `errors` maps fields to their complaints;
    `retry_after` is in seconds.
    """

    code, status, message = 'internal_error', 500, 'Something went wrong here'

    def __init__(self, message=None, *, errors=None, retry_after=None):
        super().__init__(message or self.message)
        self.message = message or self.message
        self.errors = errors
        self.retry_after = None if retry_after is None else max(1, math.ceil(retry_after))

    def as_object(self):
        """The error as clients see it."""
        described = {'code': self.code, 'message': self.message}
        if self.errors:
            described['errors'] = self.errors
        return described


class BadRequest(ChatError):
    code, status, message = 'bad_request', 400, 'The body can\'t be read: send JSON with Content-Type: application/json'


class Unauthorized(ChatError):
    code, status, message = 'unauthorized', 401, 'Sign in, and send the token that you get'


class Forbidden(ChatError):
    code, status, message = 'forbidden', 403, 'You are not allowed to do this'


class NotFound(ChatError):
    code, status, message = 'not_found', 404, 'There is no such thing'


class MethodNotAllowed(ChatError):
    code, status, message = 'method_not_allowed', 405, 'This address does not take that method'


class Conflict(ChatError):
    code, status, message = 'conflict', 409, 'This is taken already'


class Busy(ChatError):
    code, status, message = 'busy', 409, 'This user is in a call: try again later'


class Offline(ChatError):
    code, status, message = 'offline', 409, 'This user can\'t be called just now: nobody would hear it ring'


class TooLarge(ChatError):
    code, status, message = 'too_large', 413, 'This is too large: send less'


class UnsupportedMedia(ChatError):
    code, status, message = 'unsupported_media_type', 415, 'This kind of file can\'t be taken here'


class Invalid(ChatError):
    """Fields that can't be taken: `Invalid(name='is too long')`."""

    code, status, message = 'validation_error', 422, 'Some fields can\'t be taken'

    def __init__(self, message=None, errors=None, **fields):
        errors = errors or {name: [complaint] for name, complaint in fields.items()}
        first = next(((name, complaints[0]) for name, complaints in errors.items()), None)
        super().__init__(message or (first and f'{first[0]}: {first[1]}'), errors=errors)


class RateLimited(ChatError):
    code, status = 'rate_limited', 429

    def __init__(self, retry_after):
        seconds = max(1, math.ceil(retry_after))
        super().__init__(f'Too much at once: wait {seconds} s, then try again', retry_after=seconds)

    def as_object(self):
        return super().as_object() | {'retryAfter': self.retry_after}


class Unavailable(ChatError):
    code, status, message = 'unavailable', 503, 'The server can\'t do this just now: try again in a moment'

    def __init__(self, message=None, *, retry_after=2):
        super().__init__(message, retry_after=retry_after)
