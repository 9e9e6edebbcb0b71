"""A seller has earnings paid out, sees them arrive, and takes back what nobody claims."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.flows.conftest import Visit
from tests.flows.steps import log_in
from tests.support.payouts import Bank, seller
from tests.support.sale import SandboxControl

SLOW = 40_000  # PayPal is asked again after ten seconds, and the sweep comes by every five


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("scripts", [True, False])
def test_a_payout_arrives(visit: Visit, paypal: SandboxControl, scripts: bool) -> None:
    Bank(paypal)
    page = log_in(visit(java_script_enabled=scripts), seller())
    page.goto("/payments/payouts")
    expect(page.get_by_text("No payouts yet")).to_be_visible()
    page.get_by_role("button", name="Pay out €50.00 now").click()
    expect(page.get_by_text("Your payout is on its way.").last).to_be_visible()
    row = page.get_by_role("row").filter(has_text="anna@example.com")
    arrived = row.filter(has_text=re.compile("Paid"))
    if scripts:  # the part above the list follows by itself
        expect(page.get_by_text("In your PayPal account")).to_be_hidden(timeout=SLOW)
        page.reload()
    else:
        expect(arrived.or_(row)).to_be_visible()
        ends = time.monotonic() + SLOW / 1000
        while not arrived.count() and time.monotonic() < ends:
            page.reload()
    expect(arrived).to_be_visible()


@pytest.mark.usefixtures("data")
def test_unclaimed_is_taken_back(visit: Visit, paypal: SandboxControl) -> None:
    Bank(paypal)
    page = log_in(visit(), seller("anna+unclaimed@example.com"))
    page.goto("/payments/payouts")
    page.get_by_role("button", name="Pay out €50.00 now").click()
    expect(page.get_by_text("Nobody has claimed this payout")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Take it back").click()
    page.get_by_role("dialog").get_by_role("button", name="Take it back").click()
    expect(page.get_by_text("Your last payout came back").first).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("button", name="Pay out €50.00 now")).to_be_visible()
