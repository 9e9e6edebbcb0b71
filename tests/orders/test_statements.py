"""A seller's statements add up, whatever moved; and cost the same however much was booked."""

import csv
import io
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.kit import tables
from app.kit.ids import ids_from, new_id
from app.kit.money import Money
from app.kit.months import Month
from app.orders.queries.statements import every_entry_in
from app.payments.errors import BalanceTooLow
from app.payments.models import AccountKind, HoldReason, Movement
from app.payments.policy import Release
from app.payments.queries import earnings_of
from app.payments.queries.books import standing
from app.payments.queries.income import platform_income, seller_income
from app.payments.queries.statements import entries_of, statement_of
from app.payments.service import ledger, payout_entries, releasing, sales, shares
from app.payments.service.payout_entries import Outgoing
from app.payments.service.shares import Part
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.bought import delivered, words
from tests.support.programs import program_of

Login = Callable[..., FlaskClient]
PAST = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = datetime(2026, 7, 30, 23, 59, 50, tzinfo=UTC)
MONTHS = [Month(2026, 6), Month(2026, 7)]


@pytest.fixture
def book_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Have movements be made at a moment: their ids tell it."""
    turn = iter(range(1, 1 << 40))

    def book_at(moment: datetime) -> None:
        monkeypatch.setattr(
            ledger, "new_id", lambda: UUID(int=ids_from(moment).int | 7 << 76 | next(turn))
        )

    return book_at


def sell(seller_id: UUID, gross: int, cut: int) -> Part:
    """Sell one line whose hold is over; what could go back of it."""
    line_id = new_id()
    sales.book_sale(
        payment_id=new_id(),
        gross=Money(gross, "EUR"),
        fee_minor=gross // 30,
        lines=[sales.SaleLine(line_id, seller_id, 1, gross, cut)],
        releases=defaultdict(lambda: Release(PAST, HoldReason.STANDARD)),
    )
    return Part(line_id, seller_id, gross, cut)


def move(what: str, seller_id: UUID, sold: list[Part], amount: int) -> None:
    """One movement, if there is anything to move."""
    if what == "sale":
        sold.append(sell(seller_id, amount, amount // 10))
    elif what == "release":
        releasing.release_due()
    elif what == "payout":
        payouts = [Outgoing(new_id(), seller_id, amount, fee_minor=2)]
        try:
            payout_entries.start_payouts("EUR", payouts)
        except BalanceTooLow:
            return
        payout_entries.pay_out("EUR", payouts)
    elif sold:
        part = sold.pop()
        if what == "refund":
            shares.reverse(
                movement=Movement.REFUND, reference=new_id(), currency="EUR", parts=[part]
            )
        else:
            dispute = {"reference": new_id(), "currency": "EUR", "parts": [part]}
            shares.hold(**dispute)
            (shares.lose if what == "lost" else shares.free)(**dispute)


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["sale", "sale", "release", "payout", "refund", "lost", "won"]),
        st.integers(1, 10**6),
        st.integers(0, 20 * 24 * 3600),  # seconds since the last
    ),
    min_size=1,
    max_size=10,
)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(moves=MOVES)
def test_months_follow_on_each_other_and_add_up(
    app: Flask, book_at: Callable[[datetime], None], moves: list[tuple[str, int, int]]
) -> None:
    seller_id, at, sold = make_user(roles=("seller",)).id, FIRST, []
    for what, amount, seconds in moves:
        at += timedelta(seconds=seconds)
        book_at(at)
        move(what, seller_id, sold, amount)
    months = [*MONTHS]
    while months[-1] <= Month.of(at):
        months.append(months[-1].next)
    held: dict[AccountKind, int] = defaultdict(int)
    paid_out = 0
    for month in months:
        own = {"seller_id": seller_id, "currency": "EUR", "month": month}
        found = statement_of(**own)
        entries = list(every_entry_in(**own))
        paid_out -= found.moved.get(Movement.PAYOUT_PAID, 0)
        for one in found.accounts:
            assert one.opening_minor == held[one.account]
            assert one.opening_minor + sum(one.moved.values()) == one.closing_minor
            mine = [entry for entry in entries if entry.account is one.account]
            assert sum(entry.amount_minor for entry in mine) == sum(one.moved.values())
            for entry in mine:
                held[one.account] += entry.amount_minor
                assert entry.balance_minor == held[one.account]
            assert held[one.account] == one.closing_minor
        assert found.opening_minor + sum(found.moved.values()) == found.closing_minor
    now = earnings_of(seller_id=seller_id, currency="EUR")
    owed = now.pending_minor + now.available_minor + now.in_payout_minor + now.disputed_minor
    assert sum(held.values()) == owed
    income = seller_income(seller_id=seller_id, currency="EUR", first=FIRST.date(), last=at.date())
    assert sum(income.values()) == owed + paid_out
    assert standing(currency="EUR").adds_up


class TestPages:
    def test_balance_and_statement_tell_of_a_sale(
        self, app: Flask, login: Login, query_counter: list[str]
    ) -> None:
        seller = make_user(roles=("seller",))
        product = make_product(seller, title="=A thing", stock=("K-1", "K-2"), price_minor=1000)
        delivered(make_user(), {product.id: 1})
        browser = login(seller)
        query_counter.clear()
        page = browser.get("/order/balance")
        assert len(query_counter) <= 12
        shown = words(page)
        assert "=A thing" in shown
        assert "€9.00" in shown
        assert "<svg" in page.text
        assert "30 days" in shown
        assert "No entries yet" in words(browser.get("/order/balance?account=in_payout"))
        month = Month.of(datetime.now(UTC))
        shown = words(browser.get(f"/order/statement?month={month}"))
        assert "This month isn't over yet" in shown
        assert "All together" in shown
        answer = browser.get(f"/order/statement.csv?month={month}")
        assert answer.mimetype == "text/csv"
        rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
        assert [len(row) for row in rows] == [8, 8, 8, 8]
        assert rows[2][2] == "'=A thing"  # no spreadsheet reckons with it
        assert (rows[2][5], rows[2][6], rows[3][6]) == ("9.00", "9.00", "9.00")

    def test_list_goes_on(self, app: Flask, login: Login) -> None:
        seller = make_user(roles=("seller",))
        for number in range(31):
            sell(seller.id, 1000 + number * 10, 0)
        browser = login(seller)
        first = browser.get("/order/balance")
        assert "€10.00" not in words(first)
        page = entries_of(seller_id=seller.id, currency="EUR", size=30)
        partial = {"HX-Request": "true", "HX-Request-Type": "partial"}
        rest = browser.get(f"/order/balance?after={page.next_cursor}", headers=partial)
        assert "€10.00" in words(rest)
        assert "€13.00" not in words(rest)

    def test_wrong_months_are_refused(self, app: Flask, login: Login) -> None:
        browser = login(make_user(roles=("seller",)))
        assert browser.get("/order/statement?month=2026-13").status_code == 422
        assert browser.get("/order/statement.csv?month=../x").status_code == 422

    def test_programs_read_the_same(self, app: Flask) -> None:
        seller = make_user(roles=("seller",))
        part = sell(seller.id, 1000, 100)
        shares.reverse(movement=Movement.REFUND, reference=new_id(), currency="EUR", parts=[part])
        program = program_of(app, seller)
        found = program.get("/payments/entries?total=true&limit=1").json
        assert found["total"] == {"count": 2, "exact": True}
        [entry] = found["items"]
        assert (entry["movement"], entry["amount"]["minor"], entry["balance"]["minor"]) == (
            "refund",
            -900,
            0,
        )
        [older] = program.get(f"/payments/entries?after={found['next']}").json["items"]
        assert older["movement"] == "sale"
        month = Month.of(datetime.now(UTC))
        sums = program.get(f"/payments/statement?month={month}").json
        [pending] = sums["accounts"]
        assert pending["account"] == "seller_pending"
        assert [one["amount"]["minor"] for one in pending["moved"]] == [900, -900]
        assert sums["closing"] == {"minor": 0, "currency": "EUR"}
        assert program.get("/payments/statement?month=2026-1").status_code == 422
        days = program.get("/payments/income?days=7").json["days"]
        assert len(days) == 7
        assert days[-1]["income"]["minor"] == 0


class TestBooks:
    def test_they_add_up_and_name_who_owes(
        self, app: Flask, login: Login, query_counter: list[str]
    ) -> None:
        seller = make_user(roles=("seller",))
        part = sell(seller.id, 3000, 300)
        releasing.release_due()
        payouts = [Outgoing(new_id(), seller.id, 2700, fee_minor=2)]
        payout_entries.start_payouts("EUR", payouts)
        payout_entries.pay_out("EUR", payouts)
        shares.reverse(movement=Movement.REFUND, reference=new_id(), currency="EUR", parts=[part])
        admin = make_user(roles=("admin",))
        browser = login(admin)
        query_counter.clear()
        page = browser.get("/payments/books?days=365")
        assert len(query_counter) <= 10
        shown = words(page)
        assert "1 seller below zero" in shown
        assert "€27.00" in shown
        assert "The books don't add up" not in shown
        found = program_of(app, admin).get("/admin/payments/books").json
        assert found["receivable"] == {"minor": 2700, "currency": "EUR"}
        assert found["available"]["minor"] == 0
        assert found["adds_up"] is True
        assert found["cash"]["minor"] == 3000 - 100 - 2702 - 3000
        today = datetime.now(UTC).date()
        [day] = platform_income(currency="EUR", first=today, last=today).values()
        assert (day.commission_minor, day.fees_minor) == (0, 102)

    def test_an_empty_shop_has_books(self, app: Flask, login: Login) -> None:
        shown = words(login(make_user(roles=("admin",))).get("/payments/books"))
        assert "Nothing is booked yet" in shown


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\n=x"])
def test_no_cell_is_a_formula(text: str) -> None:
    [line] = list(tables.csv_lines([[tables.words(text)]]))[1:]
    [[cell]] = csv.reader(io.StringIO(line, newline=""))
    assert cell == f"'{text}"
