"""What can go otherwise between the basket and the goods."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect
from sqlalchemy import text

from app.auth.models import User
from app.extensions import db
from app.kit.db import session
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.flows.conftest import Visit, Watch
from tests.flows.steps import (
    DELIVERED,
    PAYPAL_BUTTON,
    agree,
    buyer,
    choose_payer,
    expect_stage,
    keys,
    log_in,
    mail_to,
    on_sale,
    press_paypal,
    put_into_basket,
    to_checkout,
    unique,
    wait_until,
)
from tests.support.inbox import Inbox
from tests.support.sale import SandboxControl

pytestmark = pytest.mark.usefixtures("data")


def orders_of(person: User) -> list[UUID]:
    """The orders that somebody has placed."""
    db.session.rollback()
    query = text("SELECT id FROM orders WHERE buyer_id = :buyer ORDER BY id")
    return list(session().scalars(query, {"buyer": person.id}))


def waited_for_goods(person: User) -> timedelta:
    """How long somebody's goods took to come after PayPal's word that they agreed."""
    query = text(
        "SELECT delivered_at - received_at FROM orders"
        " JOIN payment ON payment.reference = orders.id"
        " JOIN inbound_event ON body->'resource'->>'id' = paypal_order_id"
        " WHERE buyer_id = :buyer AND event_type = 'CHECKOUT.ORDER.APPROVED'"
    )
    waited: timedelta = session().execute(query, {"buyer": person.id}).scalar_one()
    return waited


def captures_of(paypal: SandboxControl, person: User) -> list[str]:
    """What PayPal has taken for somebody's orders."""
    ours = {str(order_id) for order_id in orders_of(person)}
    return [capture["id"] for capture in paypal.captures() if capture["custom_id"] in ours]


def test_declined_payer_picks_another_in_the_same_window(
    page: Page, paypal: SandboxControl
) -> None:
    product, person = on_sale(), buyer()
    to_checkout(page, person, product.id)
    window = press_paypal(page)
    agree(window, "empty")
    expect(window.get_by_role("alert")).to_contain_text("declined")
    expect(page.locator("#checkout-message")).to_contain_text("You have not been charged")
    agree(window)
    expect_stage(page, DELIVERED)
    assert len(orders_of(person)) == len(captures_of(paypal, person)) == 1


def test_declined_card_and_second_try(page: Page) -> None:
    product = on_sale()
    to_checkout(page, buyer(), product.id)
    window = press_paypal(page)
    choose_payer(window, "balance")
    window.get_by_test_id("approve-declined").click(no_wait_after=True)
    expect(window.get_by_role("alert")).to_contain_text("declined")
    agree(window)
    expect_stage(page, DELIVERED)


def test_no_in_the_window_charges_nothing(page: Page, paypal: SandboxControl) -> None:
    product, person = on_sale(), buyer()
    to_checkout(page, person, product.id)
    window = press_paypal(page)
    with window.expect_event("close"):
        window.get_by_test_id("cancel").click(no_wait_after=True)
    expect(page.locator("#checkout-message")).to_contain_text("You have not been charged")
    [order_id] = orders_of(person)
    page.get_by_role("button", name="Cancel order").click()
    expect(page).to_have_url(re.compile("/order/basket$"))
    expect(page.locator("#notices")).to_contain_text("You have not been charged")
    page.goto(f"/order/purchases/{order_id}")
    expect_stage(page, "cancelled")
    page.goto("/order/basket")
    expect(page.get_by_role("link", name=product.title)).to_be_visible()
    assert captures_of(paypal, person) == []


def test_closed_window_leaves_the_checkout_usable(page: Page, paypal: SandboxControl) -> None:
    product, person = on_sale(), buyer()
    to_checkout(page, person, product.id)
    press_paypal(page).close()
    expect(page.locator("#checkout-message")).to_contain_text("You closed the PayPal window")
    agree(press_paypal(page))
    expect_stage(page, DELIVERED)
    assert len(orders_of(person)) == len(captures_of(paypal, person)) == 1


