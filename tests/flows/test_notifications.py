"""The bell that counts while somebody is on another page, and the stream it leads to."""

import re

import pytest
from playwright.sync_api import Page, expect

from app.notifications.models import MailMode, NotificationKind
from app.notifications.queries import modes_of
from app.notifications.service.notifying import notify
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.flows.conftest import Visit
from tests.flows.steps import buyer, heard_by, keys, log_in, unique, wait_until
from tests.support.bought import paid
from tests.support.inbox import Inbox, path_in

pytestmark = pytest.mark.usefixtures("data")


def bell(page: Page, words: str) -> None:
    """The bell says so."""
    expect(page.locator("#bell a")).to_have_attribute("aria-label", f"Notifications: {words}")


def test_bell_counts_live_and_leads_to_the_sale(page: Page, visit: Visit) -> None:
    seller, title = make_user(roles=["seller"]), unique("Star chart")
    product = make_product(seller, title=title, stock=keys(9))
    log_in(page, seller)
    news = [heard_by(page)]
    page.goto("/auth/profile")
    bell(page, "none unread")
    listing = log_in(visit(viewport={"width": 390, "height": 844}), seller)
    news.append(heard_by(listing))
    listing.goto("/notifications")
    expect(listing.get_by_text("No notifications yet")).to_be_visible()
    for heard in news:
        wait_until(page, lambda heard=heard: any("subscribed" in text for text in heard))
    paid(buyer(), {product.id: 2})
    bell(page, "1 unread")
    bell(listing, "1 unread")
    expect(listing.locator("#notifications")).to_contain_text(f"Sold: 2 × {title}")
    page.locator("#bell a").focus()
    page.keyboard.press("Enter")
    link = page.get_by_role("link", name=f"Unread: Sold: 2 × {title}")
    link.focus()
    paid(buyer(), {product.id: 1})  # what comes meanwhile takes nobody's place
    bell(page, "2 unread")
    expect(page.locator("#notifications")).to_contain_text(f"Sold: 1 × {title}")
    expect(link).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/order/sales$"))
    bell(page, "1 unread")
    bell(listing, "1 unread")
    expect(listing.locator(".notice--unread")).to_have_count(1)


@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_filters_and_all_read(visit: Visit, *, java_script_enabled: bool) -> None:
    seller = make_user(roles=["seller"])
    for number in range(35):
        notify(
            user_id=seller.id,
            kind=NotificationKind.LOW_STOCK if number % 2 else NotificationKind.MODERATION,
            key=str(number),
            params={
                "act": "restored",
                "product_id": str(seller.id),
                "title": f"Moonbase {number}",
                "left": 3,
            },
        )
    page = log_in(visit(java_script_enabled=java_script_enabled), seller)
    page.goto("/notifications")
    bell(page, "35 unread")
    expect(page.locator(".notice")).to_have_count(30)
    page.get_by_role("link", name="Show more").click()
    expect(page.locator(".notice")).to_have_count(35 if java_script_enabled else 5)
    page.get_by_role("link", name="Low stock").click()
    expect(page.locator(".notice")).to_have_count(17)
    page.get_by_role("button", name="Mark all of these as read").click()
    bell(page, "18 unread")
    page.get_by_role("link", name="Unread", exact=True).click()
    expect(page.get_by_text("There is no notification that matches.")).to_be_visible()
    page.get_by_role("link", name="Everything", exact=True).click()
    expect(page.locator(".notice")).to_have_count(18)
    page.locator(".notice").first.get_by_role("button").click()
    bell(page, "17 unread")
    page.get_by_role("button", name="Mark all as read").click()
    bell(page, "none unread")


def test_mail_leads_to_the_way_out_and_to_the_choice(page: Page, inbox: Inbox) -> None:
    seller = make_user(roles=["seller"])
    product = make_product(seller, stock=keys(9))
    paid(buyer(), {product.id: 1})
    wait_until(page, lambda: bool(inbox.of(seller.email)))
    page.goto(path_in(inbox.only(seller.email), "/notifications/unsubscribe/"))
    assert modes_of(seller.id)[NotificationKind.SALE] is MailMode.AT_ONCE
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.get_by_role("status")).to_contain_text("Sales")
    log_in(page, seller)
    page.goto("/notifications/preferences")
    expect(page.get_by_label("Sales: Never")).to_be_checked()
    page.get_by_label("Sales: Once a day").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#notices")).to_contain_text("Saved.")
    expect(page.get_by_label("Sales: Once a day")).to_be_checked()
