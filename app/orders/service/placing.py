"""From a basket to an order that holds its units."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from flask import current_app
from sqlalchemy import ColumnElement, cast, func, select
from sqlalchemy.dialects.postgresql import INET

from app.kit.db import db_now, lock, session, transactional
from app.kit.ids import new_id
from app.kit.live.publishing import announce
from app.kit.money import Money, commission
from app.kit.requests import network_of
from app.orders.errors import (
    AlreadyPaid,
    BasketChanged,
    BeingPaid,
    EmptyBasket,
    OwnProduct,
    TooManyCheckouts,
)
from app.orders.models import TRANSITIONS, BasketLine, Order, OrderLine, OrderState
from app.orders.policy import MAX_UNPAID
from app.orders.queries.basket import Owner
from app.orders.service import basket as baskets
from app.payments.service import paying
from app.products.errors import StockMismatch
from app.products.queries import cards
from app.products.queries.cards import Offer
from app.products.service import stock
from app.settings import Settings

HOLDING = (OrderState.OPEN, OrderState.APPROVED)


def move(order: Order, state: OrderState) -> None:
    """Change the state along the table; a move that is not in it is a bug."""
    if state not in TRANSITIONS[order.state]:
        raise RuntimeError(f"order {order.id}: {order.state} to {state}")
    order.state = state
    tell_pages(order)


def tell_pages(order: Order) -> None:
    """Have the buyer's open page fetch what became of the order."""
    announce(f"order:{order.id}", "changed")


def reservation_end() -> datetime:
    """When units taken now are given back, by the database's clock."""
    return db_now() + timedelta(minutes=_settings().reservation_minutes)


@transactional
def place_order(*, buyer_id: UUID, checkout_key: UUID, address: str | None) -> UUID:
    """Turn the buyer's basket into an order and hold its units; returns the order's id.

    The basket's row is the lock that any number of clicks and tabs meet at: they get the same
    order. An order whose hold ran out takes units again, if what it was made of is still offered
    as it was. Raises AlreadyPaid, EmptyBasket, BasketChanged, OwnProduct, TooManyCheckouts, and the
    products' OutOfStock.
    """
    basket = baskets.locked(Owner(user_id=buyer_id))
    existing = (
        session()
        .execute(
            select(Order.id).where(Order.buyer_id == buyer_id, Order.checkout_key == checkout_key)
        )
        .scalar_one_or_none()
    )
    if existing is not None:
        return _take_up(existing)
    if basket is None:
        raise EmptyBasket
    if basket.checkout_key != checkout_key:
        raise BasketChanged
    lines = (
        session()
        .scalars(
            select(BasketLine)
            .where(BasketLine.basket_id == basket.id)
            .order_by(BasketLine.product_id)
            .execution_options(populate_existing=True)
        )
        .all()
    )
    if not lines:
        raise EmptyBasket
    goods = _goods(lines, buyer_id)
    _cancel_earlier(buyer_id)
    _check_holds(buyer_id, address)
    return _create(buyer_id, checkout_key, address, lines, goods)


def hold_units(order: Order, until: datetime) -> None:
    """Have every unit of the order reserved until then; OutOfStock if that can't be.

    Products are locked in the order of their ids, so that two orders never wait for each other.
    """
    for line in sorted(order.lines, key=lambda line: line.product_id):
        if not line.shared:
            stock.reserve(
                product_id=line.product_id, quantity=line.quantity, holder=line.id, until=until
            )
    stock.extend(holders=[line.id for line in order.lines if not line.shared], until=until)
    order.expires_at = until


def sell_units(order: Order) -> dict[UUID, list[UUID]]:
    """Make every unit of a paid order sold; the units of each line.

    Takes other units for those that were given back; OutOfStock if none is left.
    """
    try:
        return _sell_held(order)
    except StockMismatch:
        hold_units(order, reservation_end())
        return _sell_held(order)


def _sell_held(order: Order) -> dict[UUID, list[UUID]]:
    return {
        line.id: stock.sell(holder=line.id, quantity=line.quantity)
        for line in sorted(order.lines, key=lambda line: line.product_id)
        if not line.shared
    }


def free_units(order: Order) -> None:
    """Give back the units that the order holds."""
    stock.release(holders=[line.id for line in order.lines if not line.shared])


