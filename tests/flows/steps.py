"""What people do in the shop, step by step, and the goods they do it with."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

from bs4 import BeautifulSoup
from playwright.sync_api import Page, WebSocket, expect

from app.auth.models import User
from app.products.models import Product
from tests.factories.auth import PASSWORD, make_user
from tests.factories.products import make_product
from tests.support.bought import fill
from tests.support.inbox import Inbox
from tests.support.shop import Shop

DELIVERED = "delivered"
PAYPAL_BUTTON = "Pay with the PayPal sandbox"


def keys(count: int) -> list[str]:
    """Keys that no other test has."""
    return [f"KEY-{uuid4().hex[:20].upper()}" for _ in range(count)]


def unique(words: str) -> str:
    """A title that no other test has."""
    return f"{words} {uuid4().hex[:8]}"


def on_sale(**columns: Any) -> Product:
    """A published product of a new seller."""
    return on_sale_of(make_user(roles=["seller"]), **columns)


def on_sale_of(seller: User, **columns: Any) -> Product:
    """A published product of this seller."""
    columns.setdefault("title", unique("Star chart"))
    columns.setdefault("stock", keys(3))
    return make_product(seller, **columns)


def buyer() -> User:
    """Somebody with an account."""
    return make_user()


def log_in(page: Page, user: User, password: str = PASSWORD) -> Page:
    """Log in without looking at the log-in page, which has flows of its own."""
    api = page.context.request
    form = BeautifulSoup(api.get("/auth/login").text(), "html.parser").find("form", class_="panel")
    assert form is not None
    token = form.find("input", {"name": "csrf_token"})
    assert token is not None
    fields = {"csrf_token": str(token["value"]), "email": user.email, "password": password}
    answer = api.post("/auth/login", form=fields, max_redirects=0)
    assert answer.status == 303, answer.text()
    return page


def fill_log_in(page: Page, email: str, password: str = PASSWORD) -> Page:
    """Fill in the log-in form that is open."""
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.locator("main").get_by_role("button", name="Log in").click()
    expect(page).not_to_have_url(re.compile("/auth/login"))
    return page


def put_into_basket(page: Page, product_id: UUID, quantity: int = 1) -> None:
    """Press the product page's button, and see the number in the header change."""
    page.goto(f"/products/{product_id}")
    before = int(page.locator("#basket-count").text_content() or 0)
    if quantity > 1:
        page.get_by_label("Quantity", exact=True).fill(str(quantity))
    page.get_by_role("button", name="Add to basket").click()
    expect(page.locator("#basket-count")).to_have_text(str(before + quantity))


def to_checkout(page: Page, user: User, product_id: UUID, quantity: int = 1) -> None:
    """Stand before PayPal's button, logged in and with a basket filled elsewhere."""
    log_in(page, user)
    fill(user, {product_id: quantity})
    page.goto("/order/checkout")
    expect(page.get_by_role("button", name=PAYPAL_BUTTON)).to_be_visible()


def press_paypal(page: Page) -> Page:
    """Press PayPal's button; the window that it opens, with the order in it."""
    with page.expect_popup() as opened:
        page.get_by_role("button", name=PAYPAL_BUTTON).click()
    window = opened.value
    expect(window.get_by_test_id("total")).to_be_visible()
    return window


def agree(window: Page, payer: str = "balance") -> None:
    """Choose who pays, and pay."""
    choose_payer(window, payer)
    window.get_by_test_id("approve").click(no_wait_after=True)


def choose_payer(window: Page, payer: str) -> None:
    """Choose who pays."""
    window.get_by_test_id(f"payer-{payer}").click()
    expect(window.get_by_test_id("approve")).to_be_visible()


def buy(page: Page, user: User, product_id: UUID, quantity: int = 1) -> None:
    """From the log-in to the goods."""
    to_checkout(page, user, product_id, quantity)
    agree(press_paypal(page))
    expect_stage(page, DELIVERED)


def expect_stage(page: Page, stage: str) -> None:
    """The purchase's page shows this stage."""
    expect(page.locator("#order-status")).to_have_attribute("data-stage", stage)


def order_id_of(page: Page) -> UUID:
    """The order that the open page shows."""
    found = re.search(r"/order/purchases/([0-9a-f-]{36})", page.url)
    assert found, page.url
    return UUID(found.group(1))


def mail_to(page: Page, inbox: Inbox, address: str, subject: str) -> dict[str, Any]:
    """Wait for a mail to this address."""
    found: list[dict[str, Any]] = []

    def come() -> bool:
        found[:] = [mail for mail in inbox.of(address) if subject in mail["subject"]]
        return bool(found)

    wait_until(page, come)
    return found[0]


def heard_by(page: Page) -> list[str]:
    """What the sockets say that the page opens from now on."""
    news: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda text: news.append(str(text)))

    page.on("websocket", listen)
    return news


def wait_until(page: Page, condition: Callable[[], bool], milliseconds: int = 15_000) -> None:
    """Wait for something outside the browser, which goes on meanwhile."""
    step = 50
    for _ in range(milliseconds // step):
        if condition():
            return
        page.wait_for_timeout(step)
    raise AssertionError(f"this did not come about: {condition}")


@contextmanager
def standing_still(shop: Shop, *roles: str) -> Iterator[None]:
    """These roles do nothing for a while, as on a machine that has lost its breath."""
    for role in roles:
        os.killpg(shop.processes[role].pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for role in roles:
            os.killpg(shop.processes[role].pid, signal.SIGCONT)
