"""What people write is text: it neither runs nor leads astray, wherever it is shown."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.auth.service.accounts import update_profile
from app.kit.db import session
from app.products.models import Product
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.flows.conftest import Visit, Watch
from tests.flows.steps import (
    DELIVERED,
    agree,
    buyer,
    expect_stage,
    keys,
    log_in,
    mail_to,
    on_sale,
    press_paypal,
    put_into_basket,
    unique,
)
from tests.support.inbox import Inbox

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(2)>'
DESCRIPTION = f"""{SCRIPT} {IMAGE}

[click](javascript:alert(3)) [data](data:text/html,<script>alert(4)</script>)
<a href="javascript:alert(5)" onclick="alert(6)">html</a> <javascript:alert(7)>

<button hx-get="/auth/logout" hx-trigger="load" data-confirm="x">b</button>
<form action="https://example.com"><input name=password></form>

![pixel](https://example.com/pixel.png)
"""
LEADS_ASTRAY = "a[href^='javascript:' i], a[href^='data:' i], [onclick], [onerror]"

pytestmark = pytest.mark.usefixtures("data")


def assert_inert(page: Page) -> None:
    """Nothing of it has become part of the page; running it would fail the test by itself."""
    expect(page.locator(LEADS_ASTRAY)).to_have_count(0)
    expect(page.locator(".prose").locator("script, img, form, input, button")).to_have_count(0)


def test_hostile_goods_and_names_from_shelf_to_mail(visit: Visit, inbox: Inbox) -> None:
    seller = make_user(roles=["seller"])
    update_profile(user_id=seller.id, display_name=f"Eve {SCRIPT}", locale="en")
    title = unique(f"{SCRIPT}{IMAGE}")
    page = log_in(visit(), seller)
    page.goto("/products/new")
    page.get_by_label("Title").fill(title)
    page.get_by_label("Category").select_option(label="PC games")
    page.get_by_label("Price per item").fill("1")
    page.get_by_label("Description").fill(DESCRIPTION)
    page.get_by_text("Preview of the description").click()
    expect(page.locator("#preview .prose")).to_contain_text("click")
    assert_inert(page)
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(title)
    [secret] = stock = [f"{SCRIPT}{keys(1)[0]}"]
    page.get_by_label("Paste the items").fill("\n".join(stock))
    page.get_by_role("button", name="Check items").click()
    page.get_by_role("button", name="Add 1 item").click()
    page.goto("/products/mine")
    assert_inert(page)
    page.get_by_role("row").filter(has_text=title).get_by_role("button", name="Publish").click()
    expect(page.locator("#notices")).to_contain_text("now in the catalogue")

    product = session().query(Product).filter_by(title=title).one()
    person = buyer()
    update_profile(user_id=person.id, display_name=f"Bob {IMAGE}", locale="en")
    page = log_in(visit(), person)
    for address in ("/", "/products"):
        page.goto(address)
        expect(page.locator(".product-card").filter(has_text=title).first).to_be_visible()
        assert_inert(page)
    page.goto(f"/products/{product.id}")
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.locator(".product__meta")).to_contain_text(f"Eve {SCRIPT}")
    assert_inert(page)
    put_into_basket(page, product.id)
    for address in ("/order/basket", "/order/checkout"):
        page.goto(address)
        expect(page.locator("main")).to_contain_text(title)
        assert_inert(page)
    window = press_paypal(page)
    assert_inert(window)
    agree(window)
    expect_stage(page, DELIVERED)
    assert_inert(page)
    page.get_by_role("button", name="Reveal", exact=True).click()
    expect(page.locator(".reveal code")).to_have_text(secret)
    mail = mail_to(page, inbox, person.email, "is ready")
    page.goto(f"{inbox.url.rstrip('/')}/messages/{mail['id']}/html")
    expect(page.locator("body")).to_contain_text(SCRIPT)
    assert_inert(page)


@pytest.mark.parametrize(
    "address", ["/products?q={}", "/order/purchases?q={}", "/auth/login?next=/{}", "/{}"]
)
def test_hostile_addresses(visit: Visit, address: str, watch: Watch) -> None:
    watch.allow("status of 4")
    page = log_in(visit(), buyer()) if "purchases" in address else visit()
    page.goto(address.format("%22%3E%3Cscript%3Ealert(1)%3C/script%3E"))
    expect(page.locator("main h1")).to_be_visible()
    assert_inert(page)


def test_file_that_is_too_large_is_refused_before_it_is_sent(visit: Visit, tmp_path: Path) -> None:
    seller = make_user(roles=["seller"])
    product = make_product(seller, stock=keys(1))
    page = log_in(visit(), seller)
    page.goto(f"/products/{product.id}/stock")
    file = page.get_by_label("Or choose a file")
    [key] = keys(1)
    large, small = tmp_path / "large.txt", tmp_path / "small.txt"
    large.write_bytes(b"x" * (16 * 2**20 + 1))
    small.write_text(key)
    file.set_input_files(large)
    page.get_by_role("button", name="Check items").click()
    assert "16 MB" in file.evaluate("input => input.validationMessage")
    expect(page.get_by_role("heading", name="Check before adding")).to_have_count(0)
    file.set_input_files(small)
    page.get_by_role("button", name="Check items").click()
    expect(page.get_by_role("heading", name="Check before adding")).to_be_visible()


def test_link_that_was_sold_is_opened_outside(page: Page) -> None:
    product = on_sale(kind="link", stock=[f'https://example.com/{keys(1)[0]}?a=<b>&c="d"'])
    log_in(page, buyer())
    put_into_basket(page, product.id)
    page.goto("/order/checkout")
    agree(press_paypal(page))
    expect_stage(page, DELIVERED)
    page.get_by_role("button", name="Reveal", exact=True).click()
    link = page.get_by_role("link", name="Open", exact=True)
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(link).to_have_attribute("target", "_blank")
    assert_inert(page)
