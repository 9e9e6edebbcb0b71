"""What a product is filtered by is in the index of its words, which then finds those with both."""

from alembic import op

revision = "20261127_0330_search_tags"
down_revision = "20261126_2355_index_each_role"
branch_labels = None
depends_on = None

BEFORE = "search_vector(title, description)"
NOW = f"{BEFORE} || search_tags(category_id, kind, seller_id)"


def _rebuild(expression: str) -> None:
    op.drop_index("ix_product_search", table_name="product")
    op.execute(
        "ALTER TABLE product DROP COLUMN search, "
        f"ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS ({expression}) STORED"
    )
    op.execute("CREATE INDEX ix_product_search ON product USING gin (search)")


def upgrade() -> None:
    """Make the function; rebuild the column and its index."""
    op.execute(
        """
        CREATE FUNCTION search_tags(category_id uuid, kind text, seller_id uuid) RETURNS tsvector
            LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
            RETURN array_to_tsvector(ARRAY[
                '#category ' || category_id, '#kind ' || kind, '#seller ' || seller_id])
        """
    )
    _rebuild(NOW)


def downgrade() -> None:
    """As it was."""
    _rebuild(BEFORE)
    op.execute("DROP FUNCTION search_tags(uuid, text, uuid)")
