"""From a basket to an order that holds its units and waits for the buyer's yes at PayPal."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from flask import current_app
from sqlalchemy import ColumnElement, cast, func, select
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm.attributes import set_committed_value

from app.kit import i18n, ratelimit
from app.kit.db import lock, session, transactional
from app.kit.ids import new_id
from app.kit.money import Money, commission
from app.kit.requests import network_of
from app.orders.errors import (
    AlreadyPaid,
    BasketChanged,
    BeingPaid,
    EmptyBasket,
    OfferChanged,
    OrderTooSmall,
    OwnProduct,
    TooManyCheckouts,
    TooManyInPaypalsHands,
)
from app.orders.models import BasketLine, Order, OrderLine, OrderState, Owner
from app.orders.policy import MAX_IN_PAYPALS_HANDS
from app.orders.service import basket as baskets
from app.orders.service import ending, states, units
from app.payments.gateway import PaypalItem
from app.payments.service import paying
from app.products.queries import cards
from app.products.queries.cards import Offer
from app.products.queries.commission import rates_of
from app.settings import Settings

PLACE_LIMIT = "10/minute"


@dataclass(frozen=True)
class StartedCheckout:
    """An order that waits for the buyer's yes at PayPal."""

    order_id: UUID
    paypal_order_id: str
    approve_url: str | None


def start_checkout(
    *, buyer_id: UUID, checkout_key: UUID, address: str | None, locale: str
) -> StartedCheckout:
    """Place the order and make PayPal's order for it; the same click twice gives the same.

    Raises what `place_order` raises, and PaymentUnavailable when PayPal does not answer: the
    order then stays open until its deadline and can be started again.
    """
    ratelimit.spend(PLACE_LIMIT, "checkout", str(buyer_id))
    order_id = place_order(buyer_id=buyer_id, checkout_key=checkout_key, address=address)
    order = session().get_one(Order, order_id)
    items = [PaypalItem(line.title, line.quantity, line.unit_price_minor) for line in order.lines]
    public = _settings().public_url.rstrip("/")
    approval = paying.create_at_paypal(
        reference=order_id,
        items=items,
        locale=locale,
        return_url=f"{public}/order/{order_id}/return",
        cancel_url=f"{public}/order/checkout",
    )
    return StartedCheckout(order_id, approval.paypal_order_id, approval.approve_url)


