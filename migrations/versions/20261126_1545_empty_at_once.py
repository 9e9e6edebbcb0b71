"""End the rows that wait to empty a basket: now that is done with the payment itself.

Whoever paid a moment before finds what was bought in the basket still. It has its key still, too,
by which a second checkout of it leads to the purchase.
"""

from alembic import op

revision = "20261126_1545_empty_at_once"
down_revision = "20261126_1510_index_buyers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """End them."""
    op.execute(
        "UPDATE outbox SET done_at = clock_timestamp() WHERE done_at IS NULL"
        " AND listener IN ('orders.empty_basket', 'orders.empty_basket_early')"
    )


def downgrade() -> None:
    """Nothing waits for them."""
