"""Baskets as they stand now: what was put in, against today's prices and stock."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from flask import current_app
from sqlalchemy import and_, bindparam, func, or_, select

from app.kit.db import session
from app.orders.models import Basket, BasketLine, Order, OrderLine, OrderState, Owner
from app.orders.policy import MAX_QUANTITY
from app.products.queries import cards
from app.products.queries.cards import ProductCard
from app.settings import Settings


class Problem(StrEnum):
    """Why a line can't be bought right now."""

    GONE = "gone"
    OWN = "own"
    TOO_FEW = "too_few"
    PRICE_CHANGED = "price_changed"
    TERMS_CHANGED = "terms_changed"


@dataclass(frozen=True)
class BasketLineView:
    """A line against its product now. Prices are in minor units of the shop's currency.

    `free` is how many pieces this buyer could have, those held for their own open checkout
    included; None stands for no end (a shared product).
    """

    product: ProductCard
    quantity: int
    seen_price_minor: int
    seen_refund_days: int
    free: int | None
    problem: Problem | None

    @property
    def total_minor(self) -> int:
        """The price of all pieces today; nothing for what can't be bought any more."""
        return 0 if self.problem is Problem.GONE else self.quantity * self.product.price_minor

    @property
    def price_changed(self) -> bool:
        """Whether the price is not the one that the person saw."""
        now = self.product.price_minor
        return self.problem is not Problem.GONE and now != self.seen_price_minor

    @property
    def terms_changed(self) -> bool:
        """Whether there is less time to return it than the person saw."""
        now = self.product.refund_days
        return self.problem is not Problem.GONE and now < self.seen_refund_days

    @property
    def most(self) -> int:
        """The largest quantity worth offering."""
        return MAX_QUANTITY if self.free is None else max(1, min(MAX_QUANTITY, self.free))


@dataclass(frozen=True)
class SellerGroup:
    """One seller's lines of a basket."""

    seller_id: UUID
    seller_name: str
    lines: tuple[BasketLineView, ...]


@dataclass(frozen=True)
class BasketView:
    """A basket with today's prices and stock."""

    id: UUID
    checkout_key: UUID
    lines: tuple[BasketLineView, ...]
    currency: str
    least_minor: int  # the minimum order

    @property
    def total_minor(self) -> int:
        """What all of it costs today, in minor units."""
        return sum(line.total_minor for line in self.lines)

    @property
    def pieces(self) -> int:
        """How many pieces there are in all."""
        return sum(line.quantity for line in self.lines)

    @property
    def has_problems(self) -> bool:
        """Whether something must be settled before the checkout."""
        return any(line.problem is not None for line in self.lines)

    @property
    def is_too_small(self) -> bool:
        """Whether the shop takes no order of so little."""
        return self.total_minor < self.least_minor

    @property
    def price_changes(self) -> bool:
        """Whether prices wait for the person's yes."""
        return any(line.price_changed for line in self.lines)

    @property
    def terms_change(self) -> bool:
        """Whether refund terms wait for the person's yes."""
        return any(line.terms_changed for line in self.lines)

    @property
    def by_seller(self) -> tuple[SellerGroup, ...]:
        """The lines grouped by seller, in the order in which they were added."""
        groups: dict[UUID, list[BasketLineView]] = {}
        for line in self.lines:
            groups.setdefault(line.product.seller_id, []).append(line)
        return tuple(
            SellerGroup(seller_id, lines[0].product.seller_name, tuple(lines))
            for seller_id, lines in groups.items()
        )


