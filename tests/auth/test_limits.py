"""Whoever has one IPv6 address has 2^64 of them: a limit per place is one of the whole network."""

from collections.abc import Callable
from itertools import count

import pytest
from flask import Flask

from app.auth.service import limits
from app.kit.errors import TooMany
from app.settings import Settings
from tests.support.apps import another_app

Try = Callable[[str, str], None]
TRIES: dict[str, Try] = {
    "login": lambda email, address: limits.count_login(email, address=address, device=""),
    "login without an account": lambda _email, address: limits.count_login(
        "", address=address, device=""
    ),
    "password": lambda email, address: limits.count_password_check(
        email, address=address, device=""
    ),
    "registration": lambda _email, address: limits.count_registration(address),
    "mail": lambda email, address: limits.count_mail("reset", email, address),
    "work": lambda _email, address: limits.count_from("register", address),
}
ALLOWED = 5


@pytest.mark.parametrize("name", TRIES)
def test_a_network_is_one_place(
    app: Flask, make_settings: Callable[..., Settings], name: str
) -> None:
    one_try = TRIES[name]
    emails = (f"person{number}@example.com" for number in count())
    strict = make_settings(login_tries_per_address=ALLOWED, registrations_per_address=ALLOWED)
    with another_app(strict) as shop, shop.app_context():
        for number in range(1, ALLOWED + 1):
            one_try(next(emails), f"2001:db8:5:5:{number:x}::{number:x}")
        with pytest.raises(TooMany):
            one_try(next(emails), "2001:db8:5:5:ffff::1")
        one_try(next(emails), "2001:db8:5:6::1")
        one_try(next(emails), "192.0.2.1")
