"""Earnings wait for the end of a buyer's right to return, and for open claims."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_1425_wait_for_returns"
down_revision = "20261127_1420_key_refunds"
branch_labels = None
depends_on = None

NAME = "ck_ledger_entry_known_reason"
BEFORE = "'standard', 'new_seller', 'dispute'"


def upgrade() -> None:
    """Add it, to what is pending now as well."""
    op.add_column("pending_share", sa.Column("id", sa.Uuid(), nullable=True))
    op.add_column(
        "pending_share", sa.Column("hold_until", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column(
        "pending_share",
        sa.Column("is_paused", sa.Boolean(), server_default="false", nullable=False),
    )
    op.execute("""
        UPDATE pending_share s SET id = s.line_id, hold_until = s.release_at,
            is_paused = EXISTS (SELECT FROM claim c
                WHERE c.line_id = s.line_id AND c.state IN ('open', 'called'))""")
    op.execute("""
        UPDATE pending_share s SET release_at = greatest(s.release_at,
            o.delivered_at + l.refund_days * interval '1 day')
        FROM order_line l JOIN orders o ON o.id = l.order_id
        WHERE l.id = s.line_id AND o.delivered_at IS NOT NULL AND EXISTS (SELECT FROM delivery d
            WHERE d.line_id = l.id AND d.revealed_at IS NULL)""")
    op.alter_column("pending_share", "id", nullable=False)
    op.alter_column("pending_share", "hold_until", nullable=False)
    op.create_unique_constraint(op.f("uq_pending_share_id"), "pending_share", ["id"])
    op.drop_index(op.f("ix_pending_share_release_at"), "pending_share")
    op.create_index(
        "ix_pending_share_due",
        "pending_share",
        ["release_at"],
        postgresql_where=sa.text("NOT is_paused"),
    )
    op.drop_constraint(op.f(NAME), "ledger_entry", type_="check")
    op.create_check_constraint(
        op.f(NAME), "ledger_entry", f"hold_reason IN ({BEFORE}, 'return', 'claim')"
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_constraint(op.f(NAME), "ledger_entry", type_="check")
    op.create_check_constraint(op.f(NAME), "ledger_entry", f"hold_reason IN ({BEFORE})")
    op.drop_index("ix_pending_share_due", "pending_share")
    op.create_index(op.f("ix_pending_share_release_at"), "pending_share", ["release_at"])
    op.drop_constraint(op.f("uq_pending_share_id"), "pending_share", type_="unique")
    for name in ("is_paused", "hold_until", "id"):
        op.drop_column("pending_share", name)
