"""Purchases brought to where a test needs them, by PayPal's word instead of PayPal itself."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from bs4 import BeautifulSoup
from werkzeug.test import TestResponse

from app.auth.models import User
from app.kit.db import session
from app.kit.money import Money
from app.orders.models import Order, Owner
from app.orders.service import basket, capturing, delivering, placing, settling
from app.payments.gateway import PaypalCapture, PaypalOrder
from app.payments.service import paying
from tests.support.sale import key_of

FEE_MINOR = 84
PAYEE = "SHOP"


def fill(buyer: User, pieces: Mapping[UUID, int]) -> UUID:
    """Put pieces of products into the buyer's basket; its checkout key."""
    for product_id, quantity in pieces.items():
        basket.add(owner=Owner(user_id=buyer.id), product_id=product_id, quantity=quantity)
    return key_of(buyer)


def placed(buyer: User, pieces: Mapping[UUID, int], address: str | None = None) -> UUID:
    """An open order with its units held and PayPal's id of it; the order's id."""
    key = fill(buyer, pieces)
    order_id = placing.place_order(buyer_id=buyer.id, checkout_key=key, address=address)
    paying._store_paypal_order(order_id, _word(order_id))
    return order_id


def approved(buyer: User, pieces: Mapping[UUID, int], address: str | None = None) -> UUID:
    """An order whose buyer said yes at PayPal and whose money is being taken."""
    order_id = placed(buyer, pieces, address)
    capturing.take_in_hand(order_id=order_id)
    return order_id


def paid(buyer: User, pieces: Mapping[UUID, int]) -> UUID:
    """An order whose money has come, not yet delivered."""
    order_id = approved(buyer, pieces)
    told(order_id, "COMPLETED")
    return order_id


def delivered(buyer: User, pieces: Mapping[UUID, int]) -> UUID:
    """An order whose goods are in the buyer's hands."""
    order_id = paid(buyer, pieces)
    delivering.deliver(order_id=order_id)
    return order_id


def told(order_id: UUID, status: str, **otherwise: Any) -> None:
    """Have PayPal say of the capture that it is COMPLETED, PENDING, DECLINED…

    `otherwise`: what it says of it that is not as it was asked for.
    """
    order = session().get_one(Order, order_id)
    capture = PaypalCapture(
        f"CAP-{order_id}-{status}",
        status,
        Money(order.total_minor, order.currency),
        str(order_id),
        FEE_MINOR if status == "COMPLETED" else None,
        None,
    )
    capture = replace(capture, **otherwise)
    settling.settle(order_id=order_id, seen=_word(order_id, capture))


def _word(order_id: UUID, *captures: PaypalCapture) -> PaypalOrder:
    status = "COMPLETED" if captures else "APPROVED"
    return PaypalOrder(f"PP-{order_id}", status, str(order_id), PAYEE, None, captures)


def soup(response: TestResponse) -> BeautifulSoup:
    """The page or fragment of an answer."""
    return BeautifulSoup(response.get_data(as_text=True), "html.parser")


def words(response: TestResponse) -> str:
    """All that can be read in an answer, with single spaces."""
    return " ".join(soup(response).get_text(" ").split())


PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
