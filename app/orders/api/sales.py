"""What a seller has sold, for programs."""

from flask import current_app
from flask_login import current_user

from app.kit.access import Access, allow
from app.kit.api.operations import operation
from app.kit.api.schemas import Money, listing_of
from app.kit.db import db_now
from app.orders.api import payments_blueprint
from app.orders.queries.sales import Sale, sales_of
from app.orders.schemas import BalanceOut, SaleList, SaleOut, SalesQuery
from app.payments.policy import hold_of
from app.payments.queries import earnings_of, standings_of

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
