"""The comparison with PayPal's list: to the cent, and what differs until it does no more."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from app.kit.db import session
from app.kit.ids import new_id
from app.kit.money import Money
from app.orders.service import capturing, refunding, returning
from app.payments.models import Movement
from app.payments.models.reconciling import Difference
from app.payments.paypal.lists import Lists
from app.payments.queries.reconciling import DifferenceKind, differences, sides_of
from app.payments.service import reconciling, shares
from app.payments.service.shares import Part
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support import refunds
from tests.support.bought import delivered, words
from tests.support.harm import broken
from tests.support.programs import program_of
from tests.support.sale import SandboxControl, fill_basket, start

Login = Callable[..., FlaskClient]
AGREES = "PayPal's list of transactions and the ledger agree"


@pytest.fixture
def since(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """From when on this test's transactions are; what was a moment ago is compared, too.

    PayPal's list tells whole seconds.
    """
    monkeypatch.setattr(reconciling, "SLACK", timedelta(0))
    return datetime.now(UTC).replace(microsecond=0)


def compare(since: datetime) -> int:
    """Compare all of this test with what PayPal lists."""
    found = reconciling.compare(start=since, end=datetime.now(UTC) + timedelta(seconds=10))
    session().rollback()
    return found


def buy(paypal: SandboxControl) -> None:
    """A sale at the sandbox."""
    buyer, seller = make_user(), make_user(roles=("seller",))
    fill_basket(buyer, make_product(seller, stock=("A",)).id)
    started = start(buyer)
    paypal.approve(started.paypal_order_id)
    capturing.capture(buyer_id=buyer.id, order_id=started.order_id)


def sell_without_paypal(key: str = "A") -> None:
    """A sale that PayPal has never heard of."""
    delivered(make_user(), {make_product(make_user(roles=("seller",)), stock=(key,)).id: 1})
    unheard_of = "upper(right(replace(id::text, '-', ''), 17))"
    session().execute(text(f"UPDATE payment SET paypal_capture_id = {unheard_of}"))
    session().commit()


def move_at_paypal(paypal: SandboxControl, minor: int) -> None:
    """Take money to the bank, in PayPal's own pages."""
    body = {"code": "T0400", "minor": minor}
    requests.post(f"{paypal.url}/sandbox/transactions", json=body, timeout=10).raise_for_status()


