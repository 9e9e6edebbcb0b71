"""A seller's own products as they are read."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import load_only

from app.kit.db import session
from app.kit.paging import PAGE_SIZE, Page, cut, decode_cursor
from app.products.errors import NoSuchProduct
from app.products.models import Kind, Product, ProductState, StockItem, UnitState
from app.products.queries.stock import Counts


@dataclass(frozen=True)
class OwnProduct:
    """A product in its seller's list, with its true counts."""

    id: UUID
    title: str
    kind: Kind
    shared: bool
    state: ProductState
    price_minor: int
    currency: str
    photo_id: UUID | None
    sold_count: int
    counts: Counts


@dataclass(frozen=True)
class OwnListing:
    """A product as its seller changes it. What buyers of a shared one get is not in it."""

    id: UUID
    category_id: UUID
    title: str
    description: str
    kind: Kind
    shared: bool
    has_content: bool
    price_minor: int
    currency: str
    photo_id: UUID | None
    state: ProductState
    version: int


def products_of(
    seller_id: UUID, *, after: str | None = None, size: int = PAGE_SIZE
) -> Page[OwnProduct]:
    """A page of a seller's products, newest first, the removed ones left out."""
    query = (
        select(Product)
        .options(
            load_only(
                Product.title,
                Product.kind,
                Product.shared,
                Product.state,
                Product.price_minor,
                Product.currency,
                Product.photo_id,
                Product.sold_count,
            )
        )
        .where(Product.seller_id == seller_id, Product.state != ProductState.REMOVED)
        .order_by(Product.id.desc())
        .limit(size + 1)
    )
    if after:
        (last,) = decode_cursor(after, tuple[UUID])
        query = query.where(Product.id < last)
    page = cut(session().scalars(query).all(), size, lambda product: (product.id,))
    counts = _counts([product.id for product in page.items])
    items = [
        OwnProduct(
            product.id,
            product.title,
            product.kind,
            product.shared,
            product.state,
            product.price_minor,
            product.currency,
            product.photo_id,
            product.sold_count,
            counts.get(product.id, Counts()),
        )
        for product in page.items
    ]
    return Page(items, page.next_cursor)


def _counts(product_ids: list[UUID]) -> dict[UUID, Counts]:
    rows = session().execute(
        select(StockItem.product_id, StockItem.state, func.count())
        .where(StockItem.product_id.in_(product_ids))
        .group_by(StockItem.product_id, StockItem.state)
    )
    found: dict[UUID, dict[UnitState, int]] = {}
    for product_id, state, number in rows:
        found.setdefault(product_id, {})[state] = number
    return {
        product_id: Counts(**{state.value: number for state, number in states.items()})
        for product_id, states in found.items()
    }


def own_product(seller_id: UUID, product_id: UUID) -> OwnListing:
    """A seller's product in any state but removed; NoSuchProduct."""
    row = (
        session()
        .execute(
            select(
                Product.id,
                Product.category_id,
                Product.title,
                Product.description,
                Product.kind,
                Product.shared,
                Product.content_id.is_not(None).label("has_content"),
                Product.price_minor,
                Product.currency,
                Product.photo_id,
                Product.state,
                Product.version,
            ).where(
                Product.id == product_id,
                Product.seller_id == seller_id,
                Product.state != ProductState.REMOVED,
            )
        )
        .one_or_none()
    )
    if row is None:
        raise NoSuchProduct
    return OwnListing(**row._asdict())
