"""Whoever comes back to a long list finds as much of it as was open, at the same place."""

import pytest
from playwright.sync_api import Page, expect

from app.products.service import importing, uploads
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.flows.steps import keys, log_in, unique

pytestmark = pytest.mark.usefixtures("data")


def test_ones_own_products(page: Page) -> None:
    seller = make_user(roles=["seller"])
    for _ in range(31):
        make_product(seller)
    log_in(page, seller)
    page.goto("/products/mine")
    rows = page.locator("tbody tr:not(.load-more)")
    expect(rows).to_have_count(30)
    page.get_by_role("link", name="Show more").click()
    expect(rows).to_have_count(31)
    rows.last.get_by_role("link").first.click()
    expect(rows).to_have_count(0)
    page.go_back()
    expect(rows).to_have_count(31)
    expect(rows.last).to_be_in_viewport()


def test_two_lists_of_one_page(page: Page) -> None:
    seller = make_user(roles=["seller"])
    product = make_product(seller, stock=keys(31))
    ours = {"product_id": product.id, "seller_id": seller.id}
    for _ in range(10):
        upload = uploads.keep(**ours, content=unique("KEY"))
        importing.take_in(**ours, upload_id=upload)
    log_in(page, seller)
    page.goto(f"/products/{product.id}/stock")
    batches = page.locator("section[aria-labelledby=batches-title] tbody tr:not(.load-more)")
    units = page.locator("section[aria-labelledby=units-title] tbody tr:not(.load-more)")
    for rows, before, after in ((batches, 10, 11), (units, 30, 41)):
        expect(rows).to_have_count(before)
        section = rows.locator("xpath=ancestor::section").first
        section.get_by_role("link", name="Show more").click()
        expect(rows).to_have_count(after)
    page.goto("/products/mine")
    page.go_back()
    expect(batches).to_have_count(11)
    expect(units).to_have_count(41)
