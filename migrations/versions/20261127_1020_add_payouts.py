"""Payouts, their batches and days, what administrators had done, and when an address changed."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_1020_add_payouts"
down_revision = "20261127_1011_tell_of_refunds"
branch_labels = None
depends_on = None

LIVE = "'started', 'sent', 'on_hold', 'unclaimed'"
CAME_BACK = "'unsent', 'failed', 'blocked', 'returned', 'refunded', 'reversed'"
NOW = sa.text("clock_timestamp()")


def _moment(name: str, *, nullable: bool = False, default: bool = True) -> sa.Column[sa.DateTime]:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        server_default=NOW if default else None,
        nullable=nullable,
    )


def upgrade() -> None:
    """Add the tables."""
    op.add_column("users", _moment("paypal_email_changed_at", nullable=True, default=False))
    op.create_table(
        "payout_batch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("paypal_batch_id", sa.Text(), nullable=True),
        sa.Column("issue", sa.Text(), nullable=True),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.Column("applied_reading", sa.Integer(), nullable=False),
        sa.Column("checks", sa.Integer(), nullable=False),
        _moment("next_check_at", nullable=True),
        _moment("created_at"),
        sa.CheckConstraint(
            "state IN ('started', 'sent', 'refused')", name=op.f("ck_payout_batch_known_state")
        ),
        sa.CheckConstraint(
            "(state = 'sent') = (paypal_batch_id IS NOT NULL)",
            name=op.f("ck_payout_batch_sent_has_paypals_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout_batch")),
        sa.UniqueConstraint("paypal_batch_id", name=op.f("uq_payout_batch_paypal_batch_id")),
    )
    op.create_index(
        "ix_payout_batch_due",
        "payout_batch",
        ["next_check_at"],
        postgresql_where="next_check_at IS NOT NULL",
    )
    op.create_table(
        "payout",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("seller_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("run_on", sa.Date(), nullable=True),
        sa.Column("fee_minor", sa.BigInteger(), nullable=True),
        sa.Column("paypal_item_id", sa.Text(), nullable=True),
        sa.Column("issue", sa.Text(), nullable=True),
        sa.Column("contradiction", sa.Text(), nullable=True),
        _moment("started_at"),
        _moment("left_at", nullable=True, default=False),
        _moment("changed_at"),
        sa.CheckConstraint(
            f"state IN ({LIVE}, 'paid', {CAME_BACK})", name=op.f("ck_payout_known_state")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payout_amount_positive")),
        sa.CheckConstraint("fee_minor >= 0", name=op.f("ck_payout_fee_not_negative")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["payout_batch.id"], name=op.f("fk_payout_batch_id_payout_batch")
        ),
        sa.ForeignKeyConstraint(
            ["seller_id"], ["users.id"], name=op.f("fk_payout_seller_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout")),
        sa.UniqueConstraint("paypal_item_id", name=op.f("uq_payout_paypal_item_id")),
    )
    op.create_index(op.f("ix_payout_batch_id"), "payout", ["batch_id"])
    op.create_index("ix_payout_seller_id_id", "payout", ["seller_id", "id"])
    op.create_index("ix_payout_state_id", "payout", ["state", "id"])
    op.create_index(
        "ix_payout_contradicted", "payout", ["id"], postgresql_where="contradiction IS NOT NULL"
    )
    op.create_index(
        "uq_payout_live_seller_id",
        "payout",
        ["seller_id"],
        unique=True,
        postgresql_where=f"state IN ({LIVE})",
    )
    op.create_table(
        "payout_run",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("after_account_id", sa.Uuid(), nullable=True),
        sa.Column("started_count", sa.Integer(), nullable=False),
        _moment("done_at", nullable=True, default=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_payout_run")),
    )
    op.create_table(
        "payout_decision",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payout_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("act", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        _moment("at"),
        sa.CheckConstraint(
            "act IN ('check', 'cancel', 'give_up')", name=op.f("ck_payout_decision_known_act")
        ),
        sa.ForeignKeyConstraint(
            ["payout_id"], ["payout.id"], name=op.f("fk_payout_decision_payout_id_payout")
        ),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["users.id"], name=op.f("fk_payout_decision_actor_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout_decision")),
    )
    op.create_index(op.f("ix_payout_decision_payout_id"), "payout_decision", ["payout_id"])
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON payout_decision "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    """Drop them. What was booked of payouts stays in the ledger."""
    for table in ("payout_decision", "payout_run", "payout", "payout_batch"):
        op.drop_table(table)
    op.drop_column("users", "paypal_email_changed_at")
