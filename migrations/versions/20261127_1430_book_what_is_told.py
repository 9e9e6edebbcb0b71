"""Disputes, reversals and refunds keep what PayPal tells beside what is booked of it."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_1430_book_what_is_told"
down_revision = "20261127_1425_wait_for_returns"
branch_labels = None
depends_on = None

ACTS = "'assigned', 'revealed', 'downloaded', 'refunded'"
NEW_RULES = (
    ("dispute", "held_fits", "held_minor >= 0"),
    ("dispute", "loses_fits", "loses_minor >= 0"),
    ("dispute", "covered_fits", "covered_minor BETWEEN 0 AND amount_minor"),
    ("dispute_part", "gross_positive", "gross_minor >= 0"),
    (
        "dispute_part",
        "freed_fits",
        "freed_gross_minor BETWEEN 0 AND gross_minor - lost_gross_minor",
    ),
    (
        "dispute_part",
        "freed_commission_fits",
        "freed_commission_minor BETWEEN 0 AND commission_minor - lost_commission_minor",
    ),
)
OLD_RULES = (
    ("dispute", "held_fits", "held_minor BETWEEN 0 AND amount_minor"),
    ("dispute", "only_lost_is_lost", "state = 'lost' OR lost_minor = 0"),
    ("dispute_part", "gross_positive", "gross_minor > 0"),
)


def _minor(table: str, name: str) -> None:
    column = sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
    op.add_column(table, column)


def _flag(table: str, name: str) -> None:
    column = sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False)
    op.add_column(table, column)


def _rules(
    added: tuple[tuple[str, str, str], ...], dropped: tuple[tuple[str, str, str], ...]
) -> None:
    for table, name, _rule in dropped:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    for table, name, rule in added:
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)


def _allow_acts(acts: str) -> None:
    name = op.f("ck_delivery_record_known_act")
    op.drop_constraint(name, "delivery_record", type_="check")
    op.create_check_constraint(name, "delivery_record", f"act IN ({acts})")


def upgrade() -> None:
    """Add what is told, and fill it in of what was booked."""
    for name in ("loses_minor", "covered_minor"):
        _minor("dispute", name)
    op.add_column(
        "dispute", sa.Column("bookings", sa.Integer(), server_default="0", nullable=False)
    )
    for name in ("freed_gross_minor", "freed_commission_minor"):
        _minor("dispute_part", name)
    _flag("refund", "is_booked")
    _flag("order_line", "is_disputed")
    op.execute("UPDATE dispute SET loses_minor = lost_minor, bookings = 3")
    op.execute(
        "UPDATE dispute_part SET freed_gross_minor = gross_minor - lost_gross_minor,"
        " freed_commission_minor = commission_minor - lost_commission_minor"
        " FROM dispute WHERE dispute.id = dispute_id AND dispute.state <> 'open'"
    )
    op.execute(
        "UPDATE refund SET is_booked = true WHERE state IN ('pending', 'completed')"
        " AND EXISTS (SELECT FROM refund_part WHERE refund_id = refund.id)"
    )
    op.execute(
        "UPDATE order_line SET is_disputed = true FROM payment"
        " JOIN dispute ON dispute.payment_id = payment.id AND dispute.state = 'open'"
        " WHERE payment.reference = order_line.order_id"
    )
    op.execute(
        "UPDATE orders SET next_delivery_at = NULL"
        " WHERE state = 'delivered' AND next_delivery_at IS NOT NULL"
    )
    op.create_index(
        "ix_orders_partly_delivered",
        "orders",
        ["next_delivery_at"],
        postgresql_where=sa.text("state = 'delivered' AND next_delivery_at IS NOT NULL"),
    )
    _rules(NEW_RULES, OLD_RULES)
    _allow_acts(f"{ACTS}, 'restored'")


def downgrade() -> None:
    """Drop them. It fails where a dispute was decided anew."""
    _allow_acts(ACTS)
    _rules(OLD_RULES, NEW_RULES)
    op.drop_index("ix_orders_partly_delivered", "orders")
    op.drop_column("order_line", "is_disputed")
    op.drop_column("refund", "is_booked")
    for name in ("freed_commission_minor", "freed_gross_minor"):
        op.drop_column("dispute_part", name)
    for name in ("bookings", "covered_minor", "loses_minor"):
        op.drop_column("dispute", name)
