"""How often people may try things."""

from flask import current_app

from app.auth import queries
from app.auth.errors import TooManyLogins
from app.kit import ratelimit
from app.kit.db import end_read
from app.kit.errors import TooMany
from app.kit.requests import network_of
from app.settings import Settings


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings


def count_login(email: str, *, address: str, device: str) -> None:
    """Count a try to log in; TooMany for too many from one place or into one account.

    `email` is "" for what can't be the address of an account: nobody's limit is used up by it.
    `device` is the number in the cookie that this account has given to the browser, or "".
    What strangers try counts neither against such a browser nor against a network that the owner
    has logged in from, so nobody is locked out by them there.
    https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
    """
    _count_proof("login", email, address, device)


def count_password_check(email: str, *, address: str, device: str) -> None:
    """Count a try to prove who is logged in by the password; like `count_login`."""
    _count_proof("password", email, address, device)


def _count_proof(kind: str, email: str, address: str, device: str) -> None:
    settings = _settings()
    per_account = f"{settings.login_tries_per_account}/minute"
    per_place = f"{settings.login_tries_per_address}/minute"
    if email and device:
        ratelimit.spend(per_account, f"{kind}-device", email, device)
        # Each login makes a device: one person's many would else cost us any number of hashes.
        ratelimit.spend(per_place, f"{kind}-devices", email)
        return
    network = network_of(address)
    ratelimit.spend(per_place, f"{kind}-from", network)
    if not email:
        return
    if _is_known(email, network):
        ratelimit.spend(per_account, f"{kind}-known", email, network)
        return
    try:
        ratelimit.spend(per_account, f"{kind}-into", email)
    except TooMany as error:
        raise TooManyLogins(error.retry_after) from error


def _is_known(email: str, network: str) -> bool:
    known = bool(network) and queries.has_logged_in_from(email, network)
    end_read()  # a limit is counted elsewhere: hold no connection
    return known


def count_registration(address: str) -> None:
    """Count a registration; TooMany for too many from one place."""
    limit = f"{_settings().registrations_per_address}/hour"
    ratelimit.spend(limit, "register", network_of(address))


def count_mail(kind: str, email: str, address: str, *, within: str = "hour") -> None:
    """Count a mail that anybody may have sent to an address, three `within` a time; TooMany.

    Known and unknown addresses are counted alike. Where a mail is somebody's only way in, `within`
    is no longer than its link works: who uses the limit up leaves its owner links that do.
    """
    count_from(kind, address)
    count_to(kind, email, within=within)


def count_from(kind: str, address: str) -> None:
    """Count a try from one place that costs us work, whatever comes of it; TooMany."""
    limit = f"{_settings().login_tries_per_address}/minute"
    ratelimit.spend(limit, f"{kind}-from", network_of(address))


def count_to(kind: str, email: str, *, within: str = "hour") -> None:
    """Count a mail to an address, known or not; TooMany."""
    ratelimit.spend(f"3/{within}", f"{kind}-to", email)
