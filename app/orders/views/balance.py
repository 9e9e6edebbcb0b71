"""A seller's balance: every entry, months that add up, and what came in day by day."""

from collections.abc import Iterator, Sequence
from datetime import UTC

from flask import Response, current_app, request, stream_with_context
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.kit import charts, htmx, i18n, lists, tables
from app.kit.access import Access, allow
from app.kit.db import db_now
from app.kit.money import Money
from app.kit.months import Month
from app.kit.paging import decode_cursor
from app.kit.spans import Span, values_of
from app.orders.queries import statements
from app.orders.views import blueprint
from app.payments.labels import ACCOUNTS, MOVEMENTS
from app.payments.models import AccountKind
from app.payments.queries import earnings_of
from app.payments.queries.income import seller_income
from app.payments.queries.statements import SELLERS, Statement, months_of, statement_of

_ACCOUNTS = {kind.removeprefix("seller_"): kind for kind in SELLERS}


@blueprint.get("/balance")
@allow(Access.SELLER)
def balance() -> ResponseReturnValue:
    """What the shop owes the visitor, each entry that made it so, and the income of each day."""
    asked = lists.asked()
    currency, now = _currency(), db_now()
    account = _ACCOUNTS.get(request.args.get("account", ""))
    span = Span.read(request.args.get("days", ""))
    page = statements.entries_of(
        seller_id=current_user.id,
        currency=currency,
        account=account,
        after=asked.after,
        size=asked.size(),
    )
    days = seller_income(
        seller_id=current_user.id,
        currency=currency,
        first=span.first_day(now),
        last=now.astimezone(UTC).date(),
    )
    values = values_of(span, now, days)
    return htmx.page(
        "orders/balance.html",
        fragment="items",
        entries=page.items,
        next_url=lists.rest_of(page, request.path),
        earnings=earnings_of(seller_id=current_user.id, currency=currency),
        currency=currency,
        account=account,
        accounts=[(None, ""), *((kind, name) for name, kind in _ACCOUNTS.items())],
        names=ACCOUNTS,
        movements=MOVEMENTS,
        months=months_of(seller_id=current_user.id, currency=currency, now=now),
        span=span,
        spans=Span,
        values=values,
        total_minor=sum(value.minor for value in values),
        chart=charts.bars(values, lambda minor: i18n.money(minor, currency)),
    )


@blueprint.get("/statement")
@allow(Access.SELLER)
def statement() -> ResponseReturnValue:
    """A month of the visitor's accounts, to be read and printed."""
    asked = lists.asked()
    month = _month()
    page = statements.entries_in(
        seller_id=current_user.id,
        currency=_currency(),
        month=month,
        after_id=decode_cursor(asked.after, tuple[int])[0] if asked.after else 0,
        size=asked.size(),
    )
    return htmx.page(
        "orders/statement.html",
        fragment="items",
        statement=_statement(month),
        entries=page.items,
        next_url=lists.rest_of(page, request.path),
        names=ACCOUNTS,
        movements=MOVEMENTS,
        is_over=db_now() >= month.next.start,
    )


@blueprint.get("/statement.csv")
@allow(Access.SELLER)
def statement_csv() -> Response:
    """The same with all its entries, as a table."""
    month = _month()
    rows = _rows(_statement(month))
    response = Response(
        stream_with_context(tables.csv_lines(rows)), content_type="text/csv; charset=utf-8"
    )
    response.headers.set("Content-Disposition", "attachment", filename=f"statement-{month}.csv")
    return response


def _rows(found: Statement) -> Iterator[Sequence[str]]:
    """What the accounts held, each entry, and what they held then: the amounts add up."""
    yield (
        _("Time (UTC)"),
        _("What"),
        _("Product"),
        _("Order"),
        _("Account"),
        _("Amount"),
        _("Balance of the account"),
        _("Currency"),
    )
    for one in found.accounts:
        yield _sum_row(found, _("Opening balance"), one.account, one.opening_minor)
    for entry in statements.every_entry_in(
        seller_id=current_user.id, currency=found.currency, month=found.month
    ):
        yield (
            entry.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            str(MOVEMENTS[entry.movement]),
            tables.words(entry.title or ""),
            entry.order_number or "",
            str(ACCOUNTS[entry.account]),
            _plain(entry.amount_minor, found.currency),
            _plain(entry.balance_minor, found.currency),
            found.currency,
        )
    for one in found.accounts:
        yield _sum_row(found, _("Closing balance"), one.account, one.closing_minor)


def _sum_row(found: Statement, what: str, account: AccountKind, minor: int) -> Sequence[str]:
    amount = _plain(minor, found.currency)
    return "", what, "", "", str(ACCOUNTS[account]), "", amount, found.currency


def _plain(minor: int, currency: str) -> str:
    return Money(minor, currency).to_decimal_string()


def _statement(month: Month) -> Statement:
    return statement_of(seller_id=current_user.id, currency=_currency(), month=month)


def _month() -> Month:
    """The month that the address names, the one before this otherwise. Invalid for a wrong one."""
    named = request.args.get("month")
    return Month.read(named) if named else Month.of(db_now()).previous


def _currency() -> str:
    return str(current_app.extensions["settings"].currency)
