"""What one sale asks of PostgreSQL, step by step: a bound for each, so that none grows unseen."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from app.extensions import db
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.bought import PARTIAL, delivered
from tests.support.sale import SandboxControl, key_of

# Statements and commits, of them those of who is logged in and of the number beside the basket.
MOST = {
    "put into the basket": (9, 2),
    "see the checkout": (6, 1),
    "press the button": (21, 4),  # one of them asks what the shop takes of each product
    # One of them asks how new its sellers are, one keeps the balances of accounts.
    "come back from PayPal": (38, 4),
    "see the purchase": (5, 1),
    "get a ticket for the socket": (1, 1),
    # Of it 16 statements deliver, mail the buyer and keep that they were mailed; the others tell
    # the buyer and the seller, and plan to ask for a review.
    "work of the queues": (34, 11),
    "hear the news": (5, 1),
    # The lines are read once the order is locked; the earnings of what is opened wait less long.
    "reveal": (16, 3),
}


@dataclass
class Cost:
    """Statements and commits of each step."""

    statements: list[str]
    commits: int = 0
    of_steps: dict[str, tuple[int, int]] = field(default_factory=dict)

    def of(self, name: str, step: Callable[..., None]) -> None:
        """Take a step, and note what it cost."""
        db.session.remove()
        self.statements.clear()
        self.commits = 0
        step()
        self.of_steps[name] = (len(self.statements), self.commits)


@pytest.fixture
def cost(app: Flask, query_counter: list[str]) -> Iterator[Cost]:
    """What is sent to PostgreSQL."""
    cost = Cost(query_counter)

    def count(_connection: object) -> None:
        cost.commits += 1

    event.listen(db.engine, "commit", count)
    yield cost
    event.remove(db.engine, "commit", count)


def test_no_step_of_a_sale_costs_more_than_it_did(
    paypal: SandboxControl,
    login: Callable[..., FlaskClient],
    drain: Callable[[], None],
    cost: Cost,
) -> None:
    seller = make_user(roles=("seller",))
    product = make_product(seller, stock=("KEY-1", "KEY-2"))
    delivered(make_user(), {product.id: 1})  # the seller's accounts in the ledger are there
    drain()
    buyer = make_user()
    browser = login(buyer)
    wish = {"product_id": str(product.id), "quantity": "1"}
    cost.of("put into the basket", lambda: browser.post("/order/basket/add", data=wish))
    cost.of("see the checkout", lambda: browser.get("/order/checkout"))
    key = {"checkout_key": str(key_of(buyer))}
    started = []
    cost.of(
        "press the button",
        lambda: started.append(browser.post("/order/checkout/paypal", json=key).json),
    )
    paypal.approve(started[0]["id"])
    order = started[0]["order_id"]
    page = f"/order/purchases/{order}"
    cost.of("come back from PayPal", lambda: browser.post(f"/order/{order}/capture", json={}))
    cost.of("see the purchase", lambda: browser.get(page))
    cost.of("get a ticket for the socket", lambda: browser.post("/live/ticket", json={}))
    cost.of("work of the queues", drain)
    shown = []
    cost.of("hear the news", lambda: shown.append(browser.get(page, headers=PARTIAL).text))
    reveal = re.search(r'"(/order/purchases/[^"]+/pieces/[^"]+/reveal)"', shown[0])
    assert reveal is not None
    cost.of("reveal", lambda: browser.post(reveal[1]))
    assert {
        name: counted
        for name, counted in cost.of_steps.items()
        if counted[0] > MOST[name][0] or counted[1] > MOST[name][1]
    } == {}, cost.of_steps
    assert cost.of_steps.keys() == MOST.keys()
