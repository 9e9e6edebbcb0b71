"""People, tokens and keys as programs send and get them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from app.auth.passwords import MAX_LENGTH
from app.auth.scopes import Scope
from app.auth.service.details import EMAIL_LENGTH, NAME_MAX
from app.kit.api.schemas import Input, Output, kept

SECRET_MAX = 500
DAYS_MAX = 3650
Locale = Literal["en", "ru"]


class RegisterIn(Input):
    """A new account; the address is confirmed by an emailed link."""

    email: str = Field(min_length=3, max_length=EMAIL_LENGTH, examples=["name@example.com"])
    password: str = Field(min_length=1, max_length=MAX_LENGTH)
    display_name: str = Field(min_length=1, max_length=NAME_MAX)
    locale: Locale = "en"


class AcceptedOut(Output):
    """Anything further is sent by email."""

    accepted: Literal[True]


class EmailIn(Input):
    """An email address."""

    email: str = Field(min_length=3, max_length=EMAIL_LENGTH)


class LinkIn(Input):
    """The secret from an emailed link."""

    token: str = Field(min_length=1, max_length=SECRET_MAX)


class ResetIn(LinkIn):
    """A new password, with the secret from an emailed link."""

    password: str = Field(min_length=1, max_length=MAX_LENGTH)


class TokenIn(Input):
    """Credentials, and the scopes of the token: all that you have, if left out."""

    email: str = Field(min_length=1, max_length=EMAIL_LENGTH)
    password: str = Field(min_length=1, max_length=MAX_LENGTH)
    scope: list[Scope] | None = Field(None, min_length=1)


class RefreshIn(Input):
    """A refresh token; it can be used once."""

    refresh_token: str = Field(min_length=1, max_length=SECRET_MAX)


class TokenOut(Output):
    """An access token for `Authorization: Bearer`, and the refresh token for the next one."""

    token_type: Literal["Bearer"]
    access_token: str
    expires_in: int = Field(description="seconds")
    refresh_token: str
    scope: str


class MeOut(Output):
    """Your account."""

    id: UUID
    email: str
    display_name: str
    locale: Locale
    roles: list[str]
    paypal_email: str | None
    created_at: datetime


class ProfileChange(Input):
    """Fields to change; fields left out stay as they are."""

    display_name: str = kept(min_length=1, max_length=NAME_MAX)
    locale: Locale = kept()


class SellerIn(Input):
    """Where you are paid, and the name you sell under: your current name, if left out.

    The password is needed so that a leaked key or token alone can't redirect payouts.
    """

    paypal_email: str = Field(min_length=3, max_length=EMAIL_LENGTH)
    password: str = Field(min_length=1, max_length=MAX_LENGTH)
    display_name: str | None = Field(None, min_length=1, max_length=NAME_MAX)


class PasswordIn(Input):
    """Your current password and the new one."""

    current: str = Field(min_length=1, max_length=MAX_LENGTH)
    new: str = Field(min_length=1, max_length=MAX_LENGTH)


class ApiKeyIn(Input):
    """A new API key."""

    name: str = Field(min_length=1, max_length=NAME_MAX)
    scopes: list[Scope] = Field(min_length=1)
    expires_in_days: int | None = Field(None, ge=1, le=DAYS_MAX)


class ApiKeyOut(Output):
    """An API key, without its secret."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class ApiKeys(Output):
    """Your active API keys, newest first."""

    items: list[ApiKeyOut]


class NewApiKeyOut(Output):
    """A new API key. It is shown only once."""

    id: UUID
    key: str
