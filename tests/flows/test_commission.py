"""An administrator sets what the shop takes, and a seller sees it before they list."""

import pytest
from playwright.sync_api import expect

from tests.factories.auth import make_user
from tests.flows.conftest import Visit, Watch
from tests.flows.steps import log_in, on_sale_of


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("scripts", [True, False])
def test_a_sellers_rate(visit: Visit, watch: Watch, scripts: bool) -> None:
    watch.allow("422")
    seller = make_user(roles=("seller",))
    product = on_sale_of(seller, kind="text", stock=())
    page = log_in(visit(java_script_enabled=scripts), make_user(roles=("admin",)))
    page.goto("/admin/commission")
    form = page.locator("form", has=page.get_by_role("heading", name="Rate of a seller"))
    form.get_by_label("Email or name of the seller").fill(seller.email)
    form.get_by_label("Commission").fill("many")
    form.get_by_role("button", name="Set the seller's rate").click()
    expect(page.get_by_text("Enter a percentage from 0 to 100, such as 12.5.")).to_be_visible()
    expect(page.get_by_label("Email or name of the seller")).to_have_value(seller.email)
    form.get_by_label("Commission").fill("12.5")
    form.get_by_role("button", name="Set the seller's rate").click()
    expect(page.get_by_text("What is ordered already keeps its commission.").last).to_be_visible()
    row = page.get_by_role("listitem").filter(has_text=seller.display_name)
    expect(row).to_contain_text("12.5%")
    theirs = log_in(visit(java_script_enabled=scripts), seller)
    theirs.goto(f"/products/{product.id}/edit")
    expect(theirs.get_by_text("Commission: 12.5% of the price.")).to_be_visible()
    expect(theirs.get_by_text("New sellers wait 7 days.")).to_be_visible()
    theirs.goto("/products/mine")
    expect(theirs.get_by_text("Commission 12.5%")).to_be_visible()