@transactional
def place_order(*, buyer_id: UUID, checkout_key: UUID, address: str | None) -> UUID:
    """Turn the buyer's basket into an order and hold its units; returns the order's id.

    The basket's row is the lock that any number of clicks and tabs meet at: they get the same
    order. An order whose hold ran out takes units again, if what it was made of is still offered
    as it was, within the same limits as a new one. Raises AlreadyPaid, BeingPaid, EmptyBasket,
    BasketChanged, OwnProduct, OrderTooSmall, TooManyCheckouts, TooManyInPaypalsHands, and the
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
        return _take_up(existing, address)
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
    _insist_on_size(sum(line.quantity * line.seen_price_minor for line in lines))
    _insist_on_paying_once(buyer_id, list(goods))
    _cancel_earlier(buyer_id)
    _check_holds(buyer_id, address)
    return _create(buyer_id, checkout_key, address, lines, goods)


def _insist_on_size(total_minor: int) -> None:
    settings = _settings()
    if total_minor < settings.min_price_minor:
        raise OrderTooSmall(
            Money(settings.min_price_minor, settings.currency).format(i18n.locale())
        )


def _take_up(order_id: UUID, address: str | None) -> UUID:
    order = lock(Order, order_id)
    if order is None or order.state is OrderState.CANCELLED:
        raise BasketChanged
    if order.is_paid:
        raise AlreadyPaid(order_id)
    if order.state is OrderState.APPROVED:
        raise BeingPaid(order_id)
    if order.state is OrderState.EXPIRED:
        if not _is_offered_still(order):
            raise BasketChanged
        _cancel_earlier(order.buyer_id)
        order.address = address
        _check_holds(order.buyer_id, address)
        units.hold(order, units.hold_end())
        states.move(order, OrderState.OPEN)
    return order_id


def insist_on_taking_again(order: Order) -> None:
    """Insist that an order whose hold ran out may hold units again, as a new one would.

    Raises OfferChanged, TooManyCheckouts, TooManyInPaypalsHands.
    """
    if not _is_offered_still(order):
        raise OfferChanged
    _check_holds(order.buyer_id, order.address)


def _is_offered_still(order: Order) -> bool:
    """Whether everything is still for sale at the price it was ordered at."""
    prices = {
        product.id: product.price_minor
        for product in cards.by_id([line.product_id for line in order.lines])
        if product.for_sale
    }
    return all(prices.get(line.product_id) == line.unit_price_minor for line in order.lines)


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
        if product.refund_days < line.seen_refund_days:
            raise BasketChanged
        if product.seller_id == buyer_id:
            raise OwnProduct
    return goods


def _insist_on_paying_once(buyer_id: UUID, product_ids: Sequence[UUID]) -> None:
    """Insist that nothing of this is in PayPal's hands already and still in the basket."""
    being_paid = session().scalars(
        select(Order.id)
        .join(OrderLine, OrderLine.order_id == Order.id)
        .where(
            Order.buyer_id == buyer_id,
            Order.state == OrderState.APPROVED,
            Order.left_basket_at.is_(None),
            OrderLine.product_id.in_(product_ids),
        )
        .limit(1)
    )
    for order_id in being_paid:
        raise BeingPaid(order_id)


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
            ending.close(order, OrderState.CANCELLED, "replaced")


def _check_holds(buyer_id: UUID, address: str | None) -> None:
    """Insist that neither the buyer nor the address holds too much that is not paid for yet.

    What PayPal has in hand, for days with an eCheck, can be neither paid for nor cancelled. It
    counts apart, and against its buyer alone: strangers from the same place can't help it.
    """
    if address is not None:
        _wait_for_others_from(address)
    if _number(OrderState.APPROVED, Order.buyer_id == buyer_id) >= MAX_IN_PAYPALS_HANDS:
        raise TooManyInPaypalsHands(MAX_IN_PAYPALS_HANDS)
    most = _settings().max_open_checkouts_per_address
    if address is not None and _number(OrderState.OPEN, _is_from(address)) >= most:
        raise TooManyCheckouts


def _wait_for_others_from(address: str) -> None:
    """Let other buyers from this place take what they take, up to the commit, before we count."""
    number = func.hashtextextended(network_of(address), 0)
    session().execute(select(func.pg_advisory_xact_lock(number)))


def _is_from(address: str) -> ColumnElement[bool]:
    """Orders from one place: whoever has one IPv6 address has the 2^64 of its network."""
    return Order.address.op("<<=", is_comparison=True)(cast(network_of(address), INET))


def _number(state: OrderState, whose: ColumnElement[bool]) -> int:
    number = select(func.count()).select_from(Order).where(whose, Order.state == state)
    return session().execute(number).scalar_one()


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
        expires_at=units.hold_end(),
    )
    session().add(order)
    session().flush()  # the lines point at it by a plain foreign key
    rates = rates_of(list(goods))
    ordered = [
        _line(order, position, line, goods[line.product_id], rates[line.product_id])
        for position, line in enumerate(lines)
    ]
    session().add_all(ordered)
    session().flush()
    set_committed_value(order, "lines", ordered)
    units.hold(order, order.expires_at)
    paying.open_payment(reference=order.id, amount=Money(order.total_minor, currency))
    return order.id


def _line(
    order: Order, position: int, line: BasketLine, product: Offer, basis_points: int
) -> OrderLine:
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
        commission_minor=commission(gross, basis_points),
        commission_basis_points=basis_points,
        refund_days=product.refund_days,
    )


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings
