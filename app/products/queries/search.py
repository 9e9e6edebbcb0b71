"""Words among the goods: what a search compares, and how well a product fits.

Every word must be in the title, the description or the names of the product's category; the last
one may be the beginning of a word of the title, since it may not be typed to its end. The work is
that of the functions `search_…` in the database, which take the words as plain text: no spelling
of them is a query of its own that PostgreSQL could refuse.
"""

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, cast, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import TSQUERY

from app.auth.models import User
from app.kit.db import Array, session
from app.products import policy
from app.products.models import Product

# From which share of common trigrams on a part of a title resembles the words: less strict than
# pg_trgm's own 0.6, so that one wrong letter in a short word is forgiven.
SIMILAR = 0.4
_BETWEEN_WORDS = re.compile(r"[\s!-/:-@\[-`{-~]+")  # as `search_text` has it

LOOK_UP = text(
    """
    SELECT CAST(search_query(word.word, word.place = :last) AS text) AS query, ARRAY(
        SELECT category.id
        FROM category LEFT JOIN category AS upper ON upper.id = category.parent_id
        WHERE search_lexemes(concat_ws(
            ' ', category.name_en, category.name_ru, upper.name_en, upper.name_ru
        )) @@ search_query(word.word, false)
    ) AS category_ids
    FROM unnest(CAST(:words AS text[])) WITH ORDINALITY AS word (word, place)
    ORDER BY word.place
    """
)


@dataclass(frozen=True)
class Search:
    """How a query finds words: which products it takes, and how well each of them fits."""

    matches: ColumnElement[bool]
    rank: ColumnElement[int]


@dataclass(frozen=True)
class _Word:
    """What a word comes to: a query, never empty, and the categories that it names."""

    query: ColumnElement[Any]
    category_ids: list[UUID]

    def matches(self) -> ColumnElement[bool]:
        found = Product.search.bool_op("@@")(self.query)
        if not self.category_ids:
            return found
        return or_(found, Product.category_id.in_(self.category_ids))


def find_words(words: str) -> Search:
    """Words as a search engine finds them; where no product for sale has them, what resembles.

    Each of the two has an index of its own; joined by an OR, PostgreSQL reads every product.
    """
    found = _look_up(words)
    exact = [word.matches() for word in found]
    # The threshold holds for this transaction, which reads the page.
    threshold = func.set_config("pg_trgm.word_similarity_threshold", str(SIMILAR), True)
    for_sale = select(Product.id).join(User, User.id == Product.seller_id).where(policy.for_sale())
    there = for_sale.where(*exact).exists() if exact else literal(False)
    is_there, _threshold = session().execute(select(there, threshold)).one()
    plain, title = func.search_text(words), func.search_text(Product.title)
    rank: ColumnElement[float] = func.word_similarity(plain, title)
    for word in found:
        rank = rank + func.ts_rank(Product.search, word.query)
    return Search(
        matches=and_(*exact) if is_there else plain.bool_op("<%")(title),
        # An integer, so that a cursor holds it exactly.
        rank=func.floor(rank * 10_000).cast(Product.sold_count.type),
    )


def _look_up(words: str) -> list[_Word]:
    """The words that can be searched for: not those made of symbols, or found in every text."""
    split = [word for word in _BETWEEN_WORDS.split(words) if word]
    rows = session().execute(LOOK_UP, {"words": Array(split), "last": len(split)}) if split else ()
    return [_Word(cast(row.query, TSQUERY), row.category_ids) for row in rows if row.query]
