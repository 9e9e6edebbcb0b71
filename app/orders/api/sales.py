"""What a seller has sold, and each entry of their accounts, for programs."""

from datetime import UTC, timedelta

from flask import current_app
from flask_login import current_user

from app.kit.access import Access, allow
from app.kit.api.operations import operation
from app.kit.api.schemas import Money, listing_of
from app.kit.db import db_now
from app.kit.months import Month
from app.orders.api import payments_blueprint
from app.orders.queries import statements
from app.orders.queries.sales import Sale, sales_of
from app.orders.schemas import (
    AccountMonthOut,
    BalanceOut,
    DayOut,
    EntriesQuery,
    EntryList,
    EntryOut,
    IncomeOut,
    IncomeQuery,
    MovedOut,
    SaleList,
    SaleOut,
    SalesQuery,
    SellerAccount,
    StatementOut,
    StatementQuery,
)
from app.payments.models import AccountKind
from app.payments.policy import hold_of
from app.payments.queries import earnings_of, standings_of
from app.payments.queries.income import seller_income
from app.payments.queries.statements import statement_of

SCOPE = "sales"


@payments_blueprint.get("/sales")
@allow(Access.SELLER, SCOPE)
@operation(answers=SaleList)
def list_sales(query: SalesQuery) -> SaleList:
    """List your sales, newest first, with commission and earnings."""
    page = sales_of(current_user.id, after=query.after, size=query.limit, counted=query.total)
    return listing_of(SaleList, page, _sale)


def _sale(sale: Sale) -> SaleOut:
    return SaleOut.read(
        sale,
        gross=Money.of(sale.gross_minor, sale.currency),
        commission=Money.of(sale.commission_minor, sale.currency),
        share=Money.of(sale.share_minor, sale.currency),
        release_at=sale.share.release_at if sale.share else None,
        released_at=sale.share.released_at if sale.share else None,
        hold_reason=sale.share.hold_reason if sale.share else None,
        refunded=Money.of(sale.given_back_minor, sale.currency),
    )


@payments_blueprint.get("/balance")
@allow(Access.SELLER, SCOPE)
@operation(answers=BalanceOut)
def get_balance() -> BalanceOut:
    """Get your balance, pending and available, and the totals of all sales."""
    settings = current_app.extensions["settings"]
    currency = settings.currency
    [standing] = standings_of([current_user.id]).values()
    hold = hold_of(standing, db_now(), settings)
    earnings = earnings_of(seller_id=current_user.id, currency=currency)
    return BalanceOut.read(
        earnings,
        pending=Money.of(earnings.pending_minor, currency),
        available=Money.of(earnings.available_minor, currency),
        gross=Money.of(earnings.gross_minor, currency),
        commission=Money.of(earnings.commission_minor, currency),
        hold_days=hold.days,
        hold_reason=hold.reason,
    )


@payments_blueprint.get("/entries")
@allow(Access.SELLER, SCOPE)
@operation(answers=EntryList)
def list_entries(query: EntriesQuery) -> EntryList:
    """List the entries of your accounts, newest first, each with the balance it leaves."""
    currency = current_app.extensions["settings"].currency
    page = statements.entries_of(
        seller_id=current_user.id,
        currency=currency,
        account=AccountKind(query.account) if query.account else None,
        after=query.after,
        size=query.limit,
        counted=query.total,
    )
    return listing_of(EntryList, page, lambda entry: _entry(entry, currency))


def _entry(entry: statements.Entry, currency: str) -> EntryOut:
    return EntryOut.read(
        entry,
        id=str(entry.id),
        amount=Money.of(entry.amount_minor, currency),
        balance=Money.of(entry.balance_minor, currency),
    )


@payments_blueprint.get("/statement")
@allow(Access.SELLER, SCOPE)
@operation(answers=StatementOut)
def get_statement(query: StatementQuery) -> StatementOut:
    """Get a month of your accounts: what they held, what moved, and what they held then."""
    currency = current_app.extensions["settings"].currency
    month = Month.read(query.month)
    found = statement_of(seller_id=current_user.id, currency=currency, month=month)
    return StatementOut(
        month=str(month),
        accounts=[
            AccountMonthOut(
                account=SellerAccount(one.account),
                opening=Money.of(one.opening_minor, currency),
                moved=[
                    MovedOut(movement=kind, amount=Money.of(minor, currency))
                    for kind, minor in one.moved.items()
                ],
                closing=Money.of(one.closing_minor, currency),
            )
            for one in found.accounts
        ],
        opening=Money.of(found.opening_minor, currency),
        closing=Money.of(found.closing_minor, currency),
    )


@payments_blueprint.get("/income")
@allow(Access.SELLER, SCOPE)
@operation(answers=IncomeOut)
def get_income(query: IncomeQuery) -> IncomeOut:
    """Get your income of each of the last days: your shares of sales, less what went back."""
    currency = current_app.extensions["settings"].currency
    today = db_now().astimezone(UTC).date()
    first = today - timedelta(days=query.days - 1)
    found = seller_income(seller_id=current_user.id, currency=currency, first=first, last=today)
    days = (first + timedelta(days=number) for number in range(query.days))
    return IncomeOut(
        days=[DayOut(day=day, income=Money.of(found.get(day, 0), currency)) for day in days]
    )