def test_echeck_is_awaited_and_then_delivered(page: Page, paypal: SandboxControl) -> None:
    product, person = on_sale(), buyer()
    to_checkout(page, person, product.id)
    agree(press_paypal(page), "echeck")
    expect_stage(page, "pending")
    [capture] = captures_of(paypal, person)
    paypal.end_pending(capture, "complete")
    expect_stage(page, DELIVERED)


def test_sold_out_while_choosing_is_said_on_the_page(
    page: Page, visit: Visit, watch: Watch
) -> None:
    watch.allow("status of 409")
    product = on_sale(stock=keys(1))
    to_checkout(page, buyer(), product.id)
    faster = visit()
    to_checkout(faster, buyer(), product.id)
    press_paypal(faster)
    with page.expect_popup() as opened:
        page.get_by_role("button", name=PAYPAL_BUTTON).click()
    expect(page.locator("#checkout-message .tone-bad")).to_contain_text(product.title)
    expect(page.locator("#checkout-message")).to_contain_text("not been charged")
    wait_until(page, opened.value.is_closed)


def test_paypal_out_of_order_is_said_and_survived(
    page: Page, paypal: SandboxControl, watch: Watch
) -> None:
    watch.allow("status of 503")
    product, person = on_sale(), buyer()
    to_checkout(page, person, product.id)
    paypal.fault("error_after_commit", operation="create", status=503, times=5)
    try:
        page.get_by_role("button", name=PAYPAL_BUTTON).click()
        expect(page.locator("#checkout-message .tone-bad")).to_be_visible(timeout=30_000)
    finally:
        paypal.calm_down()
    agree(press_paypal(page))
    expect_stage(page, DELIVERED)
    assert len(orders_of(person)) == len(captures_of(paypal, person)) == 1


def test_lost_connection_is_said(page: Page, watch: Watch) -> None:
    watch.allow("ERR_INTERNET_DISCONNECTED")
    watch.allow("chrome-error")
    to_checkout(page, buyer(), on_sale().id)
    page.route("**/order/checkout/paypal", lambda route: route.abort("internetdisconnected"))
    page.get_by_role("button", name=PAYPAL_BUTTON).click()
    expect(page.locator("#checkout-message")).to_contain_text("can't be reached")


def test_lost_answer_of_the_payment_leads_to_the_purchase(page: Page, watch: Watch) -> None:
    watch.allow("ERR_")
    to_checkout(page, buyer(), on_sale().id)

    def lose(route: Route) -> None:
        route.fetch()
        route.abort("connectionreset")

    page.route("**/capture", lose)
    agree(press_paypal(page))
    expect(page.locator("#checkout-message")).to_contain_text("don't pay again")
    page.get_by_role("link", name="View your purchase").click()
    expect_stage(page, DELIVERED)


def test_buttons_that_do_not_load_leave_a_way(page: Page, watch: Watch) -> None:
    watch.allow("ERR_FAILED")
    page.route("**/sdk/js*", lambda route: route.abort())
    product = on_sale()
    log_in(page, buyer())
    put_into_basket(page, product.id)
    page.goto("/order/checkout")
    expect(page.locator("#checkout-message")).to_contain_text("could not be loaded")
    page.get_by_role("button", name="Pay on the PayPal website").click()
    agree(page)
    expect_stage(page, DELIVERED)


def test_tab_closed_after_the_yes_is_delivered_anyway(
    visit: Visit, paypal: SandboxControl, inbox: Inbox, watch: Watch
) -> None:
    watch.allow("ERR_")
    product, person = on_sale(), buyer()
    page = visit()
    to_checkout(page, person, product.id)
    asked: list[str] = []
    # The page goes before its word reaches the shop: only PayPal's webhook can tell.
    page.route("**/capture", lambda route: asked.append(route.request.url))
    agree(press_paypal(page))
    wait_until(page, lambda: bool(asked))
    other = page.context.new_page()
    page.close()

    mail_to(other, inbox, person.email, "is ready")
    other.goto("/order/purchases")
    other.get_by_role("link", name=product.title).click()
    expect_stage(other, DELIVERED)
    assert len(captures_of(paypal, person)) == 1
    assert waited_for_goods(person) < timedelta(seconds=10)


