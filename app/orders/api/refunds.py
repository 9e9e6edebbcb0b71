"""Refunds for programs: of the buyer's unopened items, of a seller's sales."""

from uuid import UUID

from flask import request
from flask_login import current_user

from app.kit.access import Access, allow
from app.kit.api.idempotency import HEADER
from app.kit.api.operations import operation
from app.kit.api.schemas import Money
from app.orders.api import blueprint, payments_blueprint
from app.orders.api.basket import SCOPE
from app.orders.api.sales import SCOPE as SALES
from app.orders.queries.refunds import RefundOf, refunds_of
from app.orders.queries.sale import sale_of
from app.orders.schemas import RefundIn, RefundOut, Refunds, ReturnIn
from app.orders.service import returning
from app.orders.service.returning import Scope


@blueprint.post("/<uuid:order_id>/refund")
@allow(Access.USER, SCOPE)
@operation(answers=RefundOut, status=201, refusals=(409,))
def return_items(order_id: UUID, body: ReturnIn) -> RefundOut:
    """Return unopened items: the money goes back, and they are for sale again."""
    refund_id = returning.return_unopened(
        buyer_id=current_user.id, order_id=order_id, delivery_id=body.piece_id
    )
    return _found(order_id, refund_id, None)


@payments_blueprint.post("/sales/<uuid:order_id>/refund")
@allow(Access.SELLER, SALES)
@operation(answers=RefundOut, status=201, refusals=(409,))
def refund_sale(order_id: UUID, body: RefundIn) -> RefundOut:
    """Refund what you sold in an order: all of it, a line, items of a line, or an amount."""
    refund_id = returning.refund(
        actor_id=current_user.id,
        by_staff=False,
        order_id=order_id,
        scope=Scope.within(body.line_id, body.pieces, body.amount_minor),
        reason=body.reason,
        asked_key=request.headers.get(HEADER),
    )
    return _found(order_id, refund_id, current_user.id)


@payments_blueprint.get("/sales/<uuid:order_id>/refunds")
@allow(Access.SELLER, SALES)
@operation(answers=Refunds)
def list_refunds(order_id: UUID) -> Refunds:
    """List the refunds of what you sold in an order, newest first."""
    sale = sale_of(order_id, seller_id=current_user.id)
    return Refunds(items=[refund_out(refund) for refund in sale.refunds])


def _found(order_id: UUID, refund_id: UUID, seller_id: UUID | None) -> RefundOut:
    [refund] = [one for one in refunds_of(order_id, seller_id=seller_id) if one.id == refund_id]
    return refund_out(refund)


def refund_out(refund: RefundOf) -> RefundOut:
    """A refund as programs see it."""
    return RefundOut.read(refund, amount=Money.of(refund.amount_minor, refund.currency))
