"""Keep what a search compares of the names of categories: it took most of the time of a look-up."""

from alembic import op

revision = "20261126_1930_search_categories"
down_revision = "20261126_1618_index_entries"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, which fills itself."""
    op.execute(
        "ALTER TABLE category ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS"
        " (search_lexemes(name_en || ' ' || name_ru)) STORED"
    )


def downgrade() -> None:
    """As it was."""
    op.drop_column("category", "search")