def basket_of(owner: Owner) -> BasketView | None:
    """The owner's basket, None where there is none yet; a constant number of statements."""
    rows = (
        session()
        .execute(
            select(Basket.id, Basket.checkout_key, BasketLine)
            .outerjoin(BasketLine, BasketLine.basket_id == Basket.id)
            .where(owner.owns())
            .order_by(BasketLine.added_at, BasketLine.product_id)
            .execution_options(populate_existing=True)
        )
        .all()
    )
    if not rows:
        return None
    found: list[BasketLine | None] = [row[2] for row in rows]
    lines = [line for line in found if line is not None]
    ids = [line.product_id for line in lines]
    goods = {product.id: product for product in cards.by_id(ids)}
    free = free_for(owner.user_id, rows[0].checkout_key, list(goods.values()))
    settings: Settings = current_app.extensions["settings"]
    return BasketView(
        id=rows[0].id,
        checkout_key=rows[0].checkout_key,
        lines=tuple(
            _line_view(line, goods[line.product_id], free[line.product_id], owner.user_id)
            for line in lines
        ),
        currency=settings.currency,
        least_minor=settings.min_price_minor,
    )


def basket_of_user(user_id: UUID) -> BasketView | None:
    """A user's basket, None where there is none yet."""
    return basket_of(Owner(user_id=user_id))


def free_for(
    user_id: UUID | None, checkout_key: UUID | None, goods: Sequence[ProductCard]
) -> dict[UUID, int | None]:
    """How many pieces of each product this buyer could have now; None for a shared one.

    Pieces held for the buyer's own unpaid checkout count: the next checkout takes them over.
    """
    counted = [product.id for product in goods if not product.shared]
    free = cards.free_counts(counted) if counted else {}
    held = _held_for(user_id, checkout_key, counted) if user_id and counted else {}
    return {
        product.id: None if product.shared else free.get(product.id, 0) + held.get(product.id, 0)
        for product in goods
    }


def _held_for(
    user_id: UUID, checkout_key: UUID | None, product_ids: Sequence[UUID]
) -> dict[UUID, int]:
    rows = session().execute(
        select(OrderLine.product_id, func.sum(OrderLine.quantity))
        .join(Order, Order.id == OrderLine.order_id)
        .where(
            Order.buyer_id == user_id,
            or_(
                Order.state == OrderState.OPEN,
                and_(
                    Order.state == OrderState.APPROVED,
                    Order.checkout_key == checkout_key,
                ),
            ),
            OrderLine.product_id.in_(product_ids),
        )
        .group_by(OrderLine.product_id)
    )
    return {product_id: int(pieces) for product_id, pieces in rows}


def _line_view(
    line: BasketLine, product: ProductCard, free: int | None, user_id: UUID | None
) -> BasketLineView:
    return BasketLineView(
        product=product,
        quantity=line.quantity,
        seen_price_minor=line.seen_price_minor,
        seen_refund_days=line.seen_refund_days,
        free=free,
        problem=_problem(line, product, free, user_id),
    )


def _problem(
    line: BasketLine, product: ProductCard, free: int | None, user_id: UUID | None
) -> Problem | None:
    if not product.for_sale:
        return Problem.GONE
    if product.seller_id == user_id:
        return Problem.OWN
    if free is not None and free < line.quantity:
        return Problem.TOO_FEW
    if product.price_minor != line.seen_price_minor:
        return Problem.PRICE_CHANGED
    if product.refund_days < line.seen_refund_days:
        return Problem.TERMS_CHANGED
    return None


_PIECES = select(func.coalesce(func.sum(BasketLine.quantity), 0)).join(
    Basket, Basket.id == BasketLine.basket_id
)
_PIECES_OF_USER = _PIECES.where(Basket.user_id == bindparam("owner"))
_PIECES_OF_GUEST = _PIECES.where(Basket.guest_hash == bindparam("owner"))


def pieces_in_basket(owner: Owner) -> int:
    """The number beside the basket in every page's header."""
    if owner.user_id is not None:
        found = session().execute(_PIECES_OF_USER, {"owner": owner.user_id})
    else:
        found = session().execute(_PIECES_OF_GUEST, {"owner": owner.guest_hash})
    return int(found.scalar_one())