def _take_up(order_id: UUID) -> UUID:
    order = lock(Order, order_id)
    if order is None or order.state is OrderState.CANCELLED:
        raise BasketChanged
    if order.state in {OrderState.PAID, OrderState.DELIVERED}:
        raise AlreadyPaid(order_id)
    if order.state is OrderState.APPROVED:
        raise BeingPaid(order_id)
    if order.state is OrderState.EXPIRED:
        _check_offer(order)
        hold_units(order, reservation_end())
        move(order, OrderState.OPEN)
    return order_id


def _check_offer(order: Order) -> None:
    """Insist that everything is still for sale at the price it was ordered at."""
    prices = {
        product.id: product.price_minor
        for product in cards.by_id([line.product_id for line in order.lines])
        if product.for_sale
    }
    if any(prices.get(line.product_id) != line.unit_price_minor for line in order.lines):
        raise BasketChanged


def _goods(lines: Sequence[BasketLine], buyer_id: UUID) -> dict[UUID, Offer]:
    goods = {
        product.id: product for product in cards.offers_by_id([line.product_id for line in lines])
    }
    for line in lines:
        product = goods.get(line.product_id)
        if product is None or not product.for_sale:
            raise BasketChanged
        if product.price_minor != line.seen_price_minor:
            raise BasketChanged
        if product.seller_id == buyer_id:
            raise OwnProduct
    return goods


def _cancel_earlier(buyer_id: UUID) -> None:
    """A buyer holds units for one checkout at a time: the earlier one, not yet approved, ends."""
    earlier = session().scalars(
        select(Order.id)
        .where(Order.buyer_id == buyer_id, Order.state == OrderState.OPEN)
        .order_by(Order.id)
    )
    for order_id in list(earlier):
        order = lock(Order, order_id)
        if order is not None and order.state is OrderState.OPEN:
            close(order, OrderState.CANCELLED, "replaced")


def close(order: Order, state: OrderState, reason: str | None = None) -> None:
    """End an order that was not paid: its units are free again."""
    free_units(order)
    order.cancel_reason = reason
    move(order, state)
    if state is OrderState.CANCELLED:
        paying.give_up(reference=order.id)
        # Its key is the basket's again: the same choice can be ordered once more.
        order.checkout_key = new_id()


def _check_holds(buyer_id: UUID, address: str | None) -> None:
    """Insist that neither the buyer nor the address holds too much that is not paid for yet."""
    most = _settings().max_open_checkouts_per_address
    if _holding(Order.buyer_id == buyer_id) >= MAX_UNPAID or (
        address is not None and _holding(_is_from(address)) >= most
    ):
        raise TooManyCheckouts


def _is_from(address: str) -> ColumnElement[bool]:
    """Orders from one place: whoever has one IPv6 address has the 2^64 of its network."""
    return Order.address.op("<<=", is_comparison=True)(cast(network_of(address), INET))


def _holding(whose: ColumnElement[bool]) -> int:
    holding = select(func.count()).select_from(Order).where(whose, Order.state.in_(HOLDING))
    return session().execute(holding).scalar_one()


def _create(
    buyer_id: UUID,
    checkout_key: UUID,
    address: str | None,
    lines: Sequence[BasketLine],
    goods: dict[UUID, Offer],
) -> UUID:
    currency = _settings().currency
    order = Order(
        id=new_id(),
        buyer_id=buyer_id,
        checkout_key=checkout_key,
        total_minor=sum(line.quantity * line.seen_price_minor for line in lines),
        currency=currency,
        address=address,
        expires_at=reservation_end(),
    )
    session().add(order)
    session().flush()  # the lines point at it by a plain foreign key
    for position, line in enumerate(lines):
        session().add(_line(order, position, line, goods[line.product_id]))
    session().flush()
    session().refresh(order, ["lines"])
    hold_units(order, order.expires_at)
    paying.open_payment(reference=order.id, amount=Money(order.total_minor, currency))
    return order.id


def _line(order: Order, position: int, line: BasketLine, product: Offer) -> OrderLine:
    """The listing as it is bought: whatever becomes of the product, this stays."""
    gross = line.quantity * line.seen_price_minor
    return OrderLine(
        id=new_id(),
        order_id=order.id,
        position=position,
        product_id=product.id,
        buyer_id=order.buyer_id,
        seller_id=product.seller_id,
        seller_name=product.seller_name,
        kind=product.kind,
        shared=product.shared,
        title=product.title,
        description=product.description,
        photo_id=product.photo_id,
        content_id=product.content_id if product.shared else None,
        quantity=line.quantity,
        unit_price_minor=line.seen_price_minor,
        commission_minor=commission(gross, _settings().commission_basis_points),
    )


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings
