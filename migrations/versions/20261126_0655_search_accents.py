"""Search without accents, by the beginnings of words, and by either spelling of an umlaut.

Accents and signs are taken away before the parser sees the text, on both sides alike: the parser
decides by the letters of a word which stemmer it gets.
"""

from alembic import op

revision = "20261126_0655_search_accents"
down_revision = "20261126_0650_add_known_networks"
branch_labels = None
depends_on = None

# unaccent() is not immutable only because its dictionary could be changed; this one never is.
FUNCTIONS = r"""
CREATE FUNCTION search_text(words text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN regexp_replace(
        public.unaccent('public.unaccent'::regdictionary, normalize(words, NFC)),
        '[!-/:-@\[-`{-~]+', ' ', 'g'
    );

CREATE FUNCTION search_umlauts(words text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN normalize(words, NFC) ~ '[äöüÄÖÜ]' THEN replace(replace(replace(
        lower(normalize(words, NFC)), 'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue') ELSE '' END;

CREATE FUNCTION search_lexemes(words text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN to_tsvector('public.byteshop'::regconfig, search_text(words))
        || to_tsvector('public.byteshop'::regconfig, search_text(search_umlauts(words)));

CREATE FUNCTION search_vector(title text, description text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN setweight(search_lexemes(title), 'A')
        || setweight(to_tsvector('pg_catalog.simple'::regconfig, search_text(title)), 'B')
        || setweight(to_tsvector('pg_catalog.simple'::regconfig,
            search_text(search_umlauts(title))), 'B')
        || setweight(search_lexemes(description), 'C');

-- What tsquery writes it can read; and nothing else is put together as text.
CREATE FUNCTION search_beginning(words text) RETURNS tsquery
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN numnode(plainto_tsquery('pg_catalog.simple'::regconfig, words)) = 0
        THEN ''::tsquery
        ELSE (plainto_tsquery('pg_catalog.simple'::regconfig, words)::text || ':*')::tsquery END;

CREATE FUNCTION search_query(word text, is_beginning boolean) RETURNS tsquery
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN plainto_tsquery('public.byteshop'::regconfig, search_text(word))
        || plainto_tsquery('public.byteshop'::regconfig, search_text(search_umlauts(word)))
        || CASE WHEN is_beginning THEN search_beginning(search_text(word))
            || search_beginning(search_text(search_umlauts(word))) ELSE ''::tsquery END;
"""
NAMES = (
    "search_query(text, boolean)",
    "search_beginning(text)",
    "search_vector(text, text)",
    "search_lexemes(text)",
    "search_umlauts(text)",
    "search_text(text)",
)
BEFORE = (
    "setweight(to_tsvector('byteshop', title), 'A') || "
    "setweight(to_tsvector('byteshop', description), 'C')"
)


def _rebuild(expression: str, trigrams: str) -> None:
    op.drop_index("ix_product_title_trgm", table_name="product")
    op.drop_index("ix_product_search", table_name="product")
    # Both at once: the table is written anew a single time.
    op.execute(
        "ALTER TABLE product DROP COLUMN search, "
        f"ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS ({expression}) STORED"
    )
    op.execute("CREATE INDEX ix_product_search ON product USING gin (search)")
    op.execute(f"CREATE INDEX ix_product_title_trgm ON product USING gin ({trigrams} gin_trgm_ops)")


def upgrade() -> None:
    """Make the functions; rebuild the column and its indexes."""
    op.execute(FUNCTIONS)
    _rebuild("search_vector(title, description)", "search_text(title)")


def downgrade() -> None:
    """As it was."""
    _rebuild(BEFORE, "title")
    for name in NAMES:
        op.execute(f"DROP FUNCTION {name}")
