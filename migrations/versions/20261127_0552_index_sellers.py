"""A seller's goods in each order in which they are listed, without a look at other sellers'."""

from alembic import op

revision = "20261127_0552_index_sellers"
down_revision = "20261127_0545_decide_on_payments"
branch_labels = None
depends_on = None

COLUMNS = {"new": "published_at", "price": "price_minor", "popular": "sold_count"}


def upgrade() -> None:
    """One index for each order."""
    for name, column in COLUMNS.items():
        op.create_index(
            f"ix_product_seller_{name}",
            "product",
            ["seller_id", column, "id"],
            postgresql_where="state = 'published'",
        )


def downgrade() -> None:
    """As it was."""
    for name in COLUMNS:
        op.drop_index(f"ix_product_seller_{name}", "product")
