"""Index what points at photos, and the lines of a product."""

from alembic import op

revision = "20261126_0722_index_lines"
down_revision = "20261126_0720_add_pending_share"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes."""
    op.create_index("ix_order_line_product_id", "order_line", ["product_id"])
    for table in ("order_line", "product"):
        op.create_index(
            f"ix_{table}_photo_id",
            table,
            ["photo_id"],
            postgresql_where="photo_id IS NOT NULL",
        )


def downgrade() -> None:
    """Drop them."""
    for table in ("product", "order_line"):
        op.drop_index(f"ix_{table}_photo_id", table_name=table)
    op.drop_index("ix_order_line_product_id", table_name="order_line")
