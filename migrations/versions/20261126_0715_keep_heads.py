"""Keep the end of each order's record with the order, so that no row can be dropped unseen."""

import sqlalchemy as sa
from alembic import op

revision = "20261126_0715_keep_heads"
down_revision = "20261126_0710_next_delivery"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the count and the hash, as they are now."""
    op.add_column(
        "orders", sa.Column("evidence_count", sa.Integer(), nullable=False, server_default="0")
    )
    op.alter_column("orders", "evidence_count", server_default=None)
    op.add_column("orders", sa.Column("evidence_hash", sa.LargeBinary(), nullable=True))
    op.execute(
        """
        UPDATE orders SET evidence_count = last.sequence, evidence_hash = last.hash
        FROM (SELECT DISTINCT ON (order_id) order_id, sequence, hash FROM delivery_record
              ORDER BY order_id, sequence DESC) last
        WHERE last.order_id = orders.id
        """
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_column("orders", "evidence_hash")
    op.drop_column("orders", "evidence_count")
