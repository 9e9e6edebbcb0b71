"""What is read of goods and their stock."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select

from app.auth.models import User
from app.kit.db import session
from app.products.models import Kind, Product, ProductState, StockItem, UnitState


@dataclass(frozen=True)
class ProductForSale:
    """A product as a basket and an order need it. `price_minor` is in minor units."""

    id: UUID
    seller_id: UUID
    seller_name: str
    title: str
    description: str
    kind: Kind
    shared: bool
    content_id: UUID | None
    photo_id: UUID | None
    price_minor: int
    currency: str
    state: ProductState
    seller_banned: bool

    @property
    def removed(self) -> bool:
        """Whether it was taken out of the shop for good."""
        return self.state is ProductState.REMOVED

    @property
    def buyable(self) -> bool:
        """Whether it may be put into a basket and ordered, stock aside."""
        return (
            self.state is ProductState.PUBLISHED
            and not self.seller_banned
            and (not self.shared or self.content_id is not None)
        )


def products_by_id(ids: Sequence[UUID]) -> list[ProductForSale]:
    """The products of these ids in whatever state, in no order."""
    rows = session().execute(
        select(
            Product.id,
            Product.seller_id,
            User.display_name.label("seller_name"),
            Product.title,
            Product.description,
            Product.kind,
            Product.shared,
            Product.content_id,
            Product.photo_id,
            Product.price_minor,
            Product.currency,
            Product.state,
            User.banned_at.is_not(None).label("seller_banned"),
        )
        .join(User, User.id == Product.seller_id)
        .where(Product.id.in_(ids))
    )
    return [ProductForSale(**row._asdict()) for row in rows]


def free_counts(ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many free units each of these products has; those with none are not in it."""
    rows = session().execute(
        select(StockItem.product_id, func.count().label("free"))
        .where(StockItem.product_id.in_(ids), StockItem.state == UnitState.FREE)
        .group_by(StockItem.product_id)
    )
    return {row.product_id: int(row.free) for row in rows}
