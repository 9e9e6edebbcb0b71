"""The catalogue: what is for sale, searched, filtered, sorted, page by page."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Label,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import aliased

from app.auth.models import User
from app.kit.db import read, session
from app.kit.paging import PAGE_SIZE, Moment, Page, count_of, cut, decode_cursor, with_total
from app.products import policy
from app.products.models import Category, Kind, Product, ProductState, Sort, StockItem, UnitState
from app.products.queries.cards import ProductCard, free_counts, joined, stock
from app.products.queries.categories import digest
from app.products.queries.search import TAGGED, Words, has_words, interpretations, rank

# Where many products have the words of a search.
MOST_RANKED = 300  # ten pages; so many are found, too
MOST_WALKED = 3_000  # in the order of the sort, in search of those with the words
# Of so many of the first products so many must have the words, for up to READ to be read.
LOOKED_AT, COMMON, READ = 100, 8, 5_000
Given = frozenset[str]  # names of filters
NONE: Given = frozenset()
PRICES: Given = frozenset({"price_from", "price_to"})


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


@dataclass(frozen=True)
class Listing(Page[Listed]):
    """A page of products, and the digest of all categories where that was read along with it."""

    categories: int | None = None


def _written_out(name: str, *, expanding: bool = False) -> BindParameter[Any]:
    """A value of a filter that stands in the statement itself.

    A statement that is prepared once for any value is planned for the usual one: a filter that few
    products meet would then read them all.
    """
    return bindparam(name, expanding=expanding, literal_execute=True)


def _in_stock(product: type[Product]) -> ColumnElement[bool]:
    units = select(StockItem.id).where(
        StockItem.product_id == product.id, StockItem.state == UnitState.FREE
    )
    return or_(product.shared, units.exists())


_CONDITIONS: dict[str, Callable[[type[Product]], ColumnElement[bool]]] = {
    "category_ids": lambda product: product.category_id.in_(
        _written_out("category_ids", expanding=True)
    ),
    "kinds": lambda product: product.kind.in_(_written_out("kinds", expanding=True)),
    "price_from": lambda product: product.price_minor >= _written_out("price_from"),
    "price_to": lambda product: product.price_minor <= _written_out("price_to"),
    "in_stock": _in_stock,
    "seller_id": lambda product: product.seller_id == _written_out("seller_id"),
}
_COLUMNS = {
    Sort.NEW: "published_at",
    Sort.PRICE_ASC: "price_minor",
    Sort.PRICE_DESC: "price_minor",
    Sort.POPULAR: "sold_count",
}
_KEYS: dict[Sort, ColumnElement[Any]] = {
    sort: getattr(Product, name).expression for sort, name in _COLUMNS.items()
}


def listing(
    filters: Filters,
    sort: Sort,
    *,
    after: str | None = None,
    size: int = PAGE_SIZE,
    counted: bool = False,
) -> Listing:
    """A page of products for sale; Invalid for a broken cursor.

    With `counted` it says how many there are in all; of those with words up to MOST_RANKED.

    Words are looked for as a search engine does; only where no product for sale has them, titles
    with words that resemble them are taken. Without words no product is more relevant than another.
    """
    given = frozenset(name for name in _CONDITIONS if _is_given(getattr(filters, name)))
    values = {name: getattr(filters, name) for name in given} | {"size": size + 1}
    if after is not None:
        cursor = tuple[Moment, UUID] if sort is Sort.NEW else tuple[int, UUID]
        values["last_key"], values["last_id"] = decode_cursor(after, cursor)
    total = None
    if filters.words:
        words, total, ids = _sought(filters.words, given, values)
        if words is None:
            return Listing([], None, 0 if counted else None)
        values |= words.values(values)
        values |= {"ids": ids, "ranked": MOST_RANKED, "walked": MOST_WALKED}
        statement = _page_of_words(
            given,
            sort,
            len(words.queries),
            along=_along(filters, sort) & given,
            few=total <= MOST_RANKED,
            continued=after is not None,
        )
    else:
        statement = _page(given, sort, continued=after is not None, counted=counted)
    rows = read(statement, values).all()
    shown = cut(rows, size, lambda row: (row.key, row.id))
    page = Listing([Listed(*row[:-3]) for row in shown.items], shown.next_cursor)
    if not counted:
        return page
    if total is None and not rows:
        return with_total(page, _those(given).params(values), after)
    if total is None:
        return replace(page, total=rows[0].total, categories=rows[0].categories)
    return replace(page, total=total, most=MOST_RANKED)


def _is_given(value: object) -> bool:
    return value is not None and value is not False and value != ()


def _those(given: Given) -> Select[Any]:
    """The products for sale that meet the filters, in no order."""
    return (
        select(Product)
        .join(User, User.id == Product.seller_id)
        .where(policy.for_sale(), *(_CONDITIONS[name](Product) for name in given))
    )


def _order(sort: Sort, product: type[Product] = Product) -> tuple[ColumnElement[Any], ...]:
    ident = product.id.expression
    if sort is Sort.RELEVANCE:
        return (ident.desc(),)
    key = getattr(product, _COLUMNS[sort]).expression
    return (key, ident) if sort is Sort.PRICE_ASC else (key.desc(), ident.desc())


def _comes_after(
    sort: Sort, key: ColumnElement[Any], product: type[Product] = Product
) -> ColumnElement[bool]:
    """Whether a product with this key comes after the cursor."""
    place = tuple_(key, product.id)
    last = tuple_(
        bindparam("last_key", type_=key.type), bindparam("last_id", type_=Product.id.type)
    )
    return place > last if sort is Sort.PRICE_ASC else place < last


# To write a statement, and to recognize it, takes longer than to run it.
@lru_cache(2048)
def _page(given: Given, sort: Sort, *, continued: bool, counted: bool) -> Select[Any]:
    """Cards in the order of the sort, each with its place in it, and what the first page shows.

    That is how many there are in all, and categories.
    """
    key = _KEYS.get(sort, literal(0))
    total = count_of(_those(given)) if counted else null()
    categories = digest() if counted else null()
    query = joined(stock(), key.label("key"), total.label("total"), categories.label("categories"))
    query = query.where(policy.for_sale(), *(_CONDITIONS[name](Product) for name in given))
    if continued:
        query = query.where(_comes_after(sort, key))
    return query.order_by(*_order(sort)).limit(bindparam("size"))


def _sought(
    typed: str, given: Given, values: Mapping[str, object]
) -> tuple[Words | None, int, str | None]:
    """The words that are looked for, how many products have them, and which of them are known.

    Those that mean anything for sale, whether or not it meets the filters.
    """
    for words in interpretations(typed):
        found = session().execute(_how_many(given), {**values, **words.values(values)}).one()
        if found.total or (
            given and session().execute(_how_many(NONE), words.values({})).one().total
        ):
            return words, found.total, found.ids or "{}"
    return None, 0, None


@lru_cache(2048)
def _how_many(given: Given) -> Select[Any]:
    """How many products have the words and meet the filters, and which: up to MOST_RANKED + 1.

    The planner doesn't know how many have the words: it knows nothing of beginnings, nor of what
    words have to do with each other and with the order of the products. So it is not asked to
    choose. The index of the words takes the longer the more have them. Where some of the first
    products have, it is quicker to read on until enough are found, though no further than READ.
    """
    by_id = select(Product).where(Product.state == ProductState.PUBLISHED).order_by(Product.id)
    sample = aliased(Product, by_id.limit(LOOKED_AT).subquery("sample"))
    seen = select(func.count()).where(has_words(sample)).scalar_subquery()
    products = _those(given) if given else _those(given).order_by(Product.id)
    product = aliased(Product, products.limit(READ).subquery("product_read"))
    enough = MOST_RANKED + 1
    read = (
        select(product.id)
        .where(seen >= COMMON, has_words(product))
        .limit(enough)
        .cte("read")
        .prefix_with("MATERIALIZED")
    )
    is_enough = select(func.count() == enough).select_from(read).scalar_subquery()
    indexed = _indexed(given)
    some = union_all(
        select(read.c.id).where(is_enough),
        indexed.with_only_columns(indexed.selected_columns.id).where(not_(is_enough)).limit(enough),
    ).subquery("some")
    total: Label[Any] = func.count().label("total")
    ids = cast(func.array_agg(some.c.id), Text).label("ids")
    return select(total, ids).select_from(some)


def _indexed(given: Given) -> Select[Any]:
    """Those that have the words and meet the filters, by the index of the words.

    Or by the one of prices, which the planner knows to judge.
    """
    if given & PRICES:
        return _those(given).where(has_words(Product))
    # Nothing is said of their state where they are looked up: to the indexes of those that are
    # published, which have them in orders of their own, there is no way then.
    looked_up = (
        select(Product)
        .join(User, User.id == Product.seller_id)
        .where(User.banned_at.is_(None), has_words(Product), *_others(given, Product))
    )
    found = aliased(Product, looked_up.offset(0).subquery("found"))
    return select(found).where(policy.is_offered(found))


def _others(given: Given, product: type[Product]) -> Iterator[ColumnElement[bool]]:
    """The filters that the query of the words doesn't say."""
    return (_CONDITIONS[name](product) for name in given - TAGGED)


