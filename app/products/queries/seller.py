"""A seller's own products as they are read."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select

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


def products_of(seller_id: UUID, *, after: str | None = None) -> Page[OwnProduct]:
    """A page of a seller's products, newest first, the removed ones left out."""
    query = (
        select(Product)
        .where(Product.seller_id == seller_id, Product.state != ProductState.REMOVED)
        .order_by(Product.id.desc())
        .limit(PAGE_SIZE + 1)
    )
    if after:
        (last,) = decode_cursor(after, tuple[UUID])
        query = query.where(Product.id < last)
    page = cut(session().scalars(query).all(), PAGE_SIZE, lambda product: (product.id,))
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


def own_product(seller_id: UUID, product_id: UUID) -> Product:
    """A seller's product in any state but removed; NoSuchProduct."""
    product = session().get(Product, product_id, populate_existing=True)
    if product is None or product.seller_id != seller_id or product.state is ProductState.REMOVED:
        raise NoSuchProduct
    return product
