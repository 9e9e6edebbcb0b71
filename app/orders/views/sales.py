"""What a seller has sold, and the money that came of it."""

from uuid import UUID

from flask import current_app, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.kit import htmx, lists
from app.kit.access import Access, allow
from app.orders.queries import disputes as disputed
from app.orders.queries.sales import sales_of
from app.orders.service.proof import answering
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


@blueprint.get("/sales/disputes")
@allow(Access.SELLER)
def seller_disputes() -> ResponseReturnValue:
    """List the disputes about the visitor's sales, with their own part of the money."""
    asked = lists.asked()
    page = disputed.disputes(seller_id=current_user.id, after=asked.after, size=asked.size())
    return htmx.page(
        "orders/seller_disputes.html",
        fragment="items",
        disputes=page.items,
        next_url=lists.rest_of(page, request.path),
        shares=disputed.shares_in([one.id for one in page.items], current_user.id),
    )


@blueprint.get("/sales/disputes/<uuid:dispute_id>")
@allow(Access.SELLER)
def seller_dispute(dispute_id: UUID) -> ResponseReturnValue:
    """One of them, without what is other sellers'."""
    dispute = disputed.dispute_of(dispute_id, seller_id=current_user.id)
    sections = answering.preview(dispute_id=dispute_id, seller_id=current_user.id)
    return htmx.page("orders/seller_dispute.html", dispute=dispute, sections=sections)
