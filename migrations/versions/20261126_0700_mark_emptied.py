"""Note when the pieces of an order left its buyer's basket, so that they leave it once."""

import sqlalchemy as sa
from alembic import op

revision = "20261126_0700_mark_emptied"
down_revision = "20261126_0655_search_accents"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the note; the baskets of paid orders were emptied before."""
    op.add_column("orders", sa.Column("left_basket_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE orders SET left_basket_at = paid_at WHERE paid_at IS NOT NULL")


def downgrade() -> None:
    """Drop it."""
    op.drop_column("orders", "left_basket_at")
