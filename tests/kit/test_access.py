"""Who may call a route."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.kit.access import Access, rule_of

PEOPLE = {
    "anonymous": "",
    "buyer": "buyer",
    "seller": "seller",
    "moderator": "moderator",
    "admin": "admin",
}
LOGGED_IN = {"buyer", "seller", "moderator", "admin"}
ALLOWED = {
    Access.PUBLIC: set(PEOPLE),
    Access.SIGNED: set(PEOPLE),
    Access.USER: LOGGED_IN,
    Access.SELLER: {"seller"},
    Access.STAFF: {"moderator", "admin"},
    Access.ADMIN: {"admin"},
}


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("rule", Access)
def test_rule_lets_in_whom_it_names(client: FlaskClient, rule: Access, who: str) -> None:
    headers = {"X-Roles": PEOPLE[who]} if PEOPLE[who] else {}
    response = client.get(f"/probe/{rule}", headers=headers)
    if who in ALLOWED[rule]:
        assert (response.status_code, response.text) == (200, f"in as {rule}")
    elif who == "anonymous":
        assert response.status_code == 303
        assert response.headers["Location"].startswith("/auth/login")
    else:
        assert response.status_code == 403


@pytest.mark.parametrize("roles", ["", "buyer", "buyer,seller,moderator,admin"])
def test_route_that_states_nothing_is_refused_to_all(client: FlaskClient, roles: str) -> None:
    response = client.get("/probe/unstated", headers={"X-Roles": roles} if roles else {})
    assert response.status_code == (403 if roles else 303)
    assert "should not be seen" not in response.text


def test_every_route_but_that_one_states_a_rule(app: Flask) -> None:
    silent = {rule.endpoint for rule in app.url_map.iter_rules() if rule_of(rule.endpoint) is None}
    assert silent == {"probe.unstated"}


def test_static_files_are_public(client: FlaskClient) -> None:
    response = client.get("/static/css/base.css")
    assert response.status_code == 200
    response.close()