def test_double_click_pays_once(page: Page, paypal: SandboxControl) -> None:
    product, person = on_sale(), buyer()
    to_checkout(page, person, product.id)
    windows: list[Page] = []

    def opened(window: Page) -> None:
        windows.append(window)

    page.on("popup", opened)
    page.get_by_role("button", name=PAYPAL_BUTTON).dblclick()
    wait_until(page, lambda: bool(windows))
    [window] = windows
    expect(window.get_by_test_id("total")).to_be_visible()
    agree(window)
    expect_stage(page, DELIVERED)
    assert len(windows) == len(orders_of(person)) == len(captures_of(paypal, person)) == 1


def test_two_tabs_pay_one_basket_once(page: Page, paypal: SandboxControl) -> None:
    product, person = on_sale(), buyer()
    to_checkout(page, person, product.id)
    other = second_tab(page.context)
    window, other_window = press_paypal(page), press_paypal(other)
    agree(window)
    expect_stage(page, DELIVERED)
    other_window.get_by_test_id("payer-balance").click()
    expect(other_window.get_by_role("status")).to_contain_text("already been paid")
    other_window.close()
    expect_stage(other, DELIVERED)
    assert len(orders_of(person)) == len(captures_of(paypal, person)) == 1


def second_tab(context: BrowserContext) -> Page:
    """The checkout, open a second time."""
    other = context.new_page()
    other.goto("/order/checkout")
    expect(other.get_by_role("button", name=PAYPAL_BUTTON)).to_be_visible()
    return other


class TestWithoutJavaScript:
    @pytest.fixture
    def plain(self, visit: Visit) -> Page:
        return visit(java_script_enabled=False)

    def test_whole_purchase(self, plain: Page) -> None:
        page = plain
        stock = keys(2)
        product = make_product(
            make_user(roles=["seller"]), title=unique("Paper map"), stock=stock, price_minor=700
        )
        person = buyer()
        page.goto(f"/products?q={product.title}")
        page.get_by_role("link", name=product.title).first.click()
        page.get_by_role("button", name="Add to basket").click()
        expect(page).to_have_url(re.compile("/order/basket$"))
        page.get_by_role("spinbutton").fill("2")
        page.get_by_role("button", name="Update").click()
        expect(page.locator(".sums__total")).to_contain_text("14.00")
        page.get_by_role("button", name="Remove").click()
        expect(page.locator("main")).to_contain_text("was removed from your basket")
        page.get_by_role("button", name="Undo").click()
        expect(page.locator(".sums__total")).to_contain_text("14.00")

        page.get_by_role("link", name="Log in and check out").click()
        page.get_by_label("Email").fill(person.email)
        page.get_by_label("Password").fill("correct-horse-battery")
        page.locator("main").get_by_role("button", name="Log in").click()
        page.get_by_role("button", name="Pay on the PayPal website").click()
        choose_payer(page, "empty")
        page.get_by_test_id("approve").click()
        # PayPal's word may come before the buyer's: what they are told is the same.
        page.get_by_role("button", name="Finish payment").click()
        expect(page.locator("#notices")).to_contain_text("declined")

        page.get_by_role("button", name="Pay on the PayPal website").click()
        page.get_by_test_id("cancel").click()
        expect(page).to_have_url(re.compile("/order/checkout"))
        page.get_by_role("button", name="Pay on the PayPal website").click()
        choose_payer(page, "balance")
        page.get_by_test_id("approve").click()
        page.get_by_role("button", name="Finish payment").click()
        # Chromium can't load a page anew that is just being left.
        expect(page).to_have_url(re.compile("/order/purchases/"))
        wait_until(page, lambda: self.is_delivered(page))

        page.get_by_role("button", name="Reveal", exact=True).first.click()
        expect(page.locator("code").first).to_have_text(re.compile("|".join(stock)))
        page.get_by_role("button", name="Reveal all").click()
        for secret in stock:
            expect(page.get_by_text(secret)).to_be_visible()
        with page.expect_download():
            page.get_by_role("button", name="Download as text").click()

    @staticmethod
    def is_delivered(page: Page) -> bool:
        """Whether it is, after loading the page anew."""
        page.reload()
        return page.locator("#order-status").get_attribute("data-stage") == DELIVERED
