"""A purchase that is disputed at PayPal, as its buyer, its seller and a moderator meet it."""

import re
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from app.extensions import db
from app.kit.db import session
from tests.factories.auth import make_user
from tests.flows.conftest import Visit
from tests.flows.steps import buy, buyer, log_in, on_sale_of, order_id_of, wait_until
from tests.support.sale import SandboxControl

pytestmark = pytest.mark.usefixtures("data")


def capture_of(order_id: UUID) -> str:
    """PayPal's id of the payment."""
    db.session.rollback()
    query = text("SELECT paypal_capture_id FROM payment WHERE reference = :order_id")
    return str(session().execute(query, {"order_id": order_id}).scalar_one())


def open_dispute(page: Page, name: str) -> None:
    """Find a dispute in a list."""
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


def test_from_the_claim_to_the_decision(visit: Visit, paypal: SandboxControl) -> None:
    seller, moderator = make_user(roles=["seller"]), make_user(roles=["moderator"])
    at_buyer = visit()
    buy(at_buyer, buyer(), on_sale_of(seller).id)
    order_id = order_id_of(at_buyer)
    claim = paypal.dispute(capture_of(order_id), stage="CHARGEBACK", note="Nothing came")

    def is_told() -> bool:
        at_buyer.reload()
        return at_buyer.get_by_text("Disputed at PayPal").count() == 1

    wait_until(at_buyer, is_told)
    expect(at_buyer.get_by_text("locked until PayPal decides")).to_be_visible()
    expect(at_buyer.get_by_role("button", name="Reveal")).to_have_count(0)

    at_seller = log_in(visit(), seller)
    at_seller.goto("/order/sales/disputes")
    number = at_seller.locator("tbody a").inner_text()
    open_dispute(at_seller, number)
    expect(at_seller.get_by_text("Nothing came")).to_be_visible()

    at_staff = log_in(visit(), moderator)
    at_staff.goto("/admin/disputes")
    open_dispute(at_staff, number)
    at_staff.get_by_role("button", name="Send to PayPal").click()
    at_staff.get_by_role("dialog").get_by_role("button", name="Send to PayPal").click()
    expect(at_staff.get_by_text("The evidence is on its way")).to_be_visible()

    def is_sent() -> bool:
        at_staff.reload()
        return at_staff.get_by_text(re.compile("Sent to PayPal .")).count() == 1

    wait_until(at_staff, is_sent)
    paypal.decide(claim["dispute_id"], "seller")
    # The open page hears of it.
    expect(at_buyer.get_by_text("Disputed at PayPal")).to_have_count(0)
    expect(at_buyer.get_by_role("button", name="Reveal").first).to_be_visible()
    at_seller.reload()
    expect(at_seller.get_by_text("PayPal has decided for the seller.")).to_be_visible()
