"""Signing up, in and out, and what users say of themselves."""
from typing import Annotated, Self

from pydantic import Field, model_validator

from ..core.objects import Says
from ..errors import Invalid
from ..fields import AnyText, DisplayName, Email, Password, Text, Username
from ..validation import Request, says
from .lists import ListAfter


class Register(Request):
    """A new account. Without a username, one is made from the email."""

    email: Email
    password: Password
    username: Username | None = None
    confirm_password: Annotated[AnyText | None, Says('The same as password.')] = None
    display_name: DisplayName | None = None

    @model_validator(mode='after')
    def passwords_match(self) -> Self:
        if self.confirm_password is not None and self.confirm_password != self.password:
            raise Invalid(confirmPassword='must be the same as password')
        return self


class Login(Request):
    """Who signs in: a username, an email, or in `username` either."""

    model_config = says(anyOf=[{'required': ['username']}, {'required': ['email']}])

    username: AnyText | None = None
    email: AnyText | None = None
    password: AnyText

    @model_validator(mode='after')
    def has_a_name(self) -> Self:
        if not (self.username or self.email):
            raise Invalid(username='is missing: send username or email')
        return self


class RegisterWithName(Request):
    """As B's clients do."""

    username: Username
    email: Email
    password: Password


class RegisterByName(Request):
    """As C's clients do: the name is shown, the username is made from the email."""

    name: DisplayName
    email: Email
    password: Password


class LoginByEmail(Request):
    """As B's and C's clients do."""

    email: AnyText
    password: AnyText


class Refresh(Request):
    """The refresh token of a sign-in, which works once."""

    refresh_token: AnyText


class ChangePassword(Request):
    """The password as it is, and as it shall be."""

    current_password: AnyText
    new_password: Password


class NewPassword(Request):
    """As the host sets one on the command line."""

    password: Password


class ForgotPassword(Request):
    """Whose password is forgotten."""

    email: Email


class ResetPassword(NewPassword):
    """By the token of a link."""

    token: Annotated[AnyText, Field(max_length=200)]


class UpdateProfile(Request):
    """What is to be changed of oneself; a new email needs the current password."""

    display_name: DisplayName | None = None
    email: Email | None = None
    current_password: AnyText | None = None


class ListUsers(ListAfter):
    """Users, or those whose username or displayName holds `q`."""

    q: Text | None = Field(None, max_length=100)


class AuthLogin(Request):
    """A token, as signing in over HTTP gives it."""

    token: AnyText
