"""A purchase by JSON, paid at the PayPal sandbox, and orders that are others'."""

from uuid import uuid4

import pytest
from flask import Flask

from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.bought import delivered, placed
from tests.support.programs import Program, program_of
from tests.support.sale import SandboxControl


@pytest.fixture
def buying(app: Flask) -> Program:
    """A buyer's program."""
    return program_of(app, make_user())


def test_from_the_basket_to_the_key(app, buying, paypal: SandboxControl, drain) -> None:  # type: ignore[no-untyped-def]
    product = make_product(make_user(roles=("seller",)), stock=("JSON-KEY-1", "JSON-KEY-2"))
    empty = buying.get("/order/basket").json
    assert (empty["checkout_key"], empty["ready"]) == (None, False)
    line = {"product_id": str(product.id), "quantity": 2}
    basket = buying.post("/order/basket/lines", json=line).json
    assert basket["total"] == {"minor": 2000, "currency": "EUR"}
    placing = {"json": {"checkout_key": basket["checkout_key"]}}
    order = buying.post("/order", **placing)
    assert order.status_code == 201
    assert buying.post("/order", **placing).json["id"] == order.json["id"]
    path = order.headers["Location"].removeprefix("/api/v1")
    assert buying.get(path).json["stage"] == "open"
    assert buying.post(f"{path}/capture").json["state"] == "not_approved"
    paypal.approve(order.json["paypal_order_id"])
    assert buying.post(f"{path}/capture").json["state"] == "paid"
    drain()
    bought = buying.get(path).json
    assert bought["state"] == "delivered"
    [pieces] = [line["pieces"] for line in bought["lines"]]
    assert [piece["revealed_at"] for piece in pieces] == [None, None]
    one = buying.post(f"{path}/pieces/{pieces[0]['id']}/reveal")
    assert one.json["value"].startswith("JSON-KEY-")
    assert one.headers["Cache-Control"] == "no-store"
    everything = buying.post(f"{path}/reveal").json["pieces"]
    assert {piece["value"] for piece in everything} == {"JSON-KEY-1", "JSON-KEY-2"}
    assert buying.get("/order/basket").json["lines"] == []
    [listed] = buying.get("/order").json["items"]
    assert (listed["id"], listed["titles"]) == (order.json["id"], ["A thing"])


def test_the_basket_says_what_stands_in_the_way(buying: Program) -> None:
    product = make_product(make_user(roles=("seller",)), stock=("A", "B"))
    lines = "/order/basket/lines"
    assert buying.post(lines, json={"product_id": str(uuid4())}).status_code == 404
    too_many = buying.post(lines, json={"product_id": str(product.id), "quantity": 3})
    assert too_many.status_code == 409
    buying.post(lines, json={"product_id": str(product.id)})
    changed = buying.ask("PUT", f"{lines}/{product.id}", json={"quantity": 2}).json
    assert changed["lines"][0]["quantity"] == 2
    stale = buying.post("/order", json={"checkout_key": str(uuid4())})
    assert stale.json["code"] == "orders.basket_changed"
    assert buying.ask("DELETE", f"{lines}/{product.id}").json["lines"] == []


def test_an_order_is_given_up(buying: Program, paypal: SandboxControl) -> None:
    product = make_product(make_user(roles=("seller",)), stock=("A",))
    basket = buying.post("/order/basket/lines", json={"product_id": str(product.id)}).json
    order = buying.post("/order", json={"checkout_key": basket["checkout_key"]}).json
    assert buying.post(f"/order/{order['id']}/cancel").json == {"cancelled": True}
    assert buying.get("/order?unfinished=true").json["items"][0]["state"] == "cancelled"
    assert buying.post(f"/order/{order['id']}/capture").json["state"] != "paid"


@pytest.mark.parametrize("bring", [placed, delivered])
def test_strangers_orders_are_not_found(app: Flask, buying: Program, bring) -> None:  # type: ignore[no-untyped-def]
    product = make_product(make_user(roles=("seller",)), stock=("SECRET-1",))
    order_id = bring(make_user(), {product.id: 1})
    for method, path in (
        ("GET", ""),
        ("POST", "/capture"),
        ("POST", "/cancel"),
        ("POST", "/reveal"),
        ("POST", f"/pieces/{uuid4()}/reveal"),
    ):
        answer = buying.ask(method, f"/order/{order_id}{path}")
        assert answer.status_code == 404, path
        assert "SECRET" not in answer.text
