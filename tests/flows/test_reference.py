"""The API's reference in a browser: to be read by everybody, in both themes, and tried out."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.flows.conftest import Visit, Watch
from tests.flows.steps import wait_until

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


def test_all_can_be_read_and_reached_in_both_themes_and_a_request_tried_out(visit: Visit) -> None:
    page = visit(color_scheme="dark")
    page.goto("/developers/api")
    page.get_by_role("button", name="products", exact=True).click()
    page.get_by_role("button", name="/api/v1/products", exact=False).first.click()
    expect(page.locator(".opblock.is-open")).to_be_visible()
    expect(page.locator("html.dark-mode")).to_have_count(1)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert violations(page) == {}
    page.get_by_role("button", name="Theme").click()
    expect(page.locator("html.dark-mode")).to_have_count(0)
    assert violations(page) == {}
    try_out(page)


def test_address_of_an_operation_opens_it(visit: Visit, watch: Watch) -> None:
    watch.allow("escaping deep link whitespace")  # an id with "_" may have been meant so
    page = visit()
    page.goto("/developers/api#/products/products_api_list_categories")
    expect(page.locator(".opblock.is-open")).to_contain_text("/api/v1/products/categories")


def violations(page: Page) -> dict[str, list[str]]:
    """What axe finds wrong with the page, by its rules, once its colours have changed."""
    wait_until(page, lambda: page.evaluate("document.getAnimations().length") == 0)
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return {one["id"]: [node["html"] for node in one["nodes"]] for one in result["violations"]}


def try_out(page: Page) -> None:
    """Ask for the categories, and see the answer."""
    operation = page.locator("[id='operations-products-products_api_list_categories']")
    operation.get_by_role("button").first.click()
    operation.get_by_role("button", name="Execute").click()
    answered = operation.locator(".live-responses-table tbody .response-col_status")
    expect(answered).to_contain_text("200")
