"""The catalogue: what is for sale, searched, filtered, sorted, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, literal, or_, select, tuple_

from app.auth.models import User
from app.kit.db import session
from app.kit.paging import PAGE_SIZE, Page, cut, decode_cursor, with_total
from app.products import policy
from app.products.models import Kind, Product, StockItem, UnitState
from app.products.queries.cards import ProductCard, free_counts, joined
from app.products.queries.search import find_words


class Sort(StrEnum):
    """The ways in which a listing can be sorted."""

    NEW = "new"
    PRICE_ASC = "price_asc"
    PRICE_DESC = "price_desc"
    POPULAR = "popular"
    RELEVANCE = "relevance"


@dataclass(frozen=True)
class Filters:
    """What a visitor looks for. Prices are in minor units."""

    words: str = ""
    category_ids: tuple[UUID, ...] = ()
    kinds: tuple[Kind, ...] = ()
    price_from: int | None = None
    price_to: int | None = None
    in_stock: bool = False
    seller_id: UUID | None = None


@dataclass(frozen=True)
class Listed(ProductCard):
    """A product in a listing. `stock` is None where every buyer gets the same content."""

    stock: int | None


def listing(
    filters: Filters,
    sort: Sort,
    *,
    after: str | None = None,
    size: int = PAGE_SIZE,
    counted: bool = False,
) -> Page[Listed]:
    """A page of products for sale; Invalid for a broken cursor.

    With `counted` it says how many there are in all.

    Words are looked for as a search engine does; only where no product for sale has them, titles
    that resemble them are taken.
    """
    search = find_words(filters.words) if filters.words else None
    rank = search.rank if search and sort is Sort.RELEVANCE else literal(0)
    query = joined(rank.label("rank")).where(*_conditions(filters))
    if search:
        query = query.where(search.matches)
    rows = session().execute(_sorted(query, sort, rank, after).limit(size + 1)).all()
    page = cut(rows, size, lambda row: _key(row, sort))
    free = free_counts([row.id for row in page.items if not row.shared])
    items = [_listed(row, free) for row in page.items]
    shown = Page(items, page.next_cursor)
    return with_total(shown, query, after) if counted else shown


def _listed(row: Row[Any], free: dict[UUID, int]) -> Listed:
    columns = row._asdict()
    del columns["rank"]
    return Listed(**columns, stock=None if row.shared else free.get(row.id, 0))


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    conditions = [policy.for_sale()]
    if filters.category_ids:
        conditions.append(Product.category_id.in_(filters.category_ids))
    if filters.kinds:
        conditions.append(Product.kind.in_(filters.kinds))
    if filters.price_from is not None:
        conditions.append(Product.price_minor >= filters.price_from)
    if filters.price_to is not None:
        conditions.append(Product.price_minor <= filters.price_to)
    if filters.seller_id is not None:
        conditions.append(Product.seller_id == filters.seller_id)
    if filters.in_stock:
        conditions.append(
            or_(
                Product.shared,
                select(StockItem.id)
                .where(StockItem.product_id == Product.id, StockItem.state == UnitState.FREE)
                .exists(),
            )
        )
    return conditions


def _sorted(
    query: Select[Any], sort: Sort, rank: ColumnElement[int], after: str | None
) -> Select[Any]:
    """Order by the sort and the id; with a cursor, only what comes after it."""
    if sort is Sort.PRICE_ASC:
        if after:
            price, last = decode_cursor(after, tuple[int, UUID])
            query = query.where(tuple_(Product.price_minor, Product.id) > (price, last))
        return query.order_by(Product.price_minor, Product.id)
    column: ColumnElement[Any]
    shape: type[tuple[Any, ...]]
    match sort:
        case Sort.PRICE_DESC:
            column, shape = Product.price_minor.expression, tuple[int, UUID]
        case Sort.POPULAR:
            column, shape = Product.sold_count.expression, tuple[int, UUID]
        case Sort.RELEVANCE:
            column, shape = rank, tuple[int, UUID]
        case _:
            column, shape = Product.published_at.expression, tuple[datetime, UUID]
    if after:
        value, last = decode_cursor(after, shape)
        query = query.where(tuple_(column, Product.id) < (value, last))
    return query.order_by(column.desc(), Product.id.desc())


def _key(row: Any, sort: Sort) -> tuple[Any, ...]:
    match sort:
        case Sort.PRICE_ASC | Sort.PRICE_DESC:
            return row.price_minor, row.id
        case Sort.POPULAR:
            return row.sold_count, row.id
        case Sort.RELEVANCE:
            return row.rank, row.id
        case _:
            return row.published_at, row.id


def left(ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many are left of each of these products that is for sale by the piece."""
    for_sale = session().scalars(
        select(Product.id)
        .join(User, User.id == Product.seller_id)
        .where(Product.id.in_(ids), Product.shared.is_(False), policy.for_sale())
    )
    found = for_sale.all()
    free = free_counts(found)
    return {product_id: free.get(product_id, 0) for product_id in found}


def counts_by_category() -> dict[UUID, int]:
    """How many products are for sale on each shelf."""
    rows = session().execute(
        select(Product.category_id, func.count())
        .join(User, User.id == Product.seller_id)
        .where(policy.for_sale())
        .group_by(Product.category_id)
    )
    return {row[0]: row[1] for row in rows}
