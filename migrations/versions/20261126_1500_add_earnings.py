"""Keep what each seller has sold and is owed, so that no page adds up the whole history."""

import sqlalchemy as sa
from alembic import op

revision = "20261126_1500_add_earnings"
down_revision = "20261126_1030_index_published"
branch_labels = None
depends_on = None

SUMS = ("sales", "pieces", "gross_minor", "commission_minor", "pending_minor", "available_minor")


def upgrade() -> None:
    """Add the table, with what was sold and booked until today."""
    op.create_table(
        "seller_earnings",
        sa.Column("seller_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in SUMS),
        sa.ForeignKeyConstraint(
            ["seller_id"], ["users.id"], name=op.f("fk_seller_earnings_seller_id_users")
        ),
        sa.PrimaryKeyConstraint("seller_id", "currency", name=op.f("pk_seller_earnings")),
    )
    op.execute("""
        INSERT INTO seller_earnings
        SELECT seller_id, currency, sum(sales), sum(pieces), sum(gross), sum(commission),
            sum(pending), sum(available)
        FROM (
            SELECT l.seller_id, o.currency, 1 AS sales, l.quantity AS pieces,
                l.quantity * l.unit_price_minor AS gross, l.commission_minor AS commission,
                0 AS pending, 0 AS available
            FROM order_line l JOIN orders o ON o.id = l.order_id
            WHERE o.state IN ('paid', 'delivered')
            UNION ALL
            SELECT a.owner_id, a.currency, 0, 0, 0, 0,
                CASE a.kind WHEN 'seller_pending' THEN -e.amount_minor ELSE 0 END,
                CASE a.kind WHEN 'seller_available' THEN -e.amount_minor ELSE 0 END
            FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
            WHERE a.kind IN ('seller_pending', 'seller_available')) part
        GROUP BY seller_id, currency""")


def downgrade() -> None:
    """The orders and the ledger know it, too."""
    op.drop_table("seller_earnings")
