"""People, tokens and keys as programs send and get them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from app.auth.passwords import MAX_LENGTH
from app.auth.scopes import Scope
from app.auth.service.details import EMAIL_LENGTH, NAME_MAX
from app.kit.api.schemas import Input, Output

SECRET_MAX = 500
DAYS_MAX = 3650
Locale = Literal["en", "ru"]


class RegisterIn(Input):
    """A new account; the address is confirmed by a mailed link."""

    email: str = Field(min_length=3, max_length=EMAIL_LENGTH, examples=["name@example.com"])
    password: str = Field(min_length=1, max_length=MAX_LENGTH)
    display_name: str = Field(min_length=1, max_length=NAME_MAX)
    locale: Locale = "en"


class AcceptedOut(Output):
    """What happens next is said by mail, if there is anything to say."""

    accepted: Literal[True]


class EmailIn(Input):
    """An address that a mail may be sent to."""

    email: str = Field(min_length=3, max_length=EMAIL_LENGTH)


class LinkIn(Input):
    """The secret of a mailed link."""

    token: str = Field(min_length=1, max_length=SECRET_MAX)


class ResetIn(LinkIn):
    """A new password, by the secret of a mailed link."""

    password: str = Field(min_length=1, max_length=MAX_LENGTH)


class TokenIn(Input):
    """Who one is, and what the token shall be good for: all that one may do, where left out."""

    email: str = Field(min_length=1, max_length=EMAIL_LENGTH)
    password: str = Field(min_length=1, max_length=MAX_LENGTH)
    scope: list[Scope] | None = Field(None, min_length=1)


class RefreshIn(Input):
    """A refresh token; it can be used once."""

    refresh_token: str = Field(min_length=1, max_length=SECRET_MAX)


class TokenOut(Output):
    """An access token for `Authorization: Bearer`, and what gets the next one."""

    token_type: Literal["Bearer"]
    access_token: str
    expires_in: int = Field(description="seconds")
    refresh_token: str
    scope: str


class MeOut(Output):
    """Who one is."""

    id: UUID
    email: str
    display_name: str
    locale: Locale
    roles: list[str]
    paypal_email: str | None
    created_at: datetime


class ProfileChange(Input):
    """What is to become different; what is left out stays."""

    display_name: str | None = Field(None, min_length=1, max_length=NAME_MAX)
    locale: Locale | None = None


class SellerIn(Input):
    """Where one is paid, and under which name one sells: the one so far, where left out.

    The password proves that it is not a key or a token alone that says where money goes.
    """

    paypal_email: str = Field(min_length=3, max_length=EMAIL_LENGTH)
    password: str = Field(min_length=1, max_length=MAX_LENGTH)
    display_name: str | None = Field(None, min_length=1, max_length=NAME_MAX)


class PasswordIn(Input):
    """One's password, and the next one."""

    current: str = Field(min_length=1, max_length=MAX_LENGTH)
    new: str = Field(min_length=1, max_length=MAX_LENGTH)


class ApiKeyIn(Input):
    """A key for a program of one's own."""

    name: str = Field(min_length=1, max_length=NAME_MAX)
    scopes: list[Scope] = Field(min_length=1)
    expires_in_days: int | None = Field(None, ge=1, le=DAYS_MAX)


class ApiKeyOut(Output):
    """A key as its owner sees it later on."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class ApiKeys(Output):
    """One's live keys, the newest first."""

    items: list[ApiKeyOut]


class NewApiKeyOut(Output):
    """A new key. It is shown this once."""

    id: UUID
    key: str
