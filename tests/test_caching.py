"""What takes a login to get stays in no cache, whatever page it is."""

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient

from app.kit.access import Access, rule_of
from tests.factories.auth import make_user

ROLES = ("seller", "moderator", "admin")


def test_every_page_of_ones_own_is_kept_out_of_caches(
    app: Flask, login: Callable[..., FlaskClient]
) -> None:
    browser = login(make_user(roles=ROLES))
    seen = 0
    for rule in app.url_map.iter_rules():
        own = rule_of(rule.endpoint) not in {Access.PUBLIC, Access.SIGNED, None}
        if not own or rule.arguments or "GET" not in (rule.methods or set()):
            continue
        if rule.rule.startswith("/api/"):
            continue  # no cookie counts there
        for headers in ({}, {"HX-Request": "true", "HX-Request-Type": "partial"}):
            answer = browser.get(rule.rule, headers=headers)
            assert answer.status_code < 400, rule.rule
            assert answer.headers["Cache-Control"] == "no-store", rule.rule
            seen += 1
    assert seen >= 20
