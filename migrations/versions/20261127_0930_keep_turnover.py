"""What moved on each account by day and kind of movement, kept as it is booked."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_0930_keep_turnover"
down_revision = "20261127_0910_tell_of_events"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the turnover, with what was booked until today."""
    op.create_table(
        "account_turnover",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["ledger_account.id"],
            name=op.f("fk_account_turnover_account_id_ledger_account"),
        ),
        sa.PrimaryKeyConstraint(
            "account_id", "day", "kind", "slot", name=op.f("pk_account_turnover")
        ),
    )
    # The day is that of the id's first 48 bits, milliseconds since 1970 (RFC 9562, section 5.7).
    op.execute("""
        INSERT INTO account_turnover (account_id, day, kind, slot, amount_minor)
        SELECT e.account_id, (to_timestamp(
                ('x' || substr(replace(t.id::text, '-', ''), 1, 12))::bit(48)::bigint / 1000.0
            ) AT TIME ZONE 'UTC')::date, t.kind, 0, sum(e.amount_minor)
        FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.transaction_id
        GROUP BY 1, 2, 3""")


def downgrade() -> None:
    """Take it away."""
    op.drop_table("account_turnover")
