"""Words among the goods: what a search compares, and how well a product fits.

Every word must be in the title, the description or the names of the product's category; the last
one may be the beginning of a word of the title, since it may not be typed to its end. The work is
that of the functions `search_…` in the database, which take the words as plain text: no spelling
of them is a query of its own that PostgreSQL could refuse.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, cast, false, func, or_, select, text
from sqlalchemy.dialects.postgresql import TSQUERY

from app.auth.models import User
from app.kit.db import Array, session
from app.products import policy
from app.products.models import Product

# From which share of its trigrams in a word of a title a typed one resembles that: less strict than
# pg_trgm's own 0.6, so that one wrong letter in a short word is forgiven.
SIMILAR = 0.4
MOST_SIMILAR = 10  # words that a typed one is taken for
MOST_BEGUN = 50  # words that are looked for one by one where a typed one begins them
MOST_RANKED = 300  # products, ten pages: those bought most, where more have the words
_AFTER_ALL = "\U0010ffff"  # what begins alike comes before it
_BETWEEN_WORDS = re.compile(r"[\s!-/:-@\[-`{-~]+")  # as `search_text` has it

# What a word begins is looked up among the words of titles: for each of those the planner knows how
# many products have it, for a beginning it would always expect very many.
LOOK_UP = text(
    """
    SELECT
        CAST(CASE
            WHEN begun.words > :most THEN search_query(typed.word, true)
            ELSE search_query(typed.word, false) || CAST(coalesce(begun.query, '') AS tsquery)
        END AS text) AS query,
        ARRAY(
            SELECT category.id
            FROM category LEFT JOIN category AS upper ON upper.id = category.parent_id
            WHERE search_lexemes(concat_ws(
                ' ', category.name_en, category.name_ru, upper.name_en, upper.name_ru
            )) @@ search_query(typed.word, false)
        ) AS category_ids
    FROM unnest(CAST(:words AS text[])) WITH ORDINALITY AS typed (word, place), LATERAL (
        SELECT count(*) AS words,
            string_agg(CAST(plainto_tsquery('pg_catalog.simple', word) AS text), ' | ') AS query
        FROM (
            SELECT word FROM title_word
            WHERE typed.place = :last AND word > lower(search_text(typed.word))
                AND word < lower(search_text(typed.word)) || :after_all
            ORDER BY word LIMIT :most + 1
        ) AS beginning
    ) AS begun
    ORDER BY typed.place
    """
)
# As https://www.postgresql.org/docs/current/pgtrgm.html#PGTRGM-TEXT-SEARCH has it. Numbers and
# what is too short to resemble anything stay as they are.
RESEMBLING = text(
    """
    SELECT CASE
        WHEN typed.word !~ '[[:alpha:]]{3}' THEN CAST(search_query(typed.word, false) AS text)
        ELSE (
            SELECT string_agg(
                CAST(plainto_tsquery('pg_catalog.simple', near.word) AS text), ' | '
            )
            FROM (
                SELECT word FROM title_word
                WHERE lower(search_text(typed.word)) <% title_word.word
                ORDER BY similarity(lower(search_text(typed.word)), title_word.word) DESC, word
                LIMIT :most
            ) AS near
        )
    END AS query, numnode(search_query(typed.word, false)) > 0 AS is_sought
    FROM unnest(CAST(:words AS text[])) WITH ORDINALITY AS typed (word, place)
    ORDER BY typed.place
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


# For the transaction that reads the page. How many products have a word decides how they are best
# found, so each search is planned for its own; and for a rare one never by reading all of them,
# which the planner takes for quick since it expects to meet some soon. What is read is in memory:
# by how many rows it is, not by how many pages, the planner chooses between the index of the words
# and a walk from the product that is bought most, which suits words that stand in many.
_SETTINGS = select(
    func.set_config("pg_trgm.word_similarity_threshold", str(SIMILAR), True),
    func.set_config("plan_cache_mode", "force_custom_plan", True),
    func.set_config("enable_seqscan", "off", True),
    func.set_config("random_page_cost", "0.02", True),
    func.set_config("seq_page_cost", "0.02", True),
)


def find_words(words: str) -> Search:
    """Words as a search engine finds them; where no product for sale has them, what resembles."""
    session().execute(_SETTINGS)
    split = [word for word in _BETWEEN_WORDS.split(words) if word]
    found = _look_up(split)
    if not _are_for_sale(found):
        found = _resembling(split)
    rank: ColumnElement[float] = func.word_similarity(
        func.search_text(words), func.search_text(Product.title)
    )
    for word in found:
        rank = rank + func.ts_rank(Product.search, word.query)
    return Search(
        matches=and_(*(word.matches() for word in found)) if found else false(),
        # An integer, so that a cursor holds it exactly.
        rank=func.floor(rank * 10_000).cast(Product.sold_count.type),
    )


def ranked(search: Search, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Of products with the words that meet the conditions, those whose rank is worth finding out.

    Ranking takes longer than all else. Where very many have the words, the ones that are bought
    most are ranked.
    """
    return Product.id.in_(
        select(Product.id)
        .join(User, User.id == Product.seller_id)
        .where(search.matches, *conditions)
        .order_by(Product.sold_count.desc(), Product.id.desc())
        .limit(MOST_RANKED)
    )


def _are_for_sale(words: Sequence[_Word]) -> bool:
    """Whether a product for sale has all these words."""
    if not words:
        return False
    for_sale = select(Product.id).join(User, User.id == Product.seller_id).where(policy.for_sale())
    there = for_sale.where(*(word.matches() for word in words)).exists()
    return bool(session().scalar(select(there)))


def _look_up(split: Sequence[str]) -> list[_Word]:
    """The words that can be searched for: not those made of symbols, or found in every text."""
    known = {
        "words": Array(split),
        "last": len(split),
        "most": MOST_BEGUN,
        "after_all": _AFTER_ALL,
    }
    rows = session().execute(LOOK_UP, known) if split else ()
    return [_Word(cast(row.query, TSQUERY), row.category_ids) for row in rows if row.query]


def _resembling(split: Sequence[str]) -> list[_Word]:
    """What the words may have meant; nothing where most of them resemble no word of a title."""
    known = {"words": Array(split), "most": MOST_SIMILAR}
    rows = session().execute(RESEMBLING, known).all() if split else ()
    found = [_Word(cast(row.query, TSQUERY), []) for row in rows if row.query]
    sought = sum(row.is_sought for row in rows)
    return found if 2 * len(found) >= sought else []
