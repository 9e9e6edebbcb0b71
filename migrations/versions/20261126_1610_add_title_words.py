"""Keep the words of titles: what a typed one begins, or resembles, is looked for among them."""

import sqlalchemy as sa
from alembic import op

revision = "20261126_1610_add_title_words"
down_revision = "20261126_1600_name_servers"
branch_labels = None
depends_on = None

# Words of a title, written as a search compares them.
FUNCTIONS = r"""
CREATE FUNCTION title_words(title text) RETURNS SETOF text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    BEGIN ATOMIC
        SELECT DISTINCT word
        FROM regexp_split_to_table(
            lower(search_text(title) || ' ' || search_text(search_umlauts(title))), '[[:space:]]+'
        ) AS word
        WHERE length(word) BETWEEN 1 AND 50;
    END;

CREATE FUNCTION keep_title_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- In one order everywhere: two titles with the same new words must not wait for each other.
    INSERT INTO title_word (word) SELECT word FROM title_words(NEW.title) AS word ORDER BY word
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER keep_title_words AFTER INSERT OR UPDATE OF title ON product
    FOR EACH ROW EXECUTE FUNCTION keep_title_words();
"""


def upgrade() -> None:
    """Add the table, with the words of today's titles; titles need no index of their own now."""
    op.create_table(
        "title_word",
        sa.Column("word", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_title_word")),
    )
    op.execute("CREATE INDEX ix_title_word_trgm ON title_word USING gin (word gin_trgm_ops)")
    op.execute(FUNCTIONS)
    op.execute(
        "INSERT INTO title_word (word) SELECT DISTINCT w FROM product, title_words(title) AS w"
    )
    op.drop_index("ix_product_title_trgm", "product")


def downgrade() -> None:
    """As it was."""
    op.execute(
        "CREATE INDEX ix_product_title_trgm ON product USING gin (search_text(title) gin_trgm_ops)"
    )
    op.execute("DROP TRIGGER keep_title_words ON product")
    op.execute("DROP FUNCTION keep_title_words(), title_words(text)")
    op.drop_table("title_word")
