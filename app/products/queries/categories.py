"""The shelves as they are read: a small table, read whole."""

from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import ScalarSelect, func, select

from app.kit.db import read
from app.products.errors import NoSuchCategory
from app.products.models import Category


@dataclass(frozen=True)
class Shelf:
    """A category, its name in a person's language, and the ones below it."""

    id: UUID
    slug: str
    name: str
    children: list["Shelf"] = field(default_factory=list)
    parent: "Shelf | None" = None

    @property
    def ids(self) -> list[UUID]:
        """Its own id and those of the ones below it."""
        return [self.id, *(child.id for child in self.children)]


_ALL = {
    locale: select(Category.id, Category.parent_id, Category.slug, name.label("name")).order_by(
        Category.position, Category.slug
    )
    for locale, name in {"en": Category.name_en, "ru": Category.name_ru}.items()
}


def shelves(locale: str) -> list[Shelf]:
    """The upper categories, each with its lower ones, in their order."""
    rows = read(_ALL[locale]).all()
    tops = {row.id: Shelf(row.id, row.slug, row.name) for row in rows if row.parent_id is None}
    for row in rows:
        if row.parent_id is not None:
            top = tops[row.parent_id]
            top.children.append(Shelf(row.id, row.slug, row.name, parent=top))
    return list(tops.values())


def digest() -> ScalarSelect[int]:
    """What all categories come to, as a column: another number once one of them has changed."""
    of_one = func.concat_ws(
        "\n",
        Category.id,
        Category.parent_id,
        Category.position,
        Category.slug,
        Category.name_en,
        Category.name_ru,
    )
    every = select(func.bit_xor(func.hashtextextended(of_one, 0))).select_from(Category)
    return every.scalar_subquery()


_UPPER = {
    locale: every.add_columns(digest().label("digest")).where(Category.parent_id.is_(None))
    for locale, every in _ALL.items()
}
_remembered: dict[str, tuple[int, tuple[Shelf, ...]]] = {}  # by language


def upper_shelves(locale: str, known: int | None = None) -> tuple[Shelf, ...]:
    """The upper categories alone, in their order.

    From memory, if they still come to the digest that another statement has found.
    """
    remembered = _remembered.get(locale)
    if remembered and remembered[0] == known:
        return remembered[1]
    rows = read(_UPPER[locale]).all()
    found = tuple(Shelf(row.id, row.slug, row.name) for row in rows)
    if rows:
        _remembered[locale] = rows[0].digest, found
    return found


def find(tops: list[Shelf], slug: str) -> Shelf:
    """The category of this slug; NoSuchCategory if there is none."""
    for top in tops:
        for shelf in (top, *top.children):
            if shelf.slug == slug:
                return shelf
    raise NoSuchCategory


def find_by_id(tops: list[Shelf], category_id: UUID) -> Shelf:
    """The category of this id; NoSuchCategory if there is none."""
    for top in tops:
        for shelf in (top, *top.children):
            if shelf.id == category_id:
                return shelf
    raise NoSuchCategory


def category_choices(locale: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """What a select offers: groups of (id, name)."""
    return [
        (top.name, [(str(shelf.id), shelf.name) for shelf in (*top.children, top)])
        for top in shelves(locale)
    ]
