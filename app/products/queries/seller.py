"""A seller's own products as they are read."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select

from app.kit.db import read
from app.kit.paging import PAGE_SIZE, Page, cut, decode_cursor, with_total
from app.products.models import Product, ProductState, UnitState
from app.products.queries.cards import ProductCard, joined, units_of
from app.products.queries.commission import known, set_rate
from app.products.queries.stock import Counts


@dataclass(frozen=True)
class OwnCard(ProductCard):
    """A product in its seller's list, with the counts of its units."""

    counts: Counts
    commission_basis_points: int


_EVERY = joined().where(
    Product.seller_id == bindparam("seller_id"), Product.state != ProductState.REMOVED
)
_FIRST_PAGE = _EVERY.order_by(Product.id.desc()).limit(bindparam("size"))
_NEXT_PAGE = _FIRST_PAGE.where(Product.id < bindparam("last_id"))
_MORE = select(
    Product.id, set_rate(), *(units_of(state).label(state.value) for state in UnitState)
).where(Product.id.in_(bindparam("product_ids", expanding=True)))


def products_of(
    seller_id: UUID, *, after: str | None = None, size: int = PAGE_SIZE, counted: bool = False
) -> Page[OwnCard]:
    """A page of a seller's products, newest first, the removed ones left out.

    Raises Invalid for a broken cursor.
    """
    values: dict[str, Any] = {"seller_id": seller_id, "size": size + 1}
    if after:
        [values["last_id"]] = decode_cursor(after, tuple[UUID])
    rows = read(_NEXT_PAGE if after else _FIRST_PAGE, values).all()
    page = cut(rows, size, lambda row: (row.id,))
    ids = [row.id for row in page.items]
    more = {row[0]: row[1:] for row in read(_MORE, {"product_ids": ids})}
    items = [
        OwnCard(
            **row._asdict(),
            counts=Counts(*more[row.id][1:]),
            commission_basis_points=known(more[row.id][0]),
        )
        for row in page.items
    ]
    shown = Page(items, page.next_cursor)
    return with_total(shown, _EVERY.params(seller_id=seller_id), after) if counted else shown