class TestComparison:
    def test_sales_agree_to_the_cent(self, paypal: SandboxControl, since: datetime) -> None:
        buy(paypal)
        assert compare(since) == 0
        assert session().scalar(text("SELECT count(*) FROM paypal_transaction")) == 1
        assert compare(since) == 0

    def test_refunds_and_disputes_are_about_their_payment(
        self, paypal: SandboxControl, since: datetime
    ) -> None:
        buy(paypal)
        refund, dispute = new_id(), new_id()
        [line] = session().execute(text("SELECT id, seller_id FROM order_line")).all()
        parts = [Part(line.id, line.seller_id, 200, 20)]
        shares.reverse(movement=Movement.REFUND, reference=refund, currency="EUR", parts=parts)
        shares.hold(reference=dispute, currency="EUR", parts=parts)
        shares.free(reference=dispute, currency="EUR", parts=parts)
        shares.book_dispute_fee(reference=dispute, fee=Money(15, "EUR"))
        assert compare(since) == 1
        [one] = differences().items
        assert one.kind is DifferenceKind.AMOUNT
        assert one.difference_minor == 215
        sides = sides_of([one.subject_id])[one.subject_id]
        assert [line.movement for line in sides.ours] == [
            Movement.SALE,
            Movement.REFUND,
            Movement.DISPUTE_HOLD,
            Movement.DISPUTE_WON,
            Movement.DISPUTE_FEE,
        ]

    def test_what_only_we_have_is_found_once_mailed_once_and_closes_when_it_is_there(
        self, app: Flask, paypal: SandboxControl, since: datetime
    ) -> None:
        make_user(roles=("admin",))
        sell_without_paypal()
        assert compare(since) == 1
        assert compare(since) == 0
        [one] = differences().items
        assert (one.kind, one.theirs_minor) == (DifferenceKind.ONLY_HERE, 0)
        assert one.difference_minor == -one.ours_minor < 0
        listeners = text("SELECT count(*) FROM outbox WHERE listener = 'mail.differences'")
        assert session().scalar(listeners) == 1
        assert AGREES in broken()
        session().execute(
            text("""INSERT INTO paypal_transaction (transaction_id, code, currency, amount_minor,
                fee_minor, initiated_at, subject_id)
                SELECT 'LATE', 'T0006', 'EUR', amount_minor, -fee_minor, now(), id FROM payment""")
        )
        session().commit()
        assert compare(since) == 0
        assert differences().items == []
        [one] = differences(closed=True).items
        assert one.corrected_minor is None
        assert AGREES not in broken()

    def test_what_only_paypal_has_is_told_and_booked_for_a_reason(
        self,
        app: Flask,
        paypal: SandboxControl,
        since: datetime,
        login: Login,
        query_counter: list[str],
    ) -> None:
        buy(paypal)
        move_at_paypal(paypal, -250)
        assert compare(since) == 1
        browser = login(make_user(roles=("admin",)))
        query_counter.clear()
        shown = words(browser.get("/payments/differences"))
        assert len(query_counter) <= 6
        assert "PayPal lists -€2.50 that the shop has not booked" in shown.replace(
            "\N{MINUS SIGN}", "-"
        )
        [one] = differences().items
        address = f"/payments/differences/{one.id}"
        shown = words(browser.get(address))
        assert "T0400" in shown
        assert "If you moved this money yourself" in shown
        refused = browser.post(address, data={"reason": "x"})
        assert refused.status_code == 422
        assert "Say why" in words(refused)
        assert browser.post(address, data={"reason": "To our bank"}).status_code == 303
        assert "To our bank" in words(browser.get(address))
        assert browser.post(address, data={"reason": "Again"}).status_code == 404
        assert compare(since) == 0
        assert differences().items == []
        cash = text("""SELECT sum(balance_minor)::bigint FROM account_balance b
            JOIN ledger_account a ON a.id = b.account_id WHERE a.kind = 'differences'""")
        assert session().scalar(cash) == 250

    def test_what_was_booked_otherwise_shows_both_amounts(
        self, app: Flask, paypal: SandboxControl, since: datetime
    ) -> None:
        buy(paypal)
        compare(since)
        session().execute(text("UPDATE paypal_transaction SET amount_minor = amount_minor - 7"))
        session().commit()
        # Of what PayPal lists now, nothing is of the time that is compared.
        after = datetime.now(UTC) + timedelta(hours=1)
        subject = session().scalar(text("SELECT subject_id FROM paypal_transaction"))
        assert reconciling._compare([subject], before=after) == (1, 0)
        program = program_of(app, make_user(roles=("admin",)))
        [one] = program.get("/admin/payments/differences").json["items"]
        assert one["kind"] == "amount"
        assert one["ours"]["minor"] - one["theirs"]["minor"] == 7
        path = f"/admin/payments/differences/{one['id']}"
        assert program.post(f"{path}/book", json={"reason": ""}).status_code == 422
        booked = program.post(f"{path}/book", json={"reason": "A rounding of PayPal's"}).json
        assert booked["corrected"]["minor"] == -7
        assert booked["closed_at"] is not None

    def test_what_moves_meanwhile_is_left_to_the_next_night(
        self, paypal: SandboxControl, since: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reconciling, "SLACK", timedelta(minutes=10))
        sell_without_paypal()
        assert compare(since) == 0
        assert session().scalars(select(Difference)).all() == []

    def test_paypal_is_asked_about_so_many_that_it_does_not_list(
        self, paypal: SandboxControl, since: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reconciling, "LOOKED_AT_AGAIN", 1)
        asked = []
        transactions = Lists.transactions

        def counted(lists: Lists, *times: datetime, **about: str) -> object:
            asked.append(about)
            return transactions(lists, *times, **about)

        monkeypatch.setattr(Lists, "transactions", counted)
        for key in ("A", "B"):
            sell_without_paypal(key)
        assert compare(since) == 2
        assert [bool(about) for about in asked] == [False, True]


class TestByTheClock:
    def test_a_shop_has_no_days_to_compare_before_its_first_payment(
        self, paypal: SandboxControl, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reconciling, "LISTED_AFTER", timedelta(0))
        monkeypatch.setattr(
            reconciling, "compare", lambda **_time: pytest.fail("nothing to compare")
        )
        assert reconciling.reconcile() == 0
        buy(paypal)
        assert reconciling.reconcile() == 0
        assert AGREES not in broken()

    def test_days_are_compared_once_up_to_the_last_midnight(
        self, paypal: SandboxControl, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reconciling, "LISTED_AFTER", timedelta(0))
        monkeypatch.setattr(reconciling, "AT_FIRST", timedelta(hours=12))
        buy(paypal)
        session().execute(text("UPDATE payment SET created_at = now() - interval '3 days'"))
        session().commit()
        assert reconciling.reconcile() == 0
        until = text("SELECT until FROM progress WHERE name = 'transactions'")
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        assert session().scalar(until) == midnight
        session().rollback()
        monkeypatch.setattr(reconciling, "compare", lambda **_time: pytest.fail("compared twice"))
        assert reconciling.reconcile() == 0


def test_refunds_agree_whoever_made_them(
    paypal: SandboxControl, since: datetime, drain: Callable[[], None]
) -> None:
    bought = refunds.buy(
        paypal, make_user(), {make_product(make_user(roles=("seller",)), stock=("A", "B")).id: 2}
    )
    for fault in ("pending_refund", ""):
        if fault:
            paypal.fault(fault)
        returning.return_unopened(
            buyer_id=bought.buyer.id,
            order_id=bought.order_id,
            delivery_id=next(piece.id for piece in bought.pieces if piece.can_return),
        )
        drain()
    assert compare(since) == 0
    [pending] = [one for one in bought.refunds if one.state == "pending"]
    paypal.end_refund(pending.paypal_refund_id or "", "fail")
    refunding.look(order_id=bought.order_id)
    paypal.refund(bought.capture_id, "1.50")
    refunding.look(order_id=bought.order_id)
    assert compare(since) == 0
