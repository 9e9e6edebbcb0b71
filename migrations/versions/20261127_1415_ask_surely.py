"""What PayPal was asked for, and is known to have refused; what an event calls a batch there."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_1415_ask_surely"
down_revision = "20261127_1410_keep_seen_terms"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it. PayPal may have every batch that it was asked for until now."""
    op.add_column("payout_batch", sa.Column("told_id", sa.Text(), nullable=True))
    for name in ("asked_count", "refused_count"):
        op.add_column(
            "payout_batch", sa.Column(name, sa.Integer(), server_default="0", nullable=False)
        )
    op.add_column("payout_batch", sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE payout_batch SET asked_count = 1, asked_at = clock_timestamp()"
        " WHERE state = 'started' AND readings > 0"
    )
    op.create_check_constraint(
        op.f("ck_payout_batch_refused_fits"),
        "payout_batch",
        "refused_count BETWEEN 0 AND asked_count",
    )
    op.create_index(
        "ix_payout_batch_stuck",
        "payout_batch",
        ["id"],
        postgresql_where=sa.text("state = 'started' AND next_check_at IS NULL"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_payout_batch_stuck", "payout_batch")
    for name in ("asked_at", "refused_count", "asked_count", "told_id"):
        op.drop_column("payout_batch", name)
