"""What was bought is reviewed, with scripts and without."""

import re

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.factories.auth import make_user
from tests.factories.reviews import bought, make_review
from tests.flows.conftest import Visit, Watch
from tests.flows.steps import log_in, on_sale, on_sale_of, unique


@pytest.mark.usefixtures("data")
def test_a_buyer_reviews_and_others_read_it(visit: Visit, watch: Watch) -> None:
    watch.allow("422")
    product = on_sale(kind="text", stock=())
    buyer, _line = bought(product)
    page = log_in(visit(), buyer)
    page.goto(f"/products/{product.id}")
    form = page.locator("#review-form")
    form.get_by_role("button", name="Publish review").click()
    # Refused where the person is, with what they must still do.
    expect(form.get_by_text("Choose one to five stars.")).to_be_visible()
    expect(page).to_have_url(re.compile(f"/products/{product.id}$"))
    form.get_by_label("4: good").check()
    form.get_by_label("Your review").fill("Does what it says.")
    form.get_by_role("button", name="Publish review").click()
    expect(page.locator("#review-form")).to_have_count(0)
    expect(page.locator("#reviews .review").first).to_contain_text("Does what it says.")
    reader = log_in(visit(), make_user())
    reader.goto(f"/products/{product.id}")
    reader.get_by_role("button", name="Helpful").click()
    expect(reader.get_by_role("button", name="Helpful · 1", pressed=True)).to_be_visible()
    reader.get_by_role("link", name=re.compile("^5 ★")).click()
    expect(reader.get_by_text("No reviews match the filter.")).to_be_visible()
    reader.get_by_role("link", name="Show all").click()
    expect(reader.locator("#reviews .review")).to_have_count(1)
    reader.get_by_text("Report", exact=True).click()
    reader.get_by_label("What is wrong with this review?").fill("It is about something else.")
    reader.get_by_role("button", name="Send report").click()
    expect(reader.get_by_text("A moderator will look at this review.")).to_be_visible()


@pytest.mark.usefixtures("data")
def test_without_scripts(visit: Visit, watch: Watch) -> None:
    watch.allow("422")
    product = on_sale(kind="text", stock=())
    buyer, _line = bought(product)
    for stars in (5, 3):
        make_review(product, stars=stars, words=f"Words of {stars}")
    page = log_in(visit(java_script_enabled=False), buyer)
    page.goto(f"/products/{product.id}")
    page.get_by_label("5: excellent").check()
    page.get_by_role("button", name="Publish review").click()
    expect(page.get_by_role("heading", name="Your review")).to_be_visible()
    expect(page.get_by_label("5: excellent")).to_be_checked()
    page.get_by_label("Your review").fill("Fine without scripts.")
    page.get_by_role("button", name="Publish review").click()
    expect(page.locator("#reviews .review").first).to_contain_text("Fine without scripts.")
    page.get_by_role("link", name=re.compile("^3 ★")).click()
    expect(page.locator(".reviews__list .review")).to_have_count(1)
    page.get_by_label("Sort by").select_option("worst")
    page.get_by_label("Stars", exact=True).select_option("")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".reviews__list .review").first).to_contain_text("Words of 3")


@pytest.mark.usefixtures("data")
def test_the_sellers_name_leads_to_their_page(page: Page, data: Flask) -> None:
    seller = make_user(roles=["seller"], display_name=unique("Ann's Keys"))
    words = unique("Almanac")
    from_ann = [on_sale_of(seller, title=title) for title in (words, unique("Atlas"))]
    make_review(from_ann[0], stars=5)
    page.goto(f"/products?q={words}")
    page.locator(".product-card").get_by_role("link", name=seller.display_name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(seller.display_name)
    expect(page.locator(".stats")).to_contain_text("4.2")
    expect(page.locator(".product-card")).to_have_count(2)
    page.get_by_role("searchbox", name="Search this seller's products").fill(words)
    expect(page.locator(".product-card")).to_have_count(1)
