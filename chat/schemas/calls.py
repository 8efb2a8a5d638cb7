"""Calls, and those that were."""
from pydantic import AliasChoices, Field

from ..fields import Id
from ..validation import Request, says
from .lists import Listing

CALL_RECEIVERS = 'to', 'receiverId', 'userId'  # names of the other party; the first that is there counts


class CallUser(Request):
    """Whom to call; whatever else the payload holds is passed on."""

    model_config = says(additionalProperties=True)

    to: Id = Field(validation_alias=AliasChoices(*CALL_RECEIVERS))


class CallSignal(CallUser):
    """An event of a call that is there already."""

    call_id: Id | None = None


class ListCalls(Listing):
    """Past calls, that continue with those before this one."""

    before: Id | None = None
