"""What the clock found of each promise, and when it is checked next."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_1000_keep_promises"
down_revision = "20261127_0950_reconcile"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the results."""
    op.create_table(
        "promise_result",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holds", sa.Boolean()),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("milliseconds", sa.Integer()),
        sa.Column("checked_at", sa.DateTime(timezone=True)),
        sa.Column("broken_since", sa.DateTime(timezone=True)),
        sa.Column(
            "next_check_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_promise_result")),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("promise_result")
