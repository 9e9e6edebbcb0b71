"""What goes back of sales is taken from where it is, adds up to the cent, and can come back."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.kit import promises
from app.kit.db import session
from app.kit.ids import new_id
from app.kit.money import Money
from app.payments.errors import BalanceTooLow
from app.payments.models import HoldReason, Movement
from app.payments.policy import Release
from app.payments.queries import Earnings, earnings_of
from app.payments.service import payout_entries, releasing, sales, shares
from app.payments.service.payout_entries import Outgoing
from app.payments.service.shares import Part
from tests.factories.auth import make_user

PAST = datetime.now(UTC) - timedelta(days=1)
FUTURE = datetime.now(UTC) + timedelta(days=3)
BOOKS = {
    "every ledger transaction sums to zero",
    "what waits to be released is what sellers' pending accounts hold",
    "what accounts hold is what was booked on them",
    "each entry of a seller tells what the account then held",
    "what sellers' earnings call given back is what was booked so",
}


def sell(seller_id: UUID, *, release_at: datetime, gross: int = 1000, cut: int = 100) -> UUID:
    """Sell one line, released if its hold is over; returns its id."""
    line_id = new_id()
    sales.book_sale(
        payment_id=new_id(),
        gross=Money(gross, "EUR"),
        fee_minor=0,
        lines=[sales.SaleLine(line_id, seller_id, 1, gross, cut)],
        releases=defaultdict(lambda: Release(release_at, HoldReason.STANDARD)),
    )
    releasing.release_due()
    return line_id


def owed(seller_id: UUID) -> tuple[int, int, int, int]:
    """Pending, available, in payout, disputed."""
    found = earnings_of(seller_id=seller_id, currency="EUR")
    return (
        found.pending_minor,
        found.available_minor,
        found.in_payout_minor,
        found.disputed_minor,
    )


def cash_and_held() -> tuple[int, int]:
    rows = session().execute(
        text("""SELECT a.kind, sum(b.balance_minor)::bigint FROM account_balance b
            JOIN ledger_account a ON a.id = b.account_id GROUP BY 1""")
    )
    found = {row.kind: row.sum for row in rows}
    return found.get("paypal_cash", 0), found.get("paypal_held", 0)


def reverse(part: Part, movement: Movement = Movement.REFUND) -> UUID:
    reference = new_id()
    shares.reverse(movement=movement, reference=reference, currency="EUR", parts=[part])
    return reference


class TestReverse:
    def test_pending_share_gives_back_and_less_is_released(self, app: Flask) -> None:
        seller = make_user(roles=("seller",)).id
        line = sell(seller, release_at=FUTURE)
        reverse(Part(line, seller, 400, 40))
        assert owed(seller) == (540, 0, 0, 0)
        session().execute(text("UPDATE pending_share SET release_at = now()"))
        session().commit()
        releasing.release_due()
        assert owed(seller) == (0, 540, 0, 0)

    def test_what_was_paid_out_is_owed_by_the_seller(self, app: Flask) -> None:
        seller = make_user(roles=("seller",)).id
        line = sell(seller, release_at=PAST)
        payout = new_id()
        payouts = [Outgoing(payout, seller, 900, fee_minor=25)]
        payout_entries.start_payouts("EUR", payouts)
        payout_entries.pay_out("EUR", payouts)
        reverse(Part(line, seller, 1000, 100))
        assert owed(seller) == (0, -900, 0, 0)
        sell(seller, release_at=PAST)
        assert owed(seller) == (0, 0, 0, 0)

    def test_what_did_not_go_back_waits_for_its_hold_again(self, app: Flask) -> None:
        seller = make_user(roles=("seller",)).id
        waiting, released = sell(seller, release_at=FUTURE), sell(seller, release_at=PAST)
        for line in (waiting, released):
            part = Part(line, seller, 1000, 100)
            refund = reverse(part)
            shares.restore(
                movement=Movement.REFUND_FAILED, reference=refund, currency="EUR", parts=[part]
            )
        assert owed(seller) == (900, 900, 0, 0)
        found = earnings_of(seller_id=seller, currency="EUR")
        assert (found.gross_back_minor, found.commission_back_minor) == (0, 0)


class TestDisputes:
    @pytest.mark.parametrize("release_at", [PAST, FUTURE])
    def test_held_money_is_apart_and_comes_back_to_where_it_was(
        self, app: Flask, release_at: datetime
    ) -> None:
        seller = make_user(roles=("seller",)).id
        line = sell(seller, release_at=release_at)
        before, dispute = owed(seller), new_id()
        parts = [Part(line, seller, 600, 60)]
        shares.hold(reference=dispute, currency="EUR", parts=parts)
        assert owed(seller)[3] == 540
        assert sum(owed(seller)) == 900
        assert cash_and_held() == (400, 600)
        shares.free(reference=dispute, currency="EUR", parts=parts)
        assert owed(seller) == before
        assert cash_and_held() == (1000, 0)

    def test_lost_money_is_gone_with_the_fee(self, app: Flask) -> None:
        seller = make_user(roles=("seller",)).id
        line = sell(seller, release_at=PAST)
        dispute, parts = new_id(), [Part(line, seller, 1000, 100)]
        shares.hold(reference=dispute, currency="EUR", parts=parts)
        shares.lose(reference=dispute, currency="EUR", parts=parts)
        shares.book_dispute_fee(reference=dispute, fee=Money(1400, "EUR"))
        assert owed(seller) == (0, 0, 0, 0)
        assert cash_and_held() == (-1400, 0)
        assert earnings_of(seller_id=seller, currency="EUR") == Earnings(
            1, 1, 1000, 100, gross_back_minor=1000, commission_back_minor=100
        )


class TestPayouts:
    def test_more_than_is_available_is_refused(self, app: Flask) -> None:
        seller = make_user(roles=("seller",)).id
        sell(seller, release_at=PAST)
        sell(seller, release_at=FUTURE)
        with pytest.raises(BalanceTooLow):
            payout_entries.start_payouts("EUR", [Outgoing(new_id(), seller, 901)])
        assert owed(seller) == (900, 900, 0, 0)

    def test_what_came_back_is_available_again(self, app: Flask) -> None:
        seller = make_user(roles=("seller",)).id
        sell(seller, release_at=PAST)
        undone, returned = (Outgoing(new_id(), seller, 400, fee_minor=25) for _ in range(2))
        for payout in (undone, returned):
            payout_entries.start_payouts("EUR", [payout])
        assert owed(seller) == (0, 100, 800, 0)
        payout_entries.undo_payouts("EUR", [undone])
        payout_entries.pay_out("EUR", [returned])
        assert cash_and_held() == (575, 0)
        payout_entries.return_payouts("EUR", [returned])
        assert owed(seller) == (0, 900, 0, 0)
        assert cash_and_held() == (1000, 0)

    def test_many_of_different_sellers_are_booked_at_once(self, app: Flask) -> None:
        sellers = [make_user(roles=("seller",)).id for _ in range(3)]
        for seller in sellers:
            sell(seller, release_at=PAST)
        payouts = [Outgoing(new_id(), seller, 900, fee_minor=18) for seller in sellers]
        payout_entries.start_payouts("EUR", payouts)
        payout_entries.pay_out("EUR", payouts)
        assert [owed(seller) for seller in sellers] == [(0, 0, 0, 0)] * 3
        assert cash_and_held() == (3 * (1000 - 918), 0)
        same = [Outgoing(new_id(), sellers[0], 1) for _ in range(2)]
        with pytest.raises(RuntimeError):
            payout_entries.start_payouts("EUR", same)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    acts=st.lists(
        st.tuples(
            st.sampled_from(["refund", "refund_failed", "won", "lost", "chargeback"]),
            st.integers(0, 2),
            st.integers(1, 500),
        ),
        max_size=6,
    )
)
def test_books_hold_whatever_goes_back(app: Flask, acts: list[tuple[str, int, int]]) -> None:
    sellers = [make_user(roles=("seller",)).id for _number in range(3)]
    lines = [
        sell(seller, release_at=release_at, gross=10_000, cut=999)
        for seller, release_at in zip(sellers, (PAST, FUTURE, PAST), strict=True)
    ]
    back = dict.fromkeys(lines, 0)
    for act, at, gross in acts:
        line, reference = lines[at], new_id()
        cut = (back[line] + gross) * 999 // 10_000 - back[line] * 999 // 10_000
        parts = [Part(line, sellers[at], gross, cut)]
        if act in {"won", "lost"}:
            shares.hold(reference=reference, currency="EUR", parts=parts)
            end = shares.free if act == "won" else shares.lose
            end(reference=reference, currency="EUR", parts=parts)
        else:
            movement = Movement.CHARGEBACK if act == "chargeback" else Movement.REFUND
            shares.reverse(movement=movement, reference=reference, currency="EUR", parts=parts)
            if act == "refund_failed":
                shares.restore(
                    movement=Movement.REFUND_FAILED,
                    reference=reference,
                    currency="EUR",
                    parts=parts,
                )
        if act not in {"won", "refund_failed"}:
            back[line] += gross
    for seller, line in zip(sellers, lines, strict=True):
        gone = back[line] - back[line] * 999 // 10_000
        assert sum(owed(seller)) == 9_001 - gone
    broken = [one.name for one in promises.check() if one.name in BOOKS and not one.holds]
    assert broken == []