@lru_cache(2048)
def _page_of_words(
    given: Given, sort: Sort, words: int, *, along: Given, few: bool, continued: bool
) -> Select[Any]:
    """Cards in the order of the sort, each with its place in it.

    `few` products are all known. Of many, those that come first are soon met on a walk in the order
    of the sort, along an index that meets some of the filters, `along`. If too few are, the others
    are sorted; but by what is bought, or for a rank, only those that are known.
    """
    is_ranked = sort is Sort.RELEVANCE
    by = Sort.POPULAR if is_ranked else sort
    wanted: BindParameter[int] = bindparam("ranked" if is_ranked else "size")

    def comes_after(product: type[Product]) -> tuple[ColumnElement[bool], ...]:
        if not continued or is_ranked:  # what is ranked is the same for each page
            return ()
        return (_comes_after(by, getattr(product, _COLUMNS[by]), product),)

    if few or by is Sort.POPULAR:
        ids = cast(bindparam("ids", type_=Text), ARRAY(Uuid))
        others = select(Product).where(Product.id == any_(ids))
    else:
        others = _indexed(given)
    other = aliased(Product, others.offset(0).subquery("other"))
    first = select(other.id).where(*comes_after(other)).order_by(*_order(by, other)).limit(wanted)
    if not few:
        walk = _those(along).where(*comes_after(Product)).order_by(*_order(by))
        walked = aliased(Product, walk.limit(bindparam("walked")).subquery("walked"))
        met = (
            select(walked.id)
            .where(has_words(walked), *_others(given - along, walked))
            .limit(wanted)
            .cte("met")
            .prefix_with("MATERIALIZED")
        )
        too_few = select(func.count()).select_from(met).scalar_subquery() < wanted
        first = select(union_all(select(met.c.id), first.where(too_few)).subquery("first").c.id)
    key = rank(words) if is_ranked else _KEYS[sort]
    query = joined(stock(), key.label("key"), null().label("total"), null().label("categories"))
    query = query.where(Product.id.in_(first), policy.for_sale())
    if continued and is_ranked:
        query = query.where(_comes_after(sort, key))
    order = (key.desc(), Product.id.desc()) if is_ranked else _order(sort)
    return query.order_by(*order).limit(bindparam("size"))


def _along(filters: Filters, sort: Sort) -> Given:
    """The filters of which a walk in the order of the sort meets no others."""
    prices = PRICES if sort in {Sort.PRICE_ASC, Sort.PRICE_DESC} else NONE
    return prices | ({"category_ids"} if len(filters.category_ids) == 1 else set())


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
    # An array, so that the planner looks up each category's products and ends when it has enough.
    shelf_and_below = (
        select(func.array_agg(below.id))
        .where(or_(below.id == Category.id, below.parent_id == Category.id))
        .correlate(Category)
        .scalar_subquery()
    )
    on_it = (
        select(Product.id)
        .join(User, User.id == Product.seller_id)
        .where(Product.category_id == any_(cast(shelf_and_below, ARRAY(Uuid))), policy.for_sale())
    )
    rows = read(select(Category.id, count_of(on_it)).where(Category.parent_id.is_(None)))
    return {row[0]: row[1] for row in rows}
