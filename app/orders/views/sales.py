"""What a seller has sold, and the money that came of it."""

from flask import current_app, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.kit import htmx, lists
from app.kit.access import Access, allow
from app.orders.queries.sales import sales_of
from app.orders.views import blueprint
from app.payments.queries import earnings_of


@blueprint.get("/sales")
@allow(Access.SELLER)
def sales() -> ResponseReturnValue:
    """List the visitor's sales with gross, commission, share, and when the money is free."""
    settings = current_app.extensions["settings"]
    asked = lists.asked()
    page = sales_of(current_user.id, after=asked.after, size=asked.size())
    return htmx.page(
        "orders/sales.html",
        fragment="items",
        sales=page.items,
        next_url=lists.rest_of(page, request.path),
        earnings=earnings_of(seller_id=current_user.id, currency=settings.currency),
        currency=settings.currency,
    )
