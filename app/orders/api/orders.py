"""Orders for programs: placed, paid with PayPal, revealed."""

from uuid import UUID

from flask import request, url_for
from flask_login import current_user

from app.kit import i18n
from app.kit.access import Access, allow
from app.kit.api.operations import Answer, operation
from app.kit.api.schemas import Money, listing_of
from app.kit.requests import address
from app.kit.words import searchable
from app.orders.api import blueprint
from app.orders.api.basket import SCOPE
from app.orders.api.refunds import refund_out
from app.orders.queries.purchase_list import PurchaseListed, purchases_of
from app.orders.queries.purchases import Purchase, PurchaseLine, purchase_of
from app.orders.schemas import (
    CancelledOut,
    CapturedOut,
    OrderIn,
    OrderLineOut,
    OrderList,
    OrderListed,
    OrderOut,
    OrdersQuery,
    PlacedOut,
    Revealed,
    RevealedPiece,
)
from app.orders.schemas.claims import ClaimOut
from app.orders.service import capturing, ending, placing
from app.orders.service import reveal as reveals
from app.orders.service.reveal import Viewer


@blueprint.post("")
@allow(Access.USER, SCOPE)
@operation(answers=PlacedOut, status=201, refusals=(404,))
def place(body: OrderIn) -> Answer:
    """Place an order for the basket: its items are reserved until the buyer approves at PayPal.

    The same `checkout_key` gives the same order.
    """
    started = placing.start_checkout(
        buyer_id=current_user.id,
        checkout_key=body.checkout_key,
        address=address(),
        locale=i18n.locale(),
    )
    return Answer(
        PlacedOut(
            id=started.order_id,
            paypal_order_id=started.paypal_order_id,
            approve_url=started.approve_url,
        ),
        location=url_for(".get_order", order_id=started.order_id),
    )


@blueprint.post("/<uuid:order_id>/capture")
@allow(Access.USER, SCOPE)
@operation(answers=CapturedOut)
def capture(order_id: UUID) -> CapturedOut:
    """Capture the payment once the buyer has approved it at PayPal; safe to repeat."""
    result = capturing.capture_for(buyer_id=current_user.id, order_id=order_id)
    return CapturedOut(state=result.state, message=result.message)


@blueprint.post("/<uuid:order_id>/cancel")
@allow(Access.USER, SCOPE)
@operation(answers=CancelledOut)
def cancel(order_id: UUID) -> CancelledOut:
    """Cancel an unpaid order; its items go back on sale."""
    return CancelledOut(cancelled=ending.cancel(buyer_id=current_user.id, order_id=order_id))


@blueprint.get("")
@allow(Access.USER, SCOPE)
@operation(answers=OrderList)
def list_orders(query: OrdersQuery) -> OrderList:
    """List your orders, newest first."""
    page = purchases_of(
        current_user.id,
        words=searchable(query.q),
        unfinished=query.unfinished,
        after=query.after,
        size=query.limit,
        counted=query.total,
    )
    return listing_of(OrderList, page, _listed)


def _listed(order: PurchaseListed) -> OrderListed:
    return OrderListed.read(
        order,
        total=Money.of(order.total_minor, order.currency),
        titles=[line.title for line in order.lines],
    )


@blueprint.get("/<uuid:order_id>")
@allow(Access.USER, SCOPE)
@operation(answers=OrderOut)
def get_order(order_id: UUID) -> OrderOut:
    """Get an order with its product descriptions at the time of purchase."""
    return _order(purchase_of(current_user.id, order_id))


def _order(order: Purchase) -> OrderOut:
    return OrderOut.read(
        order,
        total=Money.of(order.total_minor, order.currency),
        lines=[_line(line, order.currency) for line in order.lines],
        refunds=[refund_out(refund) for refund in order.refunds],
        claims=[ClaimOut.read(claim) for claim in order.claims],
    )


def _line(line: PurchaseLine, currency: str) -> OrderLineOut:
    return OrderLineOut.read(
        line,
        price=Money.of(line.unit_price_minor, currency),
        total=Money.of(line.total_minor, currency),
        refunded=Money.of(line.given_back_minor, currency),
    )


@blueprint.post("/<uuid:order_id>/reveal")
@allow(Access.USER, SCOPE)
@operation(answers=Revealed)
def reveal_all(order_id: UUID) -> Revealed:
    """Reveal all delivered items; each reveal is recorded."""
    values = reveals.reveal_all(viewer=_viewer(), order_id=order_id)
    return Revealed(pieces=[RevealedPiece(id=key, value=text) for key, text in values.items()])


@blueprint.post("/<uuid:order_id>/pieces/<uuid:piece_id>/reveal")
@allow(Access.USER, SCOPE)
@operation(answers=RevealedPiece)
def reveal(order_id: UUID, piece_id: UUID) -> RevealedPiece:
    """Reveal one delivered item; the reveal is recorded."""
    text = reveals.reveal(viewer=_viewer(), order_id=order_id, delivery_id=piece_id)
    return RevealedPiece(id=piece_id, value=text)


def _viewer() -> Viewer:
    return Viewer(current_user.id, address(), request.user_agent.string)
