"""How often people may try things."""

from flask import current_app

from app.kit import ratelimit
from app.kit.requests import network_of
from app.settings import Settings


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings


def count_login(email: str, address: str) -> None:
    """Count a try to log in; TooMany for too many from one place or into one account.

    `email` is "" for what can't be the address of an account: nobody's limit is used up by it.
    """
    settings = _settings()
    ratelimit.spend(f"{settings.login_tries_per_address}/minute", "login-from", network_of(address))
    if email:
        ratelimit.spend(f"{settings.login_tries_per_account}/minute", "login-into", email)


def count_password_check(user_id: str) -> None:
    """Count a try to prove who is logged in by the password; TooMany."""
    ratelimit.spend(f"{_settings().login_tries_per_account}/minute", "password", user_id)


def count_registration(address: str) -> None:
    """Count a registration; TooMany for too many from one place."""
    limit = f"{_settings().registrations_per_address}/hour"
    ratelimit.spend(limit, "register", network_of(address))


def count_mail(kind: str, email: str, address: str) -> None:
    """Count a mail that anybody may have sent to an address; TooMany.

    Known and unknown addresses are counted alike.
    """
    count_from(kind, address)
    count_to(kind, email)


def count_from(kind: str, address: str) -> None:
    """Count a try from one place that costs us work, whatever comes of it; TooMany."""
    limit = f"{_settings().login_tries_per_address}/minute"
    ratelimit.spend(limit, f"{kind}-from", network_of(address))


def count_to(kind: str, email: str) -> None:
    """Count a mail to an address, known or not; TooMany."""
    ratelimit.spend("3/hour", f"{kind}-to", email)
