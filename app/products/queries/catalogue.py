"""The catalogue: what is for sale, searched, filtered, sorted, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    bindparam,
    literal,
    null,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import aliased

from app.auth.models import User
from app.kit.db import session
from app.kit.paging import PAGE_SIZE, Page, count_of, cut, decode_cursor, with_total
from app.products import policy
from app.products.models import Category, Kind, Product, StockItem, UnitState
from app.products.queries.cards import ProductCard, free_counts, joined, stock
from app.products.queries.search import Search, find_words, ranked


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


def _written_out(name: str, *, expanding: bool = False) -> BindParameter[Any]:
    """A value of a filter that stands in the statement itself.

    A statement that is prepared once for any value is planned for the usual one: a filter that few
    products meet would then read them all.
    """
    return bindparam(name, expanding=expanding, literal_execute=True)


_CONDITIONS: dict[str, ColumnElement[bool]] = {
    "category_ids": Product.category_id.in_(_written_out("category_ids", expanding=True)),
    "kinds": Product.kind.in_(_written_out("kinds", expanding=True)),
    "price_from": Product.price_minor >= _written_out("price_from"),
    "price_to": Product.price_minor <= _written_out("price_to"),
    "in_stock": or_(
        Product.shared,
        select(StockItem.id)
        .where(StockItem.product_id == Product.id, StockItem.state == UnitState.FREE)
        .exists(),
    ),
    "seller_id": Product.seller_id == _written_out("seller_id"),
}
_KEYS: dict[Sort, ColumnElement[Any]] = {
    Sort.NEW: Product.published_at.expression,
    Sort.PRICE_ASC: Product.price_minor.expression,
    Sort.PRICE_DESC: Product.price_minor.expression,
    Sort.POPULAR: Product.sold_count.expression,
}


def listing(
    filters: Filters,
    sort: Sort,
    *,
    after: str | None = None,
    size: int = PAGE_SIZE,
    counted: bool = False,
) -> Page[Listed]:
    """A page of products for sale, read by one statement; Invalid for a broken cursor.

    With `counted` it says how many there are in all.

    Words are looked for as a search engine does; only where no product for sale has them, titles
    with words that resemble them are taken. Without words no product is more relevant than another.
    """
    given = frozenset(name for name in _CONDITIONS if _is_given(getattr(filters, name)))
    values = {name: getattr(filters, name) for name in given}
    search = find_words(filters.words) if filters.words else None
    write = _page if search else _page_without_words
    statement = write(given, sort, search, continued=after is not None, counted=counted)
    values["size"] = size + 1
    if after is not None:
        cursor = tuple[datetime, UUID] if sort is Sort.NEW else tuple[int, UUID]
        values["last_key"], values["last_id"] = decode_cursor(after, cursor)
    rows = session().execute(statement, values).all()
    shown = cut(rows, size, lambda row: (row.key, row.id))
    page = Page([Listed(*row[:-2]) for row in shown.items], shown.next_cursor)
    if not counted:
        return page
    if rows:
        return replace(page, total=rows[0].total)
    return with_total(page, _found(given, search).params(values), after)


def _is_given(value: object) -> bool:
    return value is not None and value is not False and value != ()


def _found(given: frozenset[str], search: Search | None, *, is_ranked: bool = False) -> Select[Any]:
    conditions = (policy.for_sale(), *(_CONDITIONS[name] for name in given))
    query = joined(stock()).where(*conditions)
    if search is None:
        return query
    return query.where(ranked(search, *conditions) if is_ranked else search.matches)


def _page(
    given: frozenset[str], sort: Sort, search: Search | None, *, continued: bool, counted: bool
) -> Select[Any]:
    """Cards in the order of the sort, each with its place in it, and how many there are in all."""
    is_ranked = search is not None and sort is Sort.RELEVANCE
    key = search.rank if search and is_ranked else _KEYS.get(sort, literal(0))
    total = count_of(_found(given, search)) if counted else null()
    query = _found(given, search, is_ranked=is_ranked)
    query = query.add_columns(key.label("key"), total.label("total")).limit(bindparam("size"))
    place = tuple_(key, Product.id)
    last = tuple_(
        bindparam("last_key", type_=key.type), bindparam("last_id", type_=Product.id.type)
    )
    if sort is Sort.PRICE_ASC:
        query = query.where(place > last) if continued else query
        return query.order_by(key, Product.id)
    query = query.where(place < last) if continued else query
    return query.order_by(key.desc(), Product.id.desc())


# To write a statement, and to recognize it, takes longer than to run it.
_page_without_words = lru_cache(2048)(_page)


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


def counts_by_shelf() -> dict[UUID, int]:
    """How many products are for sale on each upper shelf and those below it.

    At most one more than MOST_COUNTED.
    """
    below = aliased(Category)
    on_it = (
        select(Product.id)
        .join(User, User.id == Product.seller_id)
        .where(
            Product.category_id.in_(
                select(below.id).where(or_(below.id == Category.id, below.parent_id == Category.id))
            ),
            policy.for_sale(),
        )
        .correlate(Category)
    )
    rows = session().execute(
        select(Category.id, count_of(on_it)).where(Category.parent_id.is_(None))
    )
    return {row[0]: row[1] for row in rows}
