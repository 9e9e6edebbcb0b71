"""For how long a seller's share is held: the rule, and where it is told."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.kit.db import session, transactional
from app.orders.queries.sales import sales_of
from app.payments.models import HoldReason
from app.payments.policy import Hold, Standing, hold_of
from app.payments.queries import standings_of
from app.payments.service import releasing
from app.products.service import commission
from tests.factories.auth import make_user
from tests.factories.products import make_category, make_product
from tests.support.bought import delivered, paid, words
from tests.support.disputes import decided, disputed, told
from tests.support.programs import program_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)
STANDARD, NEW = HoldReason.STANDARD, HoldReason.NEW_SELLER


@transactional
def run(statement: str) -> None:
    session().execute(text(statement))


@pytest.mark.parametrize(
    ("sales", "days", "changes", "hold"),
    [
        (0, None, {}, Hold(7, NEW)),
        (9, 31, {}, Hold(7, NEW)),
        (10, 29, {}, Hold(7, NEW)),
        (10, 30, {}, Hold(3, STANDARD)),
        (0, None, {"new_seller_sales": 0}, Hold(7, NEW)),
        (0, 30, {"new_seller_sales": 0}, Hold(3, STANDARD)),
        (10, 0, {"new_seller_days": 0}, Hold(3, STANDARD)),
        (0, None, {"new_seller_sales": 0, "new_seller_days": 0}, Hold(3, STANDARD)),
        (0, None, {"hold_days": 7}, Hold(7, STANDARD)),
        (0, None, {"hold_days": 14}, Hold(14, STANDARD)),
    ],
)
def test_the_longest_hold_that_applies_wins(
    app: Flask, sales: int, days: int | None, changes: dict[str, int], hold: Hold
) -> None:
    settings = app.extensions["settings"].model_copy(update=changes)
    first = None if days is None else NOW - timedelta(days=days)
    assert hold_of(Standing(sales, first), NOW, settings) == hold


@pytest.mark.parametrize(
    ("days", "changes", "hold"),
    [
        (0, {}, Hold(21, HoldReason.DISPUTE)),
        (89, {}, Hold(21, HoldReason.DISPUTE)),
        (90, {}, Hold(3, STANDARD)),
        (0, {"dispute_hold_within_days": 0}, Hold(3, STANDARD)),
        (0, {"hold_days": 30}, Hold(30, STANDARD)),
    ],
)
def test_after_a_dispute_it_is_longer(
    app: Flask, days: int, changes: dict[str, int], hold: Hold
) -> None:
    settings = app.extensions["settings"].model_copy(update=changes)
    long_ago = NOW - timedelta(days=365)
    standing = Standing(100, long_ago, NOW - timedelta(days=days))
    assert hold_of(standing, NOW, settings) == hold


def test_won_dispute_counts_no_more_and_the_rule_is_told(
    app: Flask, login: Callable[..., FlaskClient]
) -> None:
    seller = make_user(roles=("seller",))
    tea = make_product(seller, kind="text", price_minor=1000)
    order_id = delivered(make_user(), {tea.id: 1})
    claim = told(1000)
    disputed(order_id, claim)
    assert standings_of([seller.id])[seller.id].disputed_at is not None
    page = words(login(seller).get("/order/sales"))
    assert "After a dispute at PayPal that is open or lost, sellers wait 21 days" in page
    assert "For you it is 21 days now" in page
    disputed(order_id, decided(claim, "RESOLVED_SELLER_FAVOUR"))
    assert standings_of([seller.id])[seller.id].disputed_at is None


def test_a_seller_grows_out_of_the_longer_hold_and_reasons_stay(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = app.extensions["settings"].model_copy(update={"new_seller_sales": 1})
    monkeypatch.setitem(app.extensions, "settings", settings)
    seller = make_user(roles=("seller",))
    tea = make_product(seller, kind="text", price_minor=1000)
    run("UPDATE product SET refund_days = 0")
    paid(make_user(), {tea.id: 1})
    assert standings_of([seller.id])[seller.id].sales == 1
    run("UPDATE seller_earnings SET first_sale_at = first_sale_at - interval '30 days'")
    paid(make_user(), {tea.id: 1})
    newest, oldest = (sale.share for sale in sales_of(seller.id).items)
    assert (newest.hold_reason, oldest.hold_reason) == (STANDARD, NEW)
    assert timedelta(days=3.9) < oldest.release_at - newest.release_at < timedelta(days=4)
    run("UPDATE pending_share SET release_at = now()")
    assert releasing.release_due().done == 2
    newest, oldest = (sale.share for sale in sales_of(seller.id).items)
    assert newest.released_at
    assert (newest.hold_reason, oldest.hold_reason) == (STANDARD, NEW)


def test_sellers_of_one_order_are_held_each_by_their_own_standing(app: Flask) -> None:
    old, new = make_user(roles=("seller",)), make_user(roles=("seller",))
    tea = make_product(old, kind="text")
    ink = make_product(new, kind="text")
    run("UPDATE product SET refund_days = 0")
    paid(make_user(), {tea.id: 1})
    run("UPDATE seller_earnings SET sales = 10, first_sale_at = now() - interval '31 days'")
    paid(make_user(), {tea.id: 1, ink.id: 1})
    assert sales_of(old.id).items[0].share.hold_reason == STANDARD
    assert sales_of(new.id).items[0].share.hold_reason == NEW


def test_the_rule_is_told_before_one_lists(app: Flask, login: Callable[..., FlaskClient]) -> None:
    for browser, path in (
        (login(make_user(roles=("seller",))), "/products/new"),
        (login(make_user()), "/auth/selling"),
    ):
        shown = words(browser.get(path))
        assert "Earnings become available 3 days after each sale. New sellers wait 7 days." in shown
        assert "until they have made 10 sales and 30 days have passed since the first" in shown


def test_categories_with_another_commission_are_told_to_who_begins(
    app: Flask, login: Callable[..., FlaskClient]
) -> None:
    admin, shelf = make_user(roles=("admin",)), make_category(name="Maps")
    commission.set_of_category(admin_id=admin.id, category_id=shelf.id, basis_points=1550)
    shown = words(login(make_user()).get("/auth/selling"))
    assert "You receive 90% of each sale." in shown
    assert "Commission by category: Maps 15.5%" in shown


def test_programs_are_told(app: Flask) -> None:
    seller = make_user(roles=("seller",))
    program = program_of(app, seller)
    balance = program.get("/payments/balance").json
    assert (balance["hold_days"], balance["hold_reason"]) == (7, "new_seller")
    tea = make_product(seller, kind="text")
    run("UPDATE product SET refund_days = 0")
    paid(make_user(), {tea.id: 1})
    [sale] = program.get("/payments/sales").json["items"]
    assert sale["hold_reason"] == "new_seller"
