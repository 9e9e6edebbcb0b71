"""Money that goes back: by the buyer's click, by a request, by the seller's form."""

import pytest
from playwright.sync_api import Page, expect

from app.auth.models import User
from tests.factories.auth import make_user
from tests.flows.conftest import Visit
from tests.flows.steps import buyer, log_in, on_sale_of
from tests.support.refunds import Bought
from tests.support.refunds import buy as bought_of
from tests.support.sale import SandboxControl

pytestmark = pytest.mark.usefixtures("data")
PHONE = {"width": 390, "height": 800}
REASON = "The key was used before"


@pytest.fixture
def seller(data: object) -> User:
    return make_user(roles=["seller"])


@pytest.fixture
def bought(data: object, paypal: SandboxControl, seller: User) -> Bought:
    """Two keys for ten euros each."""
    return bought_of(paypal, buyer(), {on_sale_of(seller).id: 2})


def confirm(page: Page, label: str) -> None:
    """Press a button, and once more in the dialog that asks."""
    page.get_by_role("button", name=label).first.click()
    page.get_by_role("dialog").get_by_role("button", name=label).click()


def test_unopened_is_returned_with_one_click(visit: Visit, bought: Bought) -> None:
    page = log_in(visit(viewport=PHONE), bought.buyer)
    page.goto(f"/order/purchases/{bought.order_id}")
    confirm(page, "Return unopened")
    expect(page.get_by_text("refunded, can't be revealed any more")).to_be_visible()
    expect(page.get_by_role("button", name="Return unopened")).to_have_count(1)
    refunds = page.get_by_role("region", name="Refunds")
    expect(refunds.get_by_text("Refunded", exact=True)).to_be_visible()  # the page hears of it
    expect(refunds).to_contain_text("€10.00")


def test_request_is_granted_by_the_seller(visit: Visit, bought: Bought, seller: User) -> None:
    bought.reveal(0)
    page = log_in(visit(), bought.buyer)
    page.goto(f"/order/purchases/{bought.order_id}")
    page.get_by_role("link", name="Ask for a refund").click()
    page.get_by_label("What happened?").fill(REASON)
    page.get_by_role("button", name="Send the request").click()
    expect(page.get_by_text("Waiting for the seller")).to_be_visible()
    expect(page.get_by_role("link", name="Ask for a refund")).to_have_count(0)

    at_seller = log_in(visit(viewport=PHONE), seller)
    at_seller.goto("/order/claims")
    at_seller.get_by_role("link", name="Star chart").click()
    expect(at_seller.get_by_text(REASON)).to_be_visible()
    at_seller.get_by_label("Your answer, which the buyer reads").fill("Sorry!")
    at_seller.get_by_role("button", name="Accept and refund").click()
    at_seller.get_by_role("dialog").get_by_role("button", name="Refund").click()
    expect(at_seller.get_by_text("The buyer is told").first).to_be_visible()
    expect(at_seller.get_by_text("Item 1: refunded")).to_be_visible()

    expect(page.get_by_text("The seller: Sorry!")).to_be_visible()  # without a reload
    expect(page.get_by_text("refunded, can't be revealed any more")).to_be_visible()


def test_seller_refunds_an_amount(visit: Visit, bought: Bought, seller: User) -> None:
    browsers = (visit(), visit(viewport=PHONE), visit(java_script_enabled=False))
    for number, page in enumerate(browsers, 1):
        log_in(page, seller).goto(f"/order/sales/{bought.order_id}")
        page.get_by_label("Everything that is left").check()
        page.get_by_label("Only this amount").fill("2.50")
        page.get_by_label("Reason").fill(f"Discount {number}")
        if number < len(browsers):
            confirm(page, "Refund the buyer")
        else:
            page.get_by_role("button", name="Refund the buyer").click()
        expect(page.get_by_text(f"Reason: Discount {number}")).to_be_visible()
        expect(page.get_by_text("Item 1: not revealed")).to_be_visible()
    expect(page.get_by_text("€7.50 goes back, or went")).to_be_visible()


def test_seller_refunds_several_items_at_once(visit: Visit, bought: Bought, seller: User) -> None:
    page = log_in(visit(), seller)
    page.goto(f"/order/sales/{bought.order_id}")
    page.get_by_label("Reason").fill(REASON)
    for number in (1, 2):
        page.get_by_label(f"item {number}").check()
    confirm(page, "Refund the buyer")
    expect(page.get_by_text("Item 2: refunded")).to_be_visible()
    expect(page.get_by_role("region", name="Refunds").get_by_role("listitem")).to_have_count(1)
