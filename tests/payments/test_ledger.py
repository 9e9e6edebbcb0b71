"""The ledger: what a sale and a release book, and that nothing booked can change."""

from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.auth.service import moderation
from app.kit.db import session
from app.kit.ids import new_id
from app.kit.money import Money, commission
from app.kit.sweeping import Swept
from app.payments.models import HoldReason
from app.payments.policy import Release
from app.payments.queries import Earnings, earnings_of
from app.payments.service import releasing
from app.payments.service import sales as booking
from app.payments.service.sales import SaleLine
from tests.factories.auth import make_user

PAST = datetime.now(UTC) - timedelta(days=1)
FUTURE = datetime.now(UTC) + timedelta(days=3)


def balances() -> dict[tuple[str, UUID | None], int]:
    rows = session().execute(
        text("""SELECT a.kind, a.owner_id, sum(e.amount_minor)::bigint
            FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id GROUP BY 1, 2""")
    )
    return {(kind, owner): minor for kind, owner, minor in rows}


def all_at(moment: datetime) -> Mapping[UUID, Release]:
    """The same release for everybody."""
    return defaultdict(lambda: Release(moment, HoldReason.STANDARD))


def book(seller_id: UUID, gross: int, fee: int, cut: int, release_at: datetime = FUTURE) -> UUID:
    payment_id = new_id()
    booking.book_sale(
        payment_id=payment_id,
        gross=Money(gross, "EUR"),
        fee_minor=fee,
        lines=[SaleLine(new_id(), seller_id, 1, gross, cut)],
        releases=all_at(release_at),
    )
    return payment_id


class TestBookSale:
    def test_sale_books_cash_fee_commission_and_share(self, app: Flask) -> None:
        seller = make_user(roles=("seller",))
        book(seller.id, 1000, 84, 100)
        assert balances() == {
            ("paypal_cash", None): 916,
            ("paypal_fees", None): 84,
            ("platform_revenue", None): -100,
            ("seller_pending", seller.id): -900,
        }

    def test_no_commission_books_no_empty_entry(self, app: Flask) -> None:
        seller = make_user(roles=("seller",))
        book(seller.id, 1000, 84, 0)
        assert ("platform_revenue", None) not in balances()

    def test_lines_that_are_not_the_sum_are_refused(self, app: Flask) -> None:
        seller = make_user(roles=("seller",))
        with pytest.raises(RuntimeError):
            booking.book_sale(
                payment_id=new_id(),
                gross=Money(1000, "EUR"),
                fee_minor=84,
                lines=[SaleLine(new_id(), seller.id, 1, 999, 100)],
                releases=all_at(FUTURE),
            )
        assert balances() == {}

    def test_second_booking_of_a_payment_is_refused_by_the_database(self, app: Flask) -> None:
        seller = make_user(roles=("seller",))
        payment_id = book(seller.id, 1000, 84, 100)
        with pytest.raises(DBAPIError, match="uq_ledger_transaction_kind_reference"):
            booking.book_sale(
                payment_id=payment_id,
                gross=Money(1000, "EUR"),
                fee_minor=84,
                lines=[SaleLine(new_id(), seller.id, 1, 1000, 100)],
                releases=all_at(FUTURE),
            )
        assert balances()[("paypal_cash", None)] == 916

    @settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        lines=st.lists(
            st.tuples(st.integers(1, 10**9), st.integers(0, 10_000)), min_size=1, max_size=6
        ),
        fee_part=st.integers(0, 1000),
    )
    def test_any_sale_sums_to_zero_and_loses_no_cent(
        self, app: Flask, lines: list[tuple[int, int]], fee_part: int
    ) -> None:
        before = balances()
        sellers = [make_user(roles=("seller",)) for _line in lines]
        sold = [
            SaleLine(new_id(), seller.id, 1, gross, commission(gross, basis_points))
            for seller, (gross, basis_points) in zip(sellers, lines, strict=True)
        ]
        gross = sum(line.gross_minor for line in sold)
        booking.book_sale(
            payment_id=new_id(),
            gross=Money(gross, "EUR"),
            fee_minor=gross * fee_part // 1000,
            lines=sold,
            releases=all_at(FUTURE),
        )
        after = balances()
        assert sum(after.values()) == 0
        for line in sold:
            share = -after.get(("seller_pending", line.seller_id), 0)
            assert share + line.commission_minor == line.gross_minor
        paid_in = ("paypal_cash", None), ("paypal_fees", None)
        assert sum(after.get(key, 0) - before.get(key, 0) for key in paid_in) == gross


