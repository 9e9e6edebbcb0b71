"""A product as lists, search, baskets, orders and its own page are told of it: one shape.

A list loads no descriptions: what needs one asks for `Offer` or `ProductPage`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import add
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Label, ScalarSelect, Select, case, func, select

from app.auth.models import User
from app.kit.db import read, session
from app.kit.paging import count_of
from app.products import policy, ratings
from app.products.errors import NoSuchProduct, ProductGone
from app.products.models import Kind, Product, ProductState, SellerRating, StockItem, UnitState
from app.products.ratings import STARS, Rating


@dataclass(frozen=True)
class ProductCard:
    """A product without its description. `price_minor` is in minor units of `currency`."""

    id: UUID
    seller_id: UUID
    seller_name: str
    category_id: UUID
    title: str
    kind: Kind
    shared: bool
    content_id: UUID | None
    price_minor: int
    currency: str
    photo_id: UUID | None
    state: ProductState
    version: int
    sold_count: int
    refund_days: int
    published_at: datetime | None
    for_sale: bool
    review_count: int
    star_sum: int
    seller_reviews: int
    seller_stars: int

    @property
    def own_rating(self) -> Rating | None:
        """What its own reviews come to; None where there are none."""
        return ratings.of_product(self.star_sum, self.review_count)

    @property
    def seller_rating(self) -> Rating | None:
        """What the reviews of all its seller's products come to; None where there are none."""
        return ratings.of_seller(self.seller_stars, self.seller_reviews)

    @property
    def rating(self) -> Rating | None:
        """Its own rating, or its seller's where it has none."""
        return self.own_rating or self.seller_rating

    @property
    def removed(self) -> bool:
        """Whether it was taken out of the shop for good."""
        return self.state is ProductState.REMOVED


@dataclass(frozen=True)
class Offer(ProductCard):
    """A product as an order notes it down, with its description."""

    description: str


@dataclass(frozen=True)
class ProductPage(Offer):
    """A product on its own page. `stock` is None where every buyer gets the same content.

    At most one more than MOST_COUNTED, as in every list.
    """

    removed_reason: str | None
    low_stock_at: int
    stock: int | None
    histogram: tuple[int, ...]  # how many reviews gave one star, two, …


def columns() -> tuple[ColumnElement[Any] | Label[Any], ...]:
    """What a `ProductCard` is made of, for a query that joins the seller."""
    return (
        Product.id.expression,
        Product.seller_id.expression,
        User.display_name.label("seller_name"),
        Product.category_id.expression,
        Product.title.expression,
        Product.kind.expression,
        Product.shared.expression,
        Product.content_id.expression,
        Product.price_minor.expression,
        Product.currency.expression,
        Product.photo_id.expression,
        Product.state.expression,
        Product.version.expression,
        Product.sold_count.expression,
        Product.refund_days.expression,
        Product.published_at.expression,
        policy.for_sale().label("for_sale"),
        _sum(lambda _stars: 1).label("review_count"),
        _sum(lambda stars: stars).label("star_sum"),
        func.coalesce(SellerRating.review_count, 0).label("seller_reviews"),
        func.coalesce(SellerRating.star_sum, 0).label("seller_stars"),
    )


def _sum(weight: Callable[[int], int]) -> ColumnElement[int]:
    """Of the counters of a product's reviews, each with the weight of its stars."""
    parts = [getattr(Product, f"stars_{stars}") * weight(stars) for stars in STARS]
    return reduce(add, parts)


def joined(*more: ColumnElement[Any] | Label[Any]) -> Select[Any]:
    """Cards, with more columns where wanted, of all products and their sellers."""
    return (
        select(*columns(), *more)
        .join(User, User.id == Product.seller_id)
        .outerjoin(SellerRating, SellerRating.seller_id == Product.seller_id)
    )


def stock() -> Label[int | None]:
    """How many units are free, None where every buyer gets the same; for a query of cards."""
    return case((Product.shared, None), else_=units_of(UnitState.FREE)).label("stock")


def by_id(ids: Sequence[UUID]) -> list[ProductCard]:
    """The products of these ids in whatever state, in no order."""
    rows = read(joined().where(Product.id.in_(ids)))
    return [ProductCard(**row._asdict()) for row in rows]


def offers_by_id(ids: Sequence[UUID]) -> list[Offer]:
    """The same with their descriptions."""
    rows = read(joined(Product.description.expression).where(Product.id.in_(ids)))
    return [Offer(**row._asdict()) for row in rows]


def own_card(*, product_id: UUID, seller_id: UUID) -> ProductCard:
    """A seller's product in any state; NoSuchProduct if there is none or it is somebody else's."""
    row = (
        session()
        .execute(joined().where(Product.id == product_id, Product.seller_id == seller_id))
        .one_or_none()
    )
    if row is None:
        raise NoSuchProduct
    return ProductCard(**row._asdict())


def page_of(product_id: UUID) -> ProductPage:
    """A product in any state, with its stock as it is now; NoSuchProduct."""
    row = (
        session()
        .execute(
            joined(
                Product.description.expression,
                Product.removed_reason.expression,
                Product.low_stock_at.expression,
                stock(),
                *(getattr(Product, f"stars_{stars}") for stars in STARS),
            ).where(Product.id == product_id)
        )
        .one_or_none()
    )
    if row is None:
        raise NoSuchProduct
    shown = row._asdict()
    histogram = tuple(shown.pop(f"stars_{stars}") for stars in STARS)
    return ProductPage(**shown, histogram=histogram)


def visible(product_id: UUID, viewer_id: UUID | None) -> ProductPage:
    """A product as this person may see it; NoSuchProduct, and ProductGone once it is removed."""
    product = page_of(product_id)
    if product.removed:
        raise ProductGone
    if not product.for_sale and product.seller_id != viewer_id:
        raise NoSuchProduct
    return product


def own_product(seller_id: UUID, product_id: UUID) -> ProductPage:
    """A seller's product in any state but removed; NoSuchProduct."""
    product = page_of(product_id)
    if product.seller_id != seller_id or product.removed:
        raise NoSuchProduct
    return product


def units_of(state: UnitState) -> ScalarSelect[int]:
    """How many units of a product are in this state, for a query of products.

    At most one more than MOST_COUNTED: that there are so many is all that anybody asks.
    """
    units = select(StockItem.id).where(StockItem.product_id == Product.id, StockItem.state == state)
    return count_of(units.correlate(Product))


def free_counts(ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many free units each of these products has, as `units_of` counts; none are not in it."""
    free = units_of(UnitState.FREE)
    rows = read(select(Product.id, free.label("free")).where(Product.id.in_(ids)))
    return {row.id: row.free for row in rows if row.free}
