"""The categories."""

from sqlalchemy.dialects.postgresql import insert

from app.kit.db import session, transactional
from app.kit.ids import new_id
from app.products.categories import CATEGORIES
from app.products.models import Category


@transactional
def ensure_categories() -> int:
    """Put in the categories of a new shop that are not there; returns how many were put in."""
    made = 0
    for position, (slug, english, russian, children) in enumerate(CATEGORIES):
        made += _ensure(None, position, slug, english, russian)
        for place, child in enumerate(children):
            made += _ensure(slug, place, *child)
    return made


def _ensure(parent: str | None, position: int, slug: str, english: str, russian: str) -> int:
    parent_id = session().query(Category.id).filter_by(slug=parent).scalar() if parent else None
    result = session().execute(
        insert(Category)
        .values(
            id=new_id(),
            parent_id=parent_id,
            slug=slug,
            name_en=english,
            name_ru=russian,
            position=position,
        )
        .on_conflict_do_nothing(index_elements=["slug"])
        .returning(Category.id)
    )
    return int(result.first() is not None)
