"""Let a payment be mismatched, and PayPal be asked no more about what it dropped."""

import sqlalchemy as sa
from alembic import op

revision = "20261126_0705_mismatched"
down_revision = "20261126_0700_mark_emptied"
branch_labels = None
depends_on = None

BEFORE = "'created', 'capturing', 'pending', 'declined', 'settled', 'failed'"
AFTER = "'created', 'capturing', 'pending', 'declined', 'mismatched', 'settled', 'failed'"


def _allow(states: str) -> None:
    op.drop_constraint(op.f("ck_payment_known_state"), "payment", type_="check")
    op.create_check_constraint(op.f("ck_payment_known_state"), "payment", f"state IN ({states})")


def upgrade() -> None:
    """Allow both."""
    _allow(AFTER)
    op.alter_column(
        "payment", "next_check_at", existing_type=sa.DateTime(timezone=True), nullable=True
    )


def downgrade() -> None:
    """Forbid both; what is mismatched is unsettled, as it was."""
    op.execute("UPDATE payment SET state = 'capturing' WHERE state = 'mismatched'")
    op.execute("UPDATE payment SET next_check_at = clock_timestamp() WHERE next_check_at IS NULL")
    op.alter_column(
        "payment", "next_check_at", existing_type=sa.DateTime(timezone=True), nullable=False
    )
    _allow(BEFORE)
