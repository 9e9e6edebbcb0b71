"""Why a seller's share is held, and since when a seller sells."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_0540_keep_hold_reasons"
down_revision = "20261127_0530_add_commission"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("ledger_entry", sa.Column("hold_reason", sa.String(32), nullable=True))
    op.create_check_constraint(
        op.f("ck_ledger_entry_known_reason"),
        "ledger_entry",
        "hold_reason IN ('standard', 'new_seller')",
    )
    op.add_column(
        "seller_earnings",
        sa.Column(
            "first_sale_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
    )
    op.execute("""
        UPDATE seller_earnings s SET first_sale_at = coalesce(
            (SELECT t.created_at FROM ledger_entry e
                JOIN ledger_account a ON a.id = e.account_id
                JOIN ledger_transaction t ON t.id = e.transaction_id
                WHERE a.kind = 'seller_pending' AND a.owner_id = s.seller_id
                    AND a.currency = s.currency
                ORDER BY e.id LIMIT 1),
            s.first_sale_at)
    """)


def downgrade() -> None:
    """Take them away."""
    op.drop_column("seller_earnings", "first_sale_at")
    op.drop_constraint(op.f("ck_ledger_entry_known_reason"), "ledger_entry")
    op.drop_column("ledger_entry", "hold_reason")
