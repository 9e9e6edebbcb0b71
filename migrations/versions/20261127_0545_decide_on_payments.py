"""Operators decide about stuck payments: what was taken, where the difference goes, who decided."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_0545_decide_on_payments"
down_revision = "20261127_0540_keep_hold_reasons"
branch_labels = None
depends_on = None

KINDS = "'paypal_cash', 'paypal_fees', 'platform_revenue', 'seller_pending', 'seller_available'"


def _allow(kinds: str) -> None:
    name = op.f("ck_ledger_account_known_kind")
    op.drop_constraint(name, "ledger_account", type_="check")
    op.create_check_constraint(name, "ledger_account", f"kind IN ({kinds})")


def upgrade() -> None:
    """Add what decisions need."""
    op.add_column("payment", sa.Column("taken_minor", sa.BigInteger()))
    op.add_column("payment", sa.Column("taken_currency", sa.Text()))
    op.create_index(
        "ix_payment_mismatched",
        "payment",
        ["reference"],
        postgresql_where=sa.text("state = 'mismatched'"),
    )
    _allow(f"{KINDS}, 'differences'")
    op.create_table(
        "operator_decision",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("act", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "act IN ('book_and_deliver', 'wait_for_stock')",
            name=op.f("ck_operator_decision_known_act"),
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_operator_decision_order_id_orders")
        ),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["users.id"], name=op.f("fk_operator_decision_actor_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_decision")),
    )
    op.create_index(op.f("ix_operator_decision_order_id"), "operator_decision", ["order_id"])
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON operator_decision "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    """Drop it. Accounts of differences that were booked stay, so the old rule may not fit them."""
    op.drop_table("operator_decision")
    op.drop_index("ix_payment_mismatched", "payment")
    op.drop_column("payment", "taken_currency")
    op.drop_column("payment", "taken_minor")
