"""Find what one buyer has bought, and what came to nothing, by the buyer."""

from alembic import op

revision = "20261126_1510_index_buyers"
down_revision = "20261126_1505_index_people"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes."""
    op.create_index("ix_order_line_buyer", "order_line", ["buyer_id", "order_id"])
    op.create_index(
        "ix_orders_came_to_nothing",
        "orders",
        ["buyer_id", "id"],
        postgresql_where="state IN ('expired', 'cancelled')",
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_orders_came_to_nothing", "orders")
    op.drop_index("ix_order_line_buyer", "order_line")
