"""PayPal's own list of transactions, and where the ledger differs from it."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_0950_reconcile"
down_revision = "20261127_0930_keep_turnover"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both."""
    op.create_table(
        "paypal_transaction",
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), nullable=False),
        sa.Column("initiated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("transaction_id", "code", name=op.f("pk_paypal_transaction")),
    )
    op.create_index(op.f("ix_paypal_transaction_subject_id"), "paypal_transaction", ["subject_id"])
    op.create_table(
        "reconciliation_difference",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("ours_minor", sa.BigInteger(), nullable=False),
        sa.Column("theirs_minor", sa.BigInteger(), nullable=False),
        sa.Column(
            "found_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column(
            "checked_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("corrected_minor", sa.BigInteger()),
        sa.Column("corrected_by", sa.Uuid()),
        sa.Column("reason", sa.Text()),
        sa.CheckConstraint(
            "(corrected_minor IS NULL) = (corrected_by IS NULL)"
            " AND (corrected_minor IS NULL) = (reason IS NULL)",
            name=op.f("ck_reconciliation_difference_correction_is_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["corrected_by"],
            ["users.id"],
            name=op.f("fk_reconciliation_difference_corrected_by_users"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_difference")),
    )
    op.create_index(
        "uq_reconciliation_difference_open",
        "reconciliation_difference",
        ["subject_id", "currency"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index(
        "ix_reconciliation_difference_subject_id", "reconciliation_difference", ["subject_id"]
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("reconciliation_difference")
    op.drop_table("paypal_transaction")
