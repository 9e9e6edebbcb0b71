"""Count where the units of a batch stand without a look at each."""

from alembic import op

revision = "20261126_1615_index_batches"
down_revision = "20261126_1610_add_title_words"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index batches with the state of their units."""
    op.create_index("ix_stock_item_batch", "stock_item", ["batch_id", "state"])
    op.drop_index("ix_stock_item_batch_id", "stock_item")


def downgrade() -> None:
    """As it was."""
    op.create_index("ix_stock_item_batch_id", "stock_item", ["batch_id"])
    op.drop_index("ix_stock_item_batch", "stock_item")
