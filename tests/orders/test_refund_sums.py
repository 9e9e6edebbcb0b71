"""Random refunds of random orders never give back too much, and add up to the cent."""

from collections.abc import Callable

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.kit.db import session
from app.kit.errors import AppError
from app.kit.ids import new_id
from app.orders.service import capturing, delivering, refunding, returning
from app.orders.service.returning import Scope
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.orders.test_crashes import Die, die  # noqa: F401  # a fixture
from tests.orders.test_refunds import ask_again
from tests.support.bought import fill
from tests.support.crashing import KILLED
from tests.support.refunds import Bought, buy, cash, free_units
from tests.support.sale import SandboxControl, assert_promises_hold, start

Work = Callable[[], None]
EARNED = """SELECT coalesce(-sum(e.amount_minor), 0)::bigint FROM ledger_entry e
    JOIN ledger_account a ON a.id = e.account_id
    WHERE a.kind LIKE 'seller_%' OR a.kind = 'platform_revenue'"""
LINES = st.lists(
    st.tuples(st.integers(1, 3), st.integers(100, 4_999), st.integers(0, 9_999)),
    min_size=1,
    max_size=3,
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["line", "piece", "amount", "spread", "paypal"]),
        st.integers(0, 9),
        st.integers(1, 9_999),
    ),
    max_size=5,
)


def ordered(paypal: SandboxControl, lines: list[tuple[int, int, int]]) -> Bought:
    """An order of lines of quantity, price, and commission in basis points, each of a seller."""
    before = paypal.cash() - cash()
    pieces, rates = {}, {}
    for quantity, price, rate in lines:
        keys = [f"{new_id()}" for _number in range(quantity)]
        seller = make_user(roles=("seller",))
        product = make_product(seller, stock=keys, price_minor=price)
        pieces[product.id], rates[product.id] = quantity, rate
    buyer = make_user()
    fill(buyer, pieces)
    started = start(buyer)
    for product_id, rate in rates.items():
        session().execute(
            text(
                "UPDATE order_line SET commission_minor = quantity * unit_price_minor * :rate"
                " / 10000 WHERE product_id = :product"
            ),
            {"rate": rate, "product": product_id},
        )
    session().commit()
    paypal.approve(started.paypal_order_id)
    capturing.capture(order_id=started.order_id, buyer_id=buyer.id)
    delivering.deliver(order_id=started.order_id)
    return Bought(buyer, started.order_id, paypal, before)


def refund(bought: Bought, staff_id: object, scope: Scope) -> None:
    """Have staff refund, and PayPal do it; what is too much, or gone already, is refused."""
    try:
        refund_id = returning.refund(
            actor_id=staff_id,
            by_staff=True,
            order_id=bought.order_id,
            scope=scope,
            reason="At random",
        )
    except AppError:
        return
    assert refunding.ask(refund_id)


def take(bought: Bought, staff_id: object, step: tuple[str, int, int]) -> None:
    """Do one of the ways in which money goes back."""
    way, which, share = step
    lines = bought.order.lines
    line = lines[which % len(lines)]
    left = sum(one.left_minor for one in lines)
    match way:
        case "line":
            refund(bought, staff_id, Scope.within(line.id))
        case "piece":
            refund(bought, staff_id, Scope.within(line.id, frozenset({which % line.quantity + 1})))
        case "amount":
            refund(
                bought,
                staff_id,
                Scope.within(line.id, amount_minor=line.total_minor * share // 9_999),
            )
        case "spread":
            refund(bought, staff_id, Scope(amount_minor=left * share // 9_999 + 1))
        case "paypal" if left:
            minor = left * share // 9_999 or 1
            bought.paypal.refund(bought.capture_id, f"{minor // 100}.{minor % 100:02}")
            refunding.look(order_id=bought.order_id)


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(lines=LINES, steps=STEPS)
def test_random_refunds_add_up(
    app: Flask,
    paypal: SandboxControl,
    lines: list[tuple[int, int, int]],
    steps: list[tuple[str, int, int]],
) -> None:
    before = int(session().execute(text(EARNED)).scalar_one())
    bought = ordered(paypal, lines)
    staff_id = make_user(roles=("moderator",)).id
    total = bought.order.total_minor
    for step in steps:
        take(bought, staff_id, step)
        back = sum(one["gross_minor"] for one in paypal.refunds(bought.capture_id))
        assert back == bought.order.given_back_minor <= total
        bought.assert_books_agree()
    refund(bought, staff_id, Scope())
    assert bought.order.given_back_minor == total
    session().rollback()
    assert int(session().execute(text(EARNED)).scalar_one()) == before, "commission and shares"
    bought.assert_books_agree()
    assert_promises_hold()


@pytest.mark.parametrize(
    ("moment", "number"),
    [("before", 2), ("after", 2), ("before", 3), ("after", 3), ("before", 4)],
)
def test_worker_killed_between_commit_and_call_refunds_once(
    die: Die,  # noqa: F811  # the fixture
    paypal: SandboxControl,
    sweep: Work,
    drain: Work,
    moment: str,
    number: int,
) -> None:
    product = make_product(make_user(roles=("seller",)), stock=("A", "B"))
    bought = buy(paypal, make_user(), {product.id: 1})
    drain()
    returning.return_unopened(buyer_id=bought.buyer.id, order_id=bought.order_id)
    assert die("worker", moment, number) == KILLED
    ask_again()
    sweep()
    drain()
    assert [one.state.value for one in bought.refunds] == ["completed"]
    assert len(paypal.refunds(bought.capture_id)) == 1
    assert free_units(product.id) == 2
    bought.assert_books_agree()
    assert_promises_hold()
