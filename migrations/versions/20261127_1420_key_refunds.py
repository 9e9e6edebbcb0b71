"""What whoever asks for a refund calls it, lest a second click refunds again."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_1420_key_refunds"
down_revision = "20261127_1415_ask_surely"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    op.add_column("refund", sa.Column("asked_key", sa.Text(), nullable=True))
    op.create_index(
        "uq_refund_asked_key",
        "refund",
        ["payment_id", "asked_key"],
        unique=True,
        postgresql_where=sa.text("asked_key IS NOT NULL"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("uq_refund_asked_key", "refund")
    op.drop_column("refund", "asked_key")
