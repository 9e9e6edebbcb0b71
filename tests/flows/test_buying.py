"""From the catalogue to the key in the buyer's hands."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, Route, expect

from app.kit.db import session
from app.products.models import StockBatch
from app.products.service.stock import withdraw_batch
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.flows.conftest import Visit, Watch
from tests.flows.steps import (
    DELIVERED,
    agree,
    buy,
    buyer,
    expect_stage,
    fill_log_in,
    heard_by,
    keys,
    log_in,
    mail_to,
    on_sale,
    press_paypal,
    put_into_basket,
    standing_still,
    to_checkout,
    unique,
    wait_until,
)
from tests.support.inbox import Inbox, path_in
from tests.support.shop import Shop

pytestmark = pytest.mark.usefixtures("data")


def test_guest_finds_buys_and_opens_a_key(visit: Visit, inbox: Inbox, tmp_path: Path) -> None:
    secrets = keys(2)
    product = on_sale(title=unique("Moon atlas"), stock=secrets, price_minor=1250)
    person = buyer()
    page = visit(permissions=["clipboard-read", "clipboard-write"])

    page.goto("/")
    page.get_by_role("searchbox", name="Search the shop").fill(product.title)
    page.keyboard.press("Enter")
    results = page.locator("#results")
    expect(results.get_by_role("link", name=product.title)).to_be_visible()
    results.get_by_role("link", name=product.title).click()
    expect(page.get_by_role("heading", level=1, name=product.title)).to_be_visible()
    put_into_basket(page, product.id, 2)

    page.goto("/order/basket")
    page.get_by_role("link", name="Log in and check out").click()
    fill_log_in(page, person.email)
    expect(page).to_have_url(re.compile("/order/checkout$"))
    expect(page.locator("#goods-title ~ .checkout__goods ul")).to_contain_text(product.title)

    window = press_paypal(page)
    expect(window.get_by_test_id("total")).to_contain_text("25.00")
    agree(window)
    expect_stage(page, DELIVERED)
    expect(page.locator("#basket-count")).to_have_text("0")
    assert not any(secret in page.content() for secret in secrets)

    mail = mail_to(page, inbox, person.email, "is ready")
    assert not any(secret in mail["text"] + mail["html"] for secret in secrets)
    page.goto(path_in(mail, "/order/purchases/"))

    first = page.locator(".reveal").first
    first.get_by_role("button", name="Reveal").click()
    expect(first.locator("code")).to_have_text(re.compile("|".join(secrets)))
    shown = first.locator("code").text_content()
    first.get_by_role("button", name="Copy").click()
    expect(first.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == shown

    page.get_by_role("button", name="Download as text").click()
    with page.expect_download() as downloaded:
        page.get_by_role("dialog").get_by_role("button", name="Download").click()
    file = tmp_path / "bought.txt"
    downloaded.value.save_as(file)
    assert downloaded.value.suggested_filename.endswith(".txt")
    assert all(secret in file.read_text() for secret in secrets)

    page.get_by_role("button", name="Reveal all").click()
    page.get_by_role("dialog").get_by_role("button", name="Reveal all").click()
    for secret in secrets:
        expect(page.locator("code", has_text=secret)).to_be_visible()


def test_filters_narrow_the_catalogue(page: Page) -> None:
    words = unique("Comet")
    cheap = on_sale(title=f"{words} cheap", price_minor=300)
    dear = on_sale(title=f"{words} dear", price_minor=90000)
    link = on_sale(title=f"{words} link", kind="link", stock=[f"https://example.com/{words[-8:]}"])
    sold_out = on_sale(title=f"{words} gone", stock=[])

    page.goto(f"/products?q={words}")
    results = page.locator("#results")
    for product in (cheap, dear, link, sold_out):
        expect(results.get_by_role("link", name=product.title)).to_be_visible()
    page.get_by_label("Price to").fill("500")
    page.get_by_label("Price to").press("Tab")
    expect(results.get_by_role("link", name=dear.title)).to_have_count(0)
    page.get_by_label("Keys").check()
    expect(results.get_by_role("link", name=link.title)).to_have_count(0)
    page.get_by_label("In stock only").check()
    expect(results.get_by_role("link", name=sold_out.title)).to_have_count(0)
    expect(results.get_by_role("link", name=cheap.title)).to_be_visible()

    page.reload()  # the address says it all
    expect(results.get_by_role("link", name=cheap.title)).to_be_visible()
    expect(results.get_by_role("link", name=dear.title)).to_have_count(0)
    page.goto("/products?q=qxzvjwkqxz")
    expect(page.locator("main")).to_contain_text("No products found")


def test_wrong_price_is_told_at_its_field_and_gone_once_it_is_right(
    page: Page, watch: Watch
) -> None:
    watch.allow("status of 422")
    words = unique("Nebula")
    on_sale(title=words, price_minor=700)
    page.goto(f"/products?q={words}")
    least, most = page.get_by_label("Price from"), page.get_by_label("Price to")
    least.fill("abc")
    least.press("Tab")
    expect(least).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#results [role=alert]")).to_contain_text("Price from")
    expect(least).to_have_value("abc")
    expect(most).to_be_focused()
    least.fill("9")
    most.fill("5")
    most.press("Tab")
    expect(page.locator("#price-range")).to_contain_text("lower than the minimum price")
    expect(least).not_to_have_attribute("aria-invalid", "true")
    most.fill("12")
    most.press("Tab")
    expect(page.locator("#results")).to_contain_text("No products found")
    least.fill("6")
    least.press("Tab")
    expect(page.locator("#results")).to_contain_text(words)
    expect(page.locator(".field__error")).to_have_count(0)
    expect(least).to_have_value("6")
    expect(most).to_have_value("12")


def test_catalogue_goes_on_and_the_link_is_a_real_one(page: Page) -> None:
    words = unique("Meteor")
    for number in range(31):
        on_sale(title=f"{words} {number:02}", stock=keys(1))
    page.goto(f"/products?q={words}")
    cards = page.locator("#results .product-card")
    before = cards.count()
    assert 0 < before < 31
    address = page.get_by_role("link", name="Show more").get_attribute("href")
    page.get_by_role("link", name="Show more").click()
    expect(cards).to_have_count(31)
    cards.last.locator(".product-card__link").click()
    expect(page.get_by_role("button", name="Add to basket")).to_be_visible()
    page.go_back()
    expect(cards).to_have_count(31)
    expect(cards.last).to_be_in_viewport()
    page.goto(address or "")
    expect(cards).to_have_count(31 - before)
    expect(page.locator("header.site-header")).to_be_visible()


def test_basket_is_changed_and_emptied(page: Page) -> None:
    product = on_sale(stock=keys(5), price_minor=1000)
    put_into_basket(page, product.id)
    page.goto("/order/basket")
    page.get_by_role("button", name="Increase by one").click()
    expect(page.locator(".sums__total")).to_contain_text("20.00")
    expect(page.locator("#basket-count")).to_have_text("2")
    page.get_by_role("button", name=f"Remove {product.title}").click()
    expect(page.get_by_role("heading", name="Your basket is empty")).to_be_visible()
    expect(page.locator("#basket-count")).to_have_text("0")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".sums__total")).to_contain_text("20.00")


def test_more_than_there_are_is_refused_and_kept(page: Page, watch: Watch) -> None:
    watch.allow("status of 4(09|22)")
    product = on_sale(stock=keys(2))
    put_into_basket(page, product.id, 2)
    page.get_by_role("button", name="Add to basket").click()
    expect(page.locator("#notices .tone-bad")).to_be_visible()
    expect(page.locator("#basket-count")).to_have_text("2")


def test_stock_moves_in_an_open_listing_and_an_open_product_page(visit: Visit) -> None:
    product = on_sale(stock=keys(5))
    word = product.title.rpartition(" ")[2]
    pages = []
    for address in (f"/products?q={word}", f"/products/{product.id}"):
        page = visit()
        news = heard_by(page)
        page.goto(address)
        wait_until(page, lambda heard=news: any("subscribed" in text for text in heard))
        expect(page.locator("main")).to_contain_text("In stock: 5")
        pages.append(page)
    [batch] = session().query(StockBatch).filter_by(product_id=product.id)
    withdraw_batch(seller_id=product.seller_id, product_id=product.id, batch_id=batch.id)
    for page in pages:
        expect(page.locator("main")).to_contain_text("Sold out")
    expect(pages[0].locator(".product-card .cover > .icon")).to_have_css("opacity", "0.75")
    # The badge on it must stay readable.
    expect(pages[0].locator(".product-card .cover")).to_have_css("opacity", "1")


def test_order_page_turns_over_the_socket(page: Page, shop: Shop) -> None:
    """Polls are answered with "nothing new" until the socket has spoken."""
    product, person = on_sale(), buyer()
    to_checkout(page, person, product.id)
    news = heard_by(page)

    def hold(route: Route, request: Request) -> None:
        if any("changed" in text for text in news):
            route.continue_()
        else:
            route.fulfill(status=204)

    page.route("**/order/purchases/*?seen=*", hold)
    with standing_still(shop, "worker", "clock"):
        agree(press_paypal(page))
        expect_stage(page, "paid")
        wait_until(page, lambda: any("subscribed" in text for text in news))
        news.clear()  # what was said of the payment
    expect_stage(page, DELIVERED)
    assert any("changed" in text for text in news)


def test_order_page_turns_without_the_socket(page: Page, shop: Shop, watch: Watch) -> None:
    watch.allow("WebSocket connection to")
    product, person = on_sale(), buyer()
    to_checkout(page, person, product.id)
    shop.kill("chat")
    try:
        with standing_still(shop, "worker"):
            agree(press_paypal(page))
            expect_stage(page, "paid")
        expect_stage(page, DELIVERED)
    finally:
        shop.start("chat")


def test_back_button_shows_no_key_and_no_fragment(page: Page) -> None:
    [secret] = stock = keys(1)
    product = on_sale(stock=stock)
    buy(page, buyer(), product.id)
    page.get_by_role("button", name="Reveal", exact=True).click()
    expect(page.get_by_text(secret)).to_be_visible()

    page.locator("header").get_by_role("link", name="Basket").click()
    expect(page.get_by_role("heading", level=1, name="Basket")).to_be_visible()
    page.go_back()
    expect_stage(page, DELIVERED)
    expect(page.get_by_role("button", name="Reveal", exact=True)).to_be_visible()
    assert secret not in page.content()
    expect(page.locator(".reveal__note")).to_contain_text("First revealed")


def test_cabinet_is_searched_and_back_is_a_whole_page(page: Page) -> None:
    person = buyer()
    wanted, other = on_sale(title=unique("Nebula")), on_sale(title=unique("Quasar"))
    buy(page, person, wanted.id)
    number = page.locator(".facts .mono").text_content() or ""
    put_into_basket(page, other.id)
    page.goto("/order/checkout")
    agree(press_paypal(page))
    expect_stage(page, DELIVERED)

    page.goto("/order/purchases")
    listed = page.locator("#purchases .list__item")
    expect(listed).to_have_count(2)
    for words in (wanted.title, number):
        page.get_by_role("searchbox", name="Search your purchases").fill(words)
        expect(listed).to_have_count(1)
        expect(listed).to_contain_text(wanted.title)
    expect(page).to_have_url(re.compile("q="))
    page.get_by_role("searchbox", name="Search your purchases").fill("nothing like it")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    listed.filter(has_text=wanted.title).locator(".list__link").click()
    expect_stage(page, DELIVERED)
    page.go_back()
    expect(listed).to_have_count(2)
    expect(page.locator("header.site-header")).to_be_visible()


def test_seller_sees_the_sale(visit: Visit) -> None:
    seller = make_user(roles=["seller"])
    product = make_product(seller, title=unique("Galaxy"), stock=keys(2), price_minor=2000)
    buy(visit(), buyer(), product.id, quantity=2)
    page = log_in(visit(), seller)
    page.goto("/order/sales")
    row = page.get_by_role("row", name=product.title)
    expect(row).to_contain_text("40.00")
    expect(row).to_contain_text("4.00")  # a tenth is the shop's
    expect(row).to_contain_text("36.00")
    expect(row).to_contain_text("Pending")
    expect(page.locator(".stat").filter(has_text="Pending")).to_contain_text("36.00")
