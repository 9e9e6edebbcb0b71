"""A basket keeps the refund terms that the person saw, as it keeps the price."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_1410_keep_seen_terms"
down_revision = "20261127_1031_tell_of_disputes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take today's terms for those that were seen."""
    op.add_column("basket_line", sa.Column("seen_refund_days", sa.Integer()))
    op.execute(
        "UPDATE basket_line SET seen_refund_days = product.refund_days FROM product"
        " WHERE product.id = basket_line.product_id"
    )
    op.alter_column("basket_line", "seen_refund_days", nullable=False)


def downgrade() -> None:
    """Forget them."""
    op.drop_column("basket_line", "seen_refund_days")
