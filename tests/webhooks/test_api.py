"""Webhooks by JSON."""

import time
from uuid import uuid4

import pytest
from flask import Flask

from app.webhooks import queries
from app.webhooks.errors import TooManyEndpoints
from app.webhooks.models import WebhookEndpoint
from app.webhooks.service import endpoints
from app.webhooks.service.endpoints import MAX_ENDPOINTS
from tests.factories.auth import make_user
from tests.support.programs import Program, program_of
from tests.support.sale import in_parallel

PATH = "/webhooks"
GOOD = {"url": "https://example.com/byteshop", "events": ["order.paid"]}


@pytest.fixture
def selling(app: Flask) -> Program:
    """A seller's program."""
    return program_of(app, make_user(roles=("seller",)))


def test_from_making_to_deleting(selling: Program) -> None:
    made = selling.post(PATH, json=GOOD)
    assert made.status_code == 201
    assert made.json["secret"].startswith("whsec_")
    one = made.headers["Location"].removeprefix("/api/v1")
    assert selling.get(PATH).json["items"] == [selling.get(one).json]
    assert made.json["secret"] not in selling.get(one).text
    changed = selling.ask("PUT", one, json={**GOOD, "events": ["stock.low", "stock.out"]})
    assert changed.json["events"] == ["stock.low", "stock.out"]
    assert selling.post(f"{one}/test").status_code == 202
    [message] = selling.get(f"{one}/messages").json["items"]
    assert (message["type"], message["state"]) == ("webhook.test", "pending")
    assert selling.post(f"{one}/messages/{message['id']}/again").status_code == 202
    assert selling.post(f"{one}/off").json["off_reason"] == "by_hand"
    assert selling.post(f"{one}/test").json["code"] == "webhooks.off"
    assert selling.post(f"{one}/on").json["off_reason"] is None
    assert selling.ask("DELETE", one).status_code == 204
    assert selling.get(one).status_code == 404


@pytest.mark.parametrize("change", [{"url": "ftp://example.com"}, {"events": []},
                                    {"events": ["webhook.test"]}, {"secret": "mine"}])  # fmt: skip
def test_what_can_be_none(selling: Program, change: dict[str, object]) -> None:
    answer = selling.post(PATH, json={**GOOD, **change})
    assert answer.status_code == 422
    assert {field.split(".")[0] for field in answer.json["errors"]} == set(change)


def test_strangers_webhooks_are_not_found(selling: Program) -> None:
    stranger = make_user(roles=("seller",))
    endpoint_id, _secret = endpoints.create(
        owner_id=stranger.id, url=GOOD["url"], events=GOOD["events"]
    )
    one = f"{PATH}/{endpoint_id}"
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/on"), ("POST", "/off"),
                         ("POST", "/test"), ("GET", "/messages"),
                         ("POST", f"/messages/{uuid4()}/again")):  # fmt: skip
        assert selling.ask(method, one + path).status_code == 404, path
    assert selling.ask("PUT", one, json=GOOD).status_code == 404


def test_there_are_no_more_of_them_than_one_may_have(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    seller = make_user(roles=("seller",))
    give_secret = endpoints._give_secret

    def give_it_slowly(endpoint: WebhookEndpoint) -> str:
        time.sleep(0.1)  # between the count and the insert
        return give_secret(endpoint)

    monkeypatch.setattr(endpoints, "_give_secret", give_it_slowly)
    for _ in range(MAX_ENDPOINTS - 2):
        endpoints.create(owner_id=seller.id, url=GOOD["url"], events=GOOD["events"])
    make = [
        lambda: endpoints.create(owner_id=seller.id, url=GOOD["url"], events=GOOD["events"])
    ] * 8
    results = in_parallel(app, make)
    assert sum(isinstance(result, TooManyEndpoints) for result in results) == 6
    assert len(queries.endpoints_of(seller.id)) == MAX_ENDPOINTS
