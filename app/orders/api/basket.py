"""The basket for programs: the same one that the pages show."""

from uuid import UUID

from flask import current_app
from flask_login import current_user

from app.kit.access import Access, allow
from app.kit.api.operations import operation
from app.kit.api.schemas import Money
from app.orders.api import blueprint
from app.orders.errors import NoSuchProduct
from app.orders.models import Owner
from app.orders.queries.basket import BasketLineView, BasketView, basket_of_user
from app.orders.schemas import BasketLineIn, BasketLineOut, BasketOut, QuantityIn
from app.orders.service import basket as baskets

SCOPE = "orders"


def _owner() -> Owner:
    return Owner(user_id=current_user.id)


def _basket() -> BasketOut:
    view = basket_of_user(current_user.id)
    if view is None or not view.lines:
        currency = current_app.extensions["settings"].currency
        return BasketOut(checkout_key=None, lines=[], total=Money.of(0, currency), ready=False)
    return BasketOut(
        checkout_key=view.checkout_key,
        lines=[_line(line, view) for line in view.lines],
        total=Money.of(view.total_minor, view.currency),
        ready=not (view.has_problems or view.is_too_small),
    )


def _line(line: BasketLineView, view: BasketView) -> BasketLineOut:
    return BasketLineOut.read(
        line,
        product_id=line.product.id,
        title=line.product.title,
        seller_name=line.product.seller_name,
        price=Money.of(line.product.price_minor, view.currency),
        seen_price=Money.of(line.seen_price_minor, view.currency),
        refund_days=line.product.refund_days,
        total=Money.of(line.total_minor, view.currency),
    )


@blueprint.get("/basket")
@allow(Access.USER, SCOPE)
@operation(answers=BasketOut)
def get_basket() -> BasketOut:
    """Get your basket with current prices and stock."""
    return _basket()


@blueprint.post("/basket/lines")
@allow(Access.USER, SCOPE)
@operation(answers=BasketOut, refusals=(404,))
def add(body: BasketLineIn) -> BasketOut:
    """Add a product to the basket."""
    baskets.add(owner=_owner(), product_id=body.product_id, quantity=body.quantity)
    return _basket()


@blueprint.put("/basket/lines/<uuid:product_id>")
@allow(Access.USER, SCOPE)
@operation(answers=BasketOut, refusals=(409,))
def set_quantity(product_id: UUID, body: QuantityIn) -> BasketOut:
    """Set the quantity of a product in the basket."""
    baskets.change(owner=_owner(), product_id=product_id, quantity=body.quantity)
    basket = _basket()
    if all(line.product_id != product_id for line in basket.lines):
        raise NoSuchProduct
    return basket


@blueprint.delete("/basket/lines/<uuid:product_id>")
@allow(Access.USER, SCOPE)
@operation(answers=BasketOut)
def remove(product_id: UUID) -> BasketOut:
    """Remove a product from the basket."""
    if baskets.remove(owner=_owner(), product_id=product_id) is None:
        raise NoSuchProduct
    return _basket()


@blueprint.post("/basket/accept-prices")
@allow(Access.USER, SCOPE)
@operation(answers=BasketOut)
def accept_prices() -> BasketOut:
    """Accept changed prices."""
    baskets.accept_prices(owner=_owner())
    return _basket()
