"""Baskets: filled by guests and users, kept through a login, emptied by a purchase."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, and_, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from app.kit.crypto import token_hash
from app.kit.db import lock, session, transactional
from app.kit.ids import new_id
from app.orders.errors import BasketFull, NoSuchOrder, NoSuchProduct, NotForSale, OwnProduct
from app.orders.models import Basket, BasketLine, Order, Owner
from app.orders.policy import MAX_LINES, MAX_QUANTITY
from app.orders.queries.basket import free_for
from app.products.errors import OutOfStock
from app.products.models import ProductState
from app.products.queries import cards
from app.products.queries.cards import ProductCard


@dataclass(frozen=True)
class Removed:
    """What was taken out, so that it can be put back."""

    product_id: UUID
    quantity: int
    title: str


@transactional
def add(*, owner: Owner, product_id: UUID, quantity: int) -> int:
    """Put pieces of a product into the basket; returns how many of it there are then.

    Raises NoSuchProduct, NotForSale, OwnProduct, BasketFull, and the products' OutOfStock.
    """
    product = _for_sale(owner, product_id)
    basket = locked(owner, make=True)
    assert basket is not None
    lines = _lines(basket.id)
    present = lines[product_id].quantity if product_id in lines else 0
    if product_id not in lines and len(lines) >= MAX_LINES:
        raise BasketFull(
            _("The basket holds up to %(count)s products. Buy these first.", count=MAX_LINES)
        )
    wanted = present + quantity
    _check_quantity(owner, basket, product, wanted)
    _write(basket.id, product_id, wanted, Seen(product.price_minor, product.refund_days))
    _changed(basket)
    return wanted


@transactional
def change(*, owner: Owner, product_id: UUID, quantity: int) -> None:
    """Set how many pieces of a product there are; what was not in the basket stays out.

    The price that the person saw stays as it was. Raises NotForSale, BasketFull, OutOfStock.
    """
    basket = locked(owner)
    if basket is None:
        return
    line = _lines(basket.id).get(product_id)
    if line is None or line.quantity == quantity:
        return
    if quantity > line.quantity:
        _check_quantity(owner, basket, _for_sale(owner, product_id), quantity)
    line.quantity = quantity
    _changed(basket)


@transactional
def change_as_far_as_possible(*, owner: Owner, product_id: UUID, quantity: int) -> int | None:
    """Like `change`, but takes what is left where that is fewer; how many, if it is fewer.

    Raises NotForSale, BasketFull, and OutOfStock where nothing is left.
    """
    try:
        change(owner=owner, product_id=product_id, quantity=quantity)
    except OutOfStock as few:
        left: int = few.params["left"]
        if left == 0:
            raise
        change(owner=owner, product_id=product_id, quantity=left)
        return left
    return None


@transactional
def remove(*, owner: Owner, product_id: UUID) -> Removed | None:
    """Take a product out; None if it was not there."""
    basket = locked(owner)
    line = _lines(basket.id).get(product_id) if basket is not None else None
    if basket is None or line is None:
        return None
    session().delete(line)
    _changed(basket)
    [product] = cards.by_id([product_id])
    return Removed(product_id, line.quantity, product.title)


@transactional
def accept_prices(*, owner: Owner) -> None:
    """The person has seen today's prices and refund terms and takes them."""
    basket = locked(owner)
    if basket is None:
        return
    lines = _lines(basket.id)
    for product in cards.by_id(list(lines)):
        if product.for_sale:
            line = lines[product.id]
            line.seen_price_minor = product.price_minor
            line.seen_refund_days = product.refund_days
    _changed(basket)


@transactional
def adopt(*, user_id: UUID, guest_token: str) -> None:
    """Move a guest's basket into the user's: the same products are added up, to what a line takes.

    Of two prices seen the guest's, which is the newer one, counts. What does not fit is left out.
    """
    guest = locked(Owner(guest_hash=token_hash(guest_token)))
    if guest is None:
        return
    brought = _lines(guest.id)
    if brought:
        own = locked(Owner(user_id=user_id), make=True)
        assert own is not None
        lines = _lines(own.id)
        for product_id, line in brought.items():
            if product_id not in lines and len(lines) >= MAX_LINES:
                break
            present = lines[product_id].quantity if product_id in lines else 0
            pieces = min(MAX_QUANTITY, present + line.quantity)
            _write(own.id, product_id, pieces, _seen(line))
            lines[product_id] = line
        _changed(own)
    session().execute(
        delete(Basket).where(Basket.id == guest.id).execution_options(synchronize_session=False)
    )