class TestEarnings:
    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        sales=st.lists(
            st.lists(
                st.tuples(st.integers(0, 2), st.integers(1, 100), st.integers(1, 10**9)),
                min_size=1,
                max_size=4,
            ),
            min_size=1,
            max_size=5,
        ),
        basis_points=st.sampled_from([0, 1, 1000, 10_000]),
        are_due=st.lists(st.booleans(), min_size=5, max_size=5),
    )
    def test_are_the_sums_of_all_that_was_sold_and_released(
        self,
        app: Flask,
        sales: list[list[tuple[int, int, int]]],
        basis_points: int,
        are_due: list[bool],
    ) -> None:
        sellers = [make_user(roles=("seller",)).id for _number in range(3)]
        expected = dict.fromkeys(sellers, Earnings())
        for lines, is_due in zip(sales, are_due, strict=False):
            sold = [
                SaleLine(new_id(), sellers[at], pieces, gross, commission(gross, basis_points))
                for at, pieces, gross in lines
            ]
            booking.book_sale(
                payment_id=new_id(),
                gross=Money(sum(line.gross_minor for line in sold), "EUR"),
                fee_minor=0,
                lines=sold,
                releases=all_at(PAST if is_due else FUTURE),
            )
            for line in sold:
                before = expected[line.seller_id]
                expected[line.seller_id] = Earnings(
                    before.sales + 1,
                    before.pieces + line.pieces,
                    before.gross_minor + line.gross_minor,
                    before.commission_minor + line.commission_minor,
                    pending_minor=before.pending_minor + (0 if is_due else line.share_minor),
                    available_minor=before.available_minor + (line.share_minor if is_due else 0),
                )
        releasing.release_due()
        found = {seller: earnings_of(seller_id=seller, currency="EUR") for seller in sellers}
        assert found == expected

    def test_sales_of_the_same_sellers_at_once_are_all_counted(
        self, app: Flask, application: Flask
    ) -> None:
        with application.app_context():
            sellers = [make_user(roles=("seller",)).id for _number in range(2)]

        def sell(turn: int) -> None:
            with application.app_context():
                lines = [SaleLine(new_id(), seller, 1, 1000, 100) for seller in sellers]
                booking.book_sale(
                    payment_id=new_id(),
                    gross=Money(2000, "EUR"),
                    fee_minor=0,
                    lines=lines if turn % 2 else lines[::-1],
                    releases=all_at(FUTURE),
                )

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(sell, range(40)))
        with application.app_context():
            for seller in sellers:
                found = earnings_of(seller_id=seller, currency="EUR")
                assert found == Earnings(40, 40, 40_000, 4_000, pending_minor=36_000)


class TestReleaseDue:
    def test_share_becomes_available_once_its_hold_is_over(self, app: Flask) -> None:
        seller = make_user(roles=("seller",))
        book(seller.id, 1000, 84, 100, PAST)
        book(seller.id, 500, 60, 50, FUTURE)
        assert releasing.release_due() == Swept(done=1, failed=0)
        assert releasing.release_due() == Swept(done=0, failed=0)
        assert balances()[("seller_available", seller.id)] == -900
        assert balances()[("seller_pending", seller.id)] == -450

    def test_share_of_a_banned_seller_is_held_until_the_ban_ends(self, app: Flask) -> None:
        banned, seller = make_user(roles=("seller",)), make_user(roles=("seller",))
        book(banned.id, 1000, 84, 100, PAST)
        book(seller.id, 500, 60, 50, PAST)
        moderation.ban_user(user_id=banned.id)
        assert releasing.release_due().done == 1
        assert ("seller_available", banned.id) not in balances()
        moderation.unban_user(user_id=banned.id)
        assert releasing.release_due().done == 1
        assert balances()[("seller_available", banned.id)] == -900

    def test_shares_of_a_banned_seller_hold_up_nobody_else(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(releasing, "RELEASE_LIMIT", 1)
        banned, seller = make_user(roles=("seller",)), make_user(roles=("seller",))
        for _sale in range(3):
            book(banned.id, 1000, 84, 100, PAST - timedelta(days=1))
        book(seller.id, 500, 60, 50, PAST)
        moderation.ban_user(user_id=banned.id)
        assert releasing.release_due().done == 1
        assert balances()[("seller_available", seller.id)] == -450

    def test_a_share_that_can_not_be_released_holds_up_no_other(self, app: Flask) -> None:
        first, second = make_user(roles=("seller",)), make_user(roles=("seller",))
        for seller in (first, second):
            book(seller.id, 1000, 84, 100, PAST)
        session().execute(  # as if it had been released before: it can't happen a second time
            text("""WITH t AS (INSERT INTO ledger_transaction (id, kind, reference)
                    SELECT gen_random_uuid(), 'release', s.id FROM pending_share s
                    JOIN ledger_account a ON a.id = s.account_id WHERE a.owner_id = :first
                    RETURNING id)
                INSERT INTO ledger_entry (transaction_id, account_id, amount_minor)
                SELECT t.id, a.id, x.minor FROM t, ledger_account a, (VALUES (1), (-1)) x(minor)
                WHERE a.kind = 'paypal_cash'"""),
            {"first": first.id},
        )
        session().commit()
        assert releasing.release_due() == Swept(done=1, failed=1)
        assert balances()[("seller_available", second.id)] == -900

    def test_released_history_is_not_read(self, app: Flask, query_counter: list[str]) -> None:
        seller = make_user(roles=("seller",))
        book(seller.id, 1000, 84, 100, PAST)
        assert releasing.release_due().done == 1
        query_counter.clear()
        assert releasing.release_due().done == 0
        assert len(query_counter) == 1
        assert "ledger_entry" not in query_counter[0]
        assert "ledger_transaction" not in query_counter[0]


class TestAppendOnly:
    @pytest.mark.parametrize("table", ["ledger_entry", "ledger_transaction", "ledger_account"])
    @pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET id = id"])
    def test_what_is_booked_can_not_be_changed(self, app: Flask, table: str, change: str) -> None:
        book(make_user(roles=("seller",)).id, 1000, 84, 100)
        with pytest.raises(DBAPIError):
            session().execute(text(change.format(table)))
        session().rollback()

    def test_unbalanced_transaction_is_refused_at_commit(self, app: Flask) -> None:
        payment_id = book(make_user(roles=("seller",)).id, 1000, 84, 100)
        session().execute(
            text("""INSERT INTO ledger_entry (transaction_id, account_id, amount_minor)
                SELECT t.id, a.id, 1 FROM ledger_transaction t, ledger_account a
                WHERE t.reference = :payment AND a.kind = 'paypal_cash'"""),
            {"payment": payment_id},
        )
        with pytest.raises(DBAPIError, match="does not sum to zero"):
            session().commit()
        session().rollback()

    def test_transaction_without_entries_is_refused_at_commit(self, app: Flask) -> None:
        session().execute(
            text("INSERT INTO ledger_transaction (id, kind, reference) VALUES (:id, 'sale', :id)"),
            {"id": new_id()},
        )
        with pytest.raises(DBAPIError, match="has no entries"):
            session().commit()
        session().rollback()
