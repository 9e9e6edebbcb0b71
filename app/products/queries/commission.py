"""What the shop takes of a sale, in ten-thousandths of the price.

The most specific rate wins: the seller's, then the category's, then that of the category above it,
then the shop's default.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import current_app
from sqlalchemy import ColumnElement, Label, ScalarSelect, Select, func, select
from sqlalchemy.orm import aliased

from app.auth.models import User
from app.kit.db import read, session
from app.kit.paging import PAGE_SIZE, Page, cut, decode_cursor, with_total
from app.products.models import Category, CommissionChange, CommissionRate, Product
from app.products.queries.categories import shelves


@dataclass(frozen=True)
class ShelfRate:
    """A category that has a rate of its own."""

    name: str
    basis_points: int


@dataclass(frozen=True)
class Terms:
    """What a seller pays of each sale; `others` are the categories in which it is not that."""

    basis_points: int
    others: list[ShelfRate]


@dataclass(frozen=True)
class SetRate:
    """A rate that is not the default, of a category or a seller."""

    id: UUID
    category_id: UUID | None
    category_name: str | None
    seller_id: UUID | None
    seller_name: str | None
    basis_points: int


@dataclass(frozen=True)
class Change:
    """Who changed a rate, when, from what to what; None is the default."""

    id: UUID
    category_id: UUID | None
    category_name: str | None
    seller_id: UUID | None
    seller_name: str | None
    before: int | None
    after: int | None
    changed_by: UUID
    changed_by_name: str
    changed_at: datetime


def default() -> int:
    """What the shop takes where nothing else is set."""
    basis_points: int = current_app.extensions["settings"].commission_basis_points
    return basis_points


def rates_of(product_ids: Sequence[UUID]) -> dict[UUID, int]:
    """What the shop takes of a sale of each of these products, as things stand now."""
    rows = read(select(Product.id, set_rate()).where(Product.id.in_(product_ids)))
    return {row.id: known(row.set_rate) for row in rows}


def set_rate() -> Label[int]:
    """The rate that is set for a product, null if none; for a query of products. See `known`."""
    parent = select(Category.parent_id).where(Category.id == Product.category_id)
    return func.coalesce(
        _rate(CommissionRate.seller_id == Product.seller_id),
        _rate(CommissionRate.category_id == Product.category_id),
        _rate(CommissionRate.category_id == parent.correlate(Product).scalar_subquery()),
    ).label("set_rate")


def known(basis_points: int | None) -> int:
    """The rate that is set, or the default where none is."""
    return default() if basis_points is None else basis_points


def _rate(whose: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(CommissionRate.basis_points).where(whose).correlate(Product).scalar_subquery()


def terms_of(seller_id: UUID | None, locale: str) -> Terms:
    """What a seller pays, or with None what a new one would."""
    rows = session().execute(
        select(CommissionRate.category_id, CommissionRate.basis_points).where(
            (CommissionRate.seller_id == seller_id) | CommissionRate.category_id.is_not(None)
        )
    )
    rates = {row.category_id: row.basis_points for row in rows}
    if None in rates:
        return Terms(rates[None], [])
    others = [
        ShelfRate(shelf.name, rates[shelf.id])
        for top in shelves(locale)
        for shelf in (top, *top.children)
        if shelf.id in rates
    ]
    return Terms(default(), others)


def set_rates(
    locale: str, *, after: str | None = None, size: int = PAGE_SIZE, counted: bool = False
) -> Page[SetRate]:
    """The rates that are not the default, the newest first; Invalid for a broken cursor."""
    return _page(_named(CommissionRate, locale), SetRate, after, size=size, counted=counted)


def changes(
    locale: str, *, after: str | None = None, size: int = PAGE_SIZE, counted: bool = False
) -> Page[Change]:
    """What was changed, the newest first; Invalid for a broken cursor."""
    admin = aliased(User)
    every = _named(CommissionChange, locale).join(admin, admin.id == CommissionChange.changed_by)
    every = every.add_columns(admin.display_name.label("changed_by_name"))
    return _page(every, Change, after, size=size, counted=counted)


def _named(table: Any, locale: str) -> Select[*tuple[Any, ...]]:
    """All of a table's columns, with the names of what a row is about."""
    name = Category.name_ru if locale == "ru" else Category.name_en
    seller = aliased(User)
    return (
        select(
            *table.__table__.columns,
            name.label("category_name"),
            seller.display_name.label("seller_name"),
        )
        .outerjoin(Category, Category.id == table.category_id)
        .outerjoin(seller, seller.id == table.seller_id)
    )


def _page(
    every: Select[*tuple[Any, ...]], shape: Any, after: str | None, *, size: int, counted: bool
) -> Page[Any]:
    """A page of the rows of `_named`, the newest first."""
    key = every.selected_columns["id"]
    asked = every
    if after:
        [last_id] = decode_cursor(after, tuple[UUID])
        asked = every.where(key < last_id)
    rows = [shape(**row._asdict()) for row in read(asked.order_by(key.desc()).limit(size + 1))]
    page = cut(rows, size, lambda row: (row.id,))
    return with_total(page, every, after) if counted else page
