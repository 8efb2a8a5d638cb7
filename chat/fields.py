"""Types of the fields of requests: what is checked of each, and how it is read."""
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, StringConstraints
from pydantic_core import PydanticCustomError

from .core.accounts.accounts import MAX_KEY, fold_email
from .core.objects import Says

SPECIAL_USE_DOMAIN_NAMES.clear()  # .local and .test are what small teams and their tests use
MAX_ID = 2**53 - 1  # the largest whole number that JavaScript holds exactly
MAX_DURATION = 24 * 3_600_000  # milliseconds
USERNAME = r'[A-Za-z0-9_.-]{3,50}'
NOT_BLANK = r'\S'
TURNS = re.compile('[\u202a-\u202e\u2066-\u2069]')
ID: dict[str, Any] = {'type': 'integer', 'minimum': 0, 'maximum': MAX_ID}  # as the references show it
DIGITS = {'type': 'string', 'pattern': '^[0-9]{1,16}$'}


class OrDigits:
    """Beside the type of a whole number: how the references show that it may be sent as text."""

    def __get_pydantic_json_schema__(self, schema: Any, make: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """As pydantic asks for it."""
        made = make(schema)
        bounds = {'minimum': made.pop('ge', 0), 'maximum': made.pop('le', MAX_ID)}  # by which name pydantic leaves them here
        return {'anyOf': [{**ID, **bounds, **made}, DIGITS]}


class NotNull:
    """Beside a type with None, which stands for a field that is not there: that null is no way to leave it out."""

    def __get_pydantic_json_schema__(self, schema: Any, make: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """As pydantic asks for it."""
        made = make(schema)
        return {**made, 'anyOf': [each for each in made['anyOf'] if each != {'type': 'null'}]}


def read_id(value: object) -> int:
    """An id: a whole number, or a string of ASCII digits; never true, 1.0 or beyond MAX_ID."""
    if isinstance(value, str) and re.fullmatch(r'[0-9]{1,16}', value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_ID:
        raise PydanticCustomError('id', 'must be an id: a whole number')
    return value


def read_count(value: str) -> int:
    """A number in a query."""
    if not re.fullmatch(r'[0-9]{1,16}', value):
        raise PydanticCustomError('count', 'must be a whole number')
    return int(value)


def read_cursor(value: str) -> int | datetime:
    """A message id, or an ISO 8601 time (UTC unless it says otherwise)."""
    try:
        return read_id(value)
    except PydanticCustomError:
        pass
    try:
        at = datetime.fromisoformat(value)
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    except (TypeError, ValueError):
        raise PydanticCustomError('cursor', 'must be a message id or an ISO 8601 time') from None


def read_place(value: object) -> int | str:
    """Where to catch up from: a message id, 0, or the opaque text that an earlier answer gave."""
    try:
        return read_id(value)
    except PydanticCustomError:
        if isinstance(value, str) and value:
            return value
        raise PydanticCustomError('place', 'must be a message id, 0, or what an earlier answer gave as next') from None


def require_unicode(value: str) -> str:
    """Refuse lone surrogates: legal in JSON, but no text in any encoding."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError('unicode', 'must be Unicode text: it holds half of a surrogate pair') from None
    return value


def refuse_nul(value: str) -> str:
    """Refuse the character at which some clients and tools end a text."""
    if '\0' in value:
        raise PydanticCustomError('nul', 'must not hold the character NUL')
    return value


def refuse_blank(value: str) -> str:
    """Refuse a text of nothing but spaces."""
    if not value.strip():
        raise PydanticCustomError('blank', 'must say what to look for')
    return value


def refuse_turns(value: str) -> str:
    """Refuse what turns the direction of all text behind it: Unicode's embeddings, overrides and isolates."""
    if TURNS.search(value):
        raise PydanticCustomError('turns', 'must not hold characters that turn the direction of text')
    return value


def check_username(value: str) -> str:
    """Refuse what is no username: it stands in addresses and mentions as it is."""
    if not re.fullmatch(USERNAME, value):
        raise PydanticCustomError('username', 'must be 3 to 50 of the letters a to z, digits, and _ . -')
    return value


def check_email(value: str) -> str:
    """The address as typed, once its form is that of an address with a domain; nobody is asked whether it exists."""
    try:
        found = validate_email(value, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        found = None
    if found is None or '.' not in found.domain or len(fold_email(value)) > MAX_KEY:
        raise PydanticCustomError('email', 'must be an email address')
    return value


AnyText = Annotated[str, AfterValidator(require_unicode)]  # lengths count code points
Text = Annotated[AnyText, AfterValidator(refuse_nul)]
Email = Annotated[str, StringConstraints(strip_whitespace=True, max_length=254), AfterValidator(require_unicode),
                  AfterValidator(check_email), Says(format='email')]
Username = Annotated[AnyText, AfterValidator(check_username), Says(pattern=f'^{USERNAME}$')]
DisplayName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
                        AfterValidator(require_unicode), AfterValidator(refuse_nul), AfterValidator(refuse_turns),
                        Says(pattern=NOT_BLANK)]
RoomName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120),
                     AfterValidator(require_unicode), AfterValidator(refuse_nul), AfterValidator(refuse_turns),
                     Says(pattern=NOT_BLANK)]
Password = Annotated[str, StringConstraints(min_length=6, max_length=128), AfterValidator(require_unicode)]
ClientId = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(require_unicode)]

Id = Annotated[int, BeforeValidator(read_id), OrDigits()]
Count = Annotated[int, BeforeValidator(read_count)]
Cursor = Annotated[int | datetime, BeforeValidator(read_cursor), Says(
    'The id of a message, or a time.', anyOf=[ID, {'type': 'string', 'format': 'date-time'}])]
Place = Annotated[int | str, BeforeValidator(read_place), Says(
    'The id of a message, 0, or what an earlier answer gave as `next`.', anyOf=[ID, {'type': 'string', 'minLength': 1}])]
SearchText = Annotated[str, StringConstraints(max_length=200), AfterValidator(require_unicode),
                       AfterValidator(refuse_blank), Says(pattern=NOT_BLANK)]  # NUL and all else may be looked for
