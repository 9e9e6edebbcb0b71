"""Refunds: by the buyer of what is unopened, by the seller of their sales, by the shop's staff."""

from uuid import UUID

from flask import flash, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.kit import htmx
from app.kit.access import Access, allow
from app.kit.csrf import keeps_words
from app.kit.errors import AppError
from app.kit.forms import form_page
from app.orders.forms import RefundForm
from app.orders.queries.claims import claims_on
from app.orders.queries.sale import sale_of
from app.orders.service import returning
from app.orders.views import blueprint
from app.payments.labels import why_not_refunded


@blueprint.post("/purchases/<uuid:order_id>/refund")
@allow(Access.USER)
def return_all(order_id: UUID) -> ResponseReturnValue:
    """Give back everything that is unopened."""
    return _return(order_id, None)


@blueprint.post("/purchases/<uuid:order_id>/pieces/<uuid:delivery_id>/refund")
@allow(Access.USER)
def return_piece(order_id: UUID, delivery_id: UUID) -> ResponseReturnValue:
    """Give back one unopened piece."""
    return _return(order_id, delivery_id)


def _return(order_id: UUID, delivery_id: UUID | None) -> ResponseReturnValue:
    returning.return_unopened(buyer_id=current_user.id, order_id=order_id, delivery_id=delivery_id)
    flash(_("Your refund is on its way."), "success")
    return htmx.redirect_to(url_for("orders.purchase", order_id=order_id))


@blueprint.get("/sales/<uuid:order_id>")
@allow(Access.SELLER)
def sale(order_id: UUID) -> ResponseReturnValue:
    """What the visitor sold in an order, and what of it was refunded."""
    return show_sale(order_id, by_staff=False)


@blueprint.post("/sales/<uuid:order_id>/refund")
@allow(Access.SELLER)
@keeps_words
def refund_sale(order_id: UUID) -> ResponseReturnValue:
    """Refund what the visitor sold, for a reason."""
    return _refund(order_id, by_staff=False)


@blueprint.get("/moderation/<uuid:order_id>")
@allow(Access.STAFF)
def moderated_order(order_id: UUID) -> ResponseReturnValue:
    """An order of anybody's, for the shop's staff."""
    return show_sale(order_id, by_staff=True)


@blueprint.post("/moderation/<uuid:order_id>/refund")
@allow(Access.STAFF)
@keeps_words
def refund_order(order_id: UUID) -> ResponseReturnValue:
    """Refund what anybody sold, for a reason."""
    return _refund(order_id, by_staff=True)


def _refund(order_id: UUID, *, by_staff: bool) -> ResponseReturnValue:
    form = RefundForm()
    if not form.validate_on_submit():
        return show_sale(order_id, by_staff=by_staff, form=form)
    try:
        returning.refund(
            actor_id=current_user.id,
            by_staff=by_staff,
            order_id=order_id,
            scope=form.scope(),
            reason=form.reason.data or "",
            asked_key=form.asked_key.data,
        )
    except AppError as error:
        return show_sale(order_id, by_staff=by_staff, form=form, error=error)
    flash(_("The refund is on its way. The buyer is told."), "success")
    page = "orders.moderated_order" if by_staff else "orders.sale"
    return htmx.redirect_to(url_for(page, order_id=order_id))


def show_sale(
    order_id: UUID,
    *,
    by_staff: bool,
    form: RefundForm | None = None,
    error: AppError | None = None,
    claim_error: AppError | None = None,
    words: str = "",
) -> ResponseReturnValue:
    """The page of a sale; `words` are those of an answer to a claim that was refused."""
    sold = sale_of(order_id, seller_id=None if by_staff else current_user.id)
    return form_page(
        "orders/sale.html",
        form or RefundForm(formdata=None),
        error or claim_error,
        sale=sold,
        claims=claims_on(order_id, seller_id=None if by_staff else current_user.id),
        words=words,
        why_not_refunded=why_not_refunded,
        by_staff=by_staff,
    )
