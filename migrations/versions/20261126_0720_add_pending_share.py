"""Keep what sellers wait for apart from the ledger's history, so that a release reads that alone."""

import sqlalchemy as sa
from alembic import op

revision = "20261126_0720_add_pending_share"
down_revision = "20261126_0715_keep_heads"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, with the shares that wait today."""
    op.create_table(
        "pending_share",
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("share_minor", sa.BigInteger(), nullable=False),
        sa.Column("release_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("share_minor > 0", name=op.f("ck_pending_share_share_positive")),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["ledger_account.id"],
            name=op.f("fk_pending_share_account_id_ledger_account"),
        ),
        sa.PrimaryKeyConstraint("line_id", name=op.f("pk_pending_share")),
    )
    op.create_index(op.f("ix_pending_share_account_id"), "pending_share", ["account_id"])
    op.create_index(op.f("ix_pending_share_release_at"), "pending_share", ["release_at"])
    op.execute("""
        INSERT INTO pending_share (line_id, account_id, share_minor, release_at)
        SELECT e.line_id, e.account_id, -e.amount_minor, e.release_at
        FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
        WHERE a.kind = 'seller_pending' AND e.line_id IS NOT NULL AND e.release_at IS NOT NULL
          AND e.amount_minor < 0
          AND NOT EXISTS (SELECT FROM ledger_transaction t
              WHERE t.kind = 'release' AND t.reference = e.line_id)""")


def downgrade() -> None:
    """The ledger knows it, too."""
    op.drop_table("pending_share")
