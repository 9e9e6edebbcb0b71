"""One code base, many services: each role serves what is its own, and nothing else.

That all of them together, each a process of its own, make a shop is what tests/flows shows.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from pydantic import ValidationError

from app.factory import create_app
from app.settings import ROLES, Settings, complaints

PAGES, API, SOCKET = "/products", "/api/v1/products", "/live"


def _paths(application: Flask) -> set[str]:
    return {rule.rule for rule in application.url_map.iter_rules()}


@pytest.mark.parametrize(
    ("roles", "served"),
    [
        ("web", {PAGES, API}),
        ("chat", {SOCKET}),
        ("auth", set()),
        ("web,chat", {PAGES, API, SOCKET}),
        # These answer nobody, but their mails have addresses of pages in them.
        ("worker", {PAGES}),
        ("clock", {PAGES}),
    ],
)
def test_each_role_has_its_routes(
    make_settings: Callable[..., Settings], roles: str, served: set[str]
) -> None:
    paths = _paths(create_app(make_settings(roles=roles)))
    assert paths & {PAGES, API, SOCKET} == served
    assert "/healthz" in paths


@pytest.mark.parametrize("roles", ["wbe", "web,chta", "", " , ", "Web", "paypal"])
def test_unknown_roles_are_refused_with_a_sentence(
    make_settings: Callable[..., Settings], roles: str
) -> None:
    with pytest.raises(ValidationError) as refusal:
        make_settings(roles=roles)
    said = complaints(refusal.value)
    assert "ROLES: " in said
    assert "there is no role" in said or "names no role" in said


def test_every_line_of_the_procfile_is_a_role() -> None:
    lines = (Path(__file__).parent.parent / "Procfile").read_text().splitlines()
    assert {line.partition(":")[0] for line in lines} - {"release", "paypal"} == ROLES


def test_roles_that_show_no_pages_answer_in_json(make_settings: Callable[..., Settings]) -> None:
    answer = create_app(make_settings(roles="chat")).test_client().get(PAGES)
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"
