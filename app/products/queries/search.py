"""Words among the goods: what a search compares, and how well a product fits.

Every word must be in the title, the description or the names of the product's category; the last
one may be the beginning of a word of the title, since it may not be typed to its end. The work is
that of the functions `search_…` in the database, which take the words as plain text: no spelling
of them is a query of its own that PostgreSQL could refuse.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, bindparam, cast, func, text
from sqlalchemy.dialects.postgresql import TSQUERY

from app.kit.db import Array, session
from app.products.models import Product

# From which share of its trigrams in a word of a title a typed one resembles that: less strict than
# pg_trgm's own 0.6, so that one wrong letter in a short word is forgiven.
SIMILAR = 0.4
MOST_SIMILAR = 10  # words that a typed one is taken for
MOST_BEGUN = 50  # words that are looked for one by one where a typed one begins them
_AFTER_ALL = "\U0010ffff"  # what begins alike comes before it
_BETWEEN_WORDS = re.compile(r"[\s!-/:-@\[-`{-~]+")  # as `search_text` has it

# What a word begins is looked up among the words of titles: for each of those the planner knows how
# many products have it, for a beginning it would always expect very many.
# It sets what the rest of the transaction needs: each search is planned for its own words, and
# never to read all products, which the planner takes for quick since it expects to meet some soon.
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
            WHERE category.search || coalesce(upper.search, CAST('' AS tsvector))
                @@ search_query(typed.word, false)
        ) AS category_ids,
        set_config('pg_trgm.word_similarity_threshold', :similar, true),
        set_config('plan_cache_mode', 'force_custom_plan', true),
        set_config('enable_seqscan', 'off', true)
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


# What the index of the words has of a product, too, so that it alone finds those with both: the
# function `search_tags` in the database writes them. No word of a text has a sign in it.
_TAGS = {"category_ids": "category", "kinds": "kind", "seller_id": "seller"}
TAGGED = frozenset(_TAGS)  # the filters that it finds


@dataclass(frozen=True)
class Words:
    """What was typed, and what each of its words comes to: a query that is never empty."""

    typed: str
    queries: tuple[str, ...]
    category_ids: tuple[list[UUID], ...]  # the categories that a word names

    def values(self, filters: Mapping[str, object]) -> dict[str, object]:
        """The values of the statements that look for them, and of the filters of these `TAGGED`."""
        words = [
            _either([query, *_tags("category_ids", ids)])
            for query, ids in zip(self.queries, self.category_ids, strict=True)
        ]
        met = [_either(_tags(name, filters[name])) for name in _TAGS if name in filters]
        ranked = {f"query_{place}": query for place, query in enumerate(self.queries)}
        return {**ranked, "typed": self.typed, "sought": " & ".join(words + met)}


def _tags(name: str, value: Any) -> list[str]:
    values = value if isinstance(value, Sequence) else [value]
    return [f"'#{_TAGS[name]} {one}'" for one in values]


def _either(queries: Sequence[str]) -> str:
    return f"({' | '.join(queries)})"


def has_words(product: type[Product]) -> ColumnElement[bool]:
    """Whether a product has all words, and meets the filters that are `TAGGED`."""
    return product.search.bool_op("@@")(_query("sought"))


def rank(words: int) -> ColumnElement[int]:
    """How well a product fits so many words: an integer, so that a cursor holds it exactly."""
    found: ColumnElement[float] = func.word_similarity(
        func.search_text(bindparam("typed", type_=Text)), func.search_text(Product.title)
    )
    for place in range(words):
        found = found + func.ts_rank(Product.search, _query(f"query_{place}"))
    return func.floor(found * 10_000).cast(Product.sold_count.type)


def _query(name: str) -> ColumnElement[Any]:
    return cast(bindparam(name, type_=Text), TSQUERY)


def interpretations(typed: str) -> Iterator[Words]:
    """What words may mean, the likeliest first: as a search engine has it, then what resembles.

    Each is looked up when it is asked for.
    """
    split = [word for word in _BETWEEN_WORDS.split(typed) if word]
    for means in (_look_up, _resembling):
        found: list[tuple[str, list[UUID]]] = means(split)
        if found:
            queries, category_ids = zip(*found, strict=True)
            yield Words(typed, queries, category_ids)


def _look_up(split: Sequence[str]) -> list[tuple[str, list[UUID]]]:
    """The words that can be searched for: not those made of symbols, or found in every text."""
    known = {
        "words": Array(split),
        "last": len(split),
        "most": MOST_BEGUN,
        "after_all": _AFTER_ALL,
        "similar": str(SIMILAR),
    }
    rows = session().execute(LOOK_UP, known) if split else ()
    return [(row.query, row.category_ids) for row in rows if row.query]


def _resembling(split: Sequence[str]) -> list[tuple[str, list[UUID]]]:
    """What the words may have meant; nothing where most of them resemble no word of a title."""
    known = {"words": Array(split), "most": MOST_SIMILAR}
    rows = session().execute(RESEMBLING, known).all() if split else ()
    found: list[tuple[str, list[UUID]]] = [(row.query, []) for row in rows if row.query]
    sought = sum(row.is_sought for row in rows)
    return found if 2 * len(found) >= sought else []