def take_out_bought(basket: Basket | None, order: Order) -> None:
    """Take what an order is made of out of its buyer's basket, once; what came later stays.

    Both are locked by `locked_with_order`.
    """
    if order.left_basket_at is not None:
        return
    order.left_basket_at = func.clock_timestamp()
    lines = _lines(basket.id) if basket is not None else {}
    bought = [line for line in order.lines if line.product_id in lines]
    for line in bought:
        kept = lines[line.product_id]
        if kept.quantity > line.quantity:
            kept.quantity -= line.quantity
        else:
            session().delete(kept)
    if basket is not None and bought:
        _changed(basket)


@transactional
def put_back(*, order_id: UUID) -> None:
    """Put what left the basket for an order that came to nothing back into it, once.

    What is not for sale any more, and what a basket does not take, stays out.
    """
    basket, order = locked_with_order(order_id)
    if basket is None or order.left_basket_at is None or order.is_paid:
        return
    order.left_basket_at = None
    lines = _lines(basket.id)
    goods = {card.id: card for card in cards.by_id([line.product_id for line in order.lines])}
    for line in order.lines:
        present = lines.get(line.product_id)
        if not goods[line.product_id].for_sale or (present is None and len(lines) >= MAX_LINES):
            continue
        pieces = min(MAX_QUANTITY, line.quantity + (present.quantity if present else 0))
        seen = _seen(present) if present else Seen(line.unit_price_minor, line.refund_days)
        _write(basket.id, line.product_id, pieces, seen)
    _changed(basket)


def is_forgotten(before: datetime) -> ColumnElement[bool]:
    """Whether a basket is of a guest who was not there since then."""
    return and_(Basket.guest_hash.is_not(None), Basket.updated_at < before)


def _for_sale(owner: Owner, product_id: UUID) -> ProductCard:
    found = cards.by_id([product_id])
    if not found or found[0].state == ProductState.DRAFT:
        raise NoSuchProduct
    if not found[0].for_sale:
        raise NotForSale
    if found[0].seller_id == owner.user_id:
        raise OwnProduct
    return found[0]


def _check_quantity(owner: Owner, basket: Basket, product: ProductCard, quantity: int) -> None:
    free = free_for(owner.user_id, basket.checkout_key, [product])[product.id]
    if free is not None and quantity > free:
        raise OutOfStock(product.id, free)
    if quantity > MAX_QUANTITY:
        raise BasketFull(
            _("You can have up to %(count)s of one product in the basket.", count=MAX_QUANTITY)
        )


def locked(owner: Owner, *, make: bool = False) -> Basket | None:
    """The owner's basket, locked until the commit."""
    if make:
        session().execute(
            insert(Basket)
            .values(
                id=new_id(),
                user_id=owner.user_id,
                guest_hash=owner.guest_hash,
                checkout_key=new_id(),
            )
            .on_conflict_do_nothing()
        )
    return _locked(owner.owns())


def _locked(which: ColumnElement[bool]) -> Basket | None:
    query = select(Basket).where(which).with_for_update()
    return session().scalars(query.execution_options(populate_existing=True)).one_or_none()


def locked_with_order(order_id: UUID) -> tuple[Basket | None, Order]:
    """An order and its buyer's basket, where all that one buyer does at once meets, both locked.

    The basket comes first, as in `place_order`. Raises NoSuchOrder.
    """
    buyer = select(Order.buyer_id).where(Order.id == order_id).scalar_subquery()
    basket = _locked(Basket.user_id == buyer)
    order = lock(Order, order_id)
    if order is None:
        raise NoSuchOrder
    return basket, order


def _lines(basket_id: UUID) -> dict[UUID, BasketLine]:
    lines = session().scalars(
        select(BasketLine)
        .where(BasketLine.basket_id == basket_id)
        .order_by(BasketLine.added_at, BasketLine.product_id)
        .execution_options(populate_existing=True)
    )
    return {line.product_id: line for line in lines}


@dataclass(frozen=True)
class Seen:
    """What the person saw of a product: its price in minor units, and the days to return it."""

    price_minor: int
    refund_days: int


def _seen(line: BasketLine) -> Seen:
    return Seen(line.seen_price_minor, line.seen_refund_days)


def _write(basket_id: UUID, product_id: UUID, quantity: int, seen: Seen) -> None:
    values = {
        "quantity": quantity,
        "seen_price_minor": seen.price_minor,
        "seen_refund_days": seen.refund_days,
    }
    session().execute(
        insert(BasketLine)
        .values(basket_id=basket_id, product_id=product_id, **values)
        .on_conflict_do_update(constraint="pk_basket_line", set_=values)
        .execution_options(synchronize_session=False)
    )


def _changed(basket: Basket) -> None:
    """A changed basket is another purchase: what was placed from the old one keeps the old key."""
    basket.checkout_key = new_id()
    basket.updated_at = func.clock_timestamp()
