"""Let each paid order have its own next try of the delivery."""

import sqlalchemy as sa
from alembic import op

revision = "20261126_0710_next_delivery"
down_revision = "20261126_0707_own_names"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tries and the time of the next; what waits now is due."""
    op.add_column(
        "orders", sa.Column("delivery_tries", sa.Integer(), nullable=False, server_default="0")
    )
    op.alter_column("orders", "delivery_tries", server_default=None)
    op.add_column(
        "orders", sa.Column("next_delivery_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.execute("UPDATE orders SET next_delivery_at = paid_at WHERE state = 'paid'")
    op.drop_index("ix_orders_undelivered", table_name="orders")
    op.create_index(
        "ix_orders_undelivered",
        "orders",
        ["next_delivery_at"],
        unique=False,
        postgresql_where="state = 'paid'",
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_orders_undelivered", table_name="orders")
    op.create_index(
        "ix_orders_undelivered",
        "orders",
        ["paid_at"],
        unique=False,
        postgresql_where="state = 'paid'",
    )
    op.drop_column("orders", "next_delivery_at")
    op.drop_column("orders", "delivery_tries")
