"""Balances of accounts, kept as they are booked, and what went back of sales."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_0900_keep_balances"
down_revision = "20261127_0552_index_sellers"
branch_labels = None
depends_on = None

KINDS = (
    "'paypal_cash', 'paypal_fees', 'platform_revenue', 'seller_pending', 'seller_available',"
    " 'differences'"
)
NEW_KINDS = "'paypal_held', 'seller_in_payout', 'seller_disputed'"
PENDING, BACK = ("pending_minor", "available_minor"), ("gross_back_minor", "commission_back_minor")


def upgrade() -> None:
    """Add the balances, with what was booked until today."""
    op.create_table(
        "account_balance",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("balance_minor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["ledger_account.id"],
            name=op.f("fk_account_balance_account_id_ledger_account"),
        ),
        sa.PrimaryKeyConstraint("account_id", "slot", name=op.f("pk_account_balance")),
    )
    op.execute("""
        INSERT INTO account_balance (account_id, slot, balance_minor)
        SELECT account_id, 0, sum(amount_minor) FROM ledger_entry GROUP BY account_id""")
    op.add_column("ledger_entry", sa.Column("balance_minor", sa.BigInteger(), nullable=True))
    op.execute("ALTER TABLE ledger_entry DISABLE TRIGGER append_only")
    op.execute("""
        UPDATE ledger_entry e SET balance_minor = told.minor
        FROM (SELECT e.id,
                sum(e.amount_minor) OVER (PARTITION BY e.account_id ORDER BY e.id) AS minor
            FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
            WHERE a.owner_id IS NOT NULL) told
        WHERE told.id = e.id""")
    op.execute("ALTER TABLE ledger_entry ENABLE TRIGGER append_only")
    op.drop_constraint(op.f("ck_ledger_account_known_kind"), "ledger_account")
    op.create_check_constraint(
        op.f("ck_ledger_account_known_kind"), "ledger_account", f"kind IN ({KINDS}, {NEW_KINDS})"
    )
    for name in BACK:
        op.add_column(
            "seller_earnings", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
        )
    for name in PENDING:
        op.drop_column("seller_earnings", name)


def downgrade() -> None:
    """Take them away.

    What accounts of the new kinds hold stays booked, so the old rule may not fit them.
    """
    for name in PENDING:
        op.add_column(
            "seller_earnings", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
        )
        op.alter_column("seller_earnings", name, server_default=None)
    op.execute("""
        UPDATE seller_earnings s SET pending_minor = owed.pending, available_minor = owed.available
        FROM (SELECT a.owner_id, a.currency,
                -coalesce(sum(b.balance_minor) FILTER (WHERE a.kind = 'seller_pending'), 0)
                    AS pending,
                -coalesce(sum(b.balance_minor) FILTER (WHERE a.kind = 'seller_available'), 0)
                    AS available
            FROM account_balance b JOIN ledger_account a ON a.id = b.account_id
            WHERE a.owner_id IS NOT NULL GROUP BY a.owner_id, a.currency) owed
        WHERE owed.owner_id = s.seller_id AND owed.currency = s.currency""")
    for name in BACK:
        op.drop_column("seller_earnings", name)
    op.drop_column("ledger_entry", "balance_minor")
    op.drop_table("account_balance")
