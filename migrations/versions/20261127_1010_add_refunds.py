"""Refunds: what goes back, of which lines and pieces, and on which terms."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_1010_add_refunds"
down_revision = "20261127_1000_keep_promises"
branch_labels = None
depends_on = None

ORDERS = "'open', 'approved', 'paid', 'delivered', 'expired', 'cancelled'"
ACTS = "'assigned', 'revealed', 'downloaded'"
DECISIONS = "'book_and_deliver', 'wait_for_stock'"


def _allow(table: str, rule: str, column: str, values: str) -> None:
    name = op.f(f"ck_{table}_{rule}")
    op.drop_constraint(name, table, type_="check")
    op.create_check_constraint(name, table, f"{column} IN ({values})")


def _moment(name: str, *, now: bool = False, nullable: bool = True) -> sa.Column:
    default = sa.text("clock_timestamp()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=nullable)


def _refund() -> None:
    op.create_table(
        "refund",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("actor_id", sa.Uuid()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("paypal_refund_id", sa.Text()),
        sa.Column("issue", sa.Text()),
        sa.Column("checks", sa.Integer(), nullable=False),
        _moment("next_check_at", now=True),
        _moment("created_at", now=True, nullable=False),
        _moment("ended_at"),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_refund_amount_positive")),
        sa.CheckConstraint(
            "(state IN ('completed', 'failed')) = (ended_at IS NOT NULL)",
            name=op.f("ck_refund_ended_has_a_time"),
        ),
        sa.CheckConstraint(
            "state IN ('created', 'pending', 'completed', 'failed')",
            name=op.f("ck_refund_known_state"),
        ),
        sa.CheckConstraint(
            "source IN ('buyer', 'seller', 'moderator', 'paypal')",
            name=op.f("ck_refund_known_source"),
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payment.id"], name=op.f("fk_refund_payment_id_payment")
        ),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_refund_actor_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund")),
        sa.UniqueConstraint("paypal_refund_id", name=op.f("uq_refund_paypal_refund_id")),
    )
    op.create_index("ix_refund_payment", "refund", ["payment_id", "id"])
    op.create_index(
        "ix_refund_under_way",
        "refund",
        ["next_check_at"],
        postgresql_where=sa.text("state IN ('created', 'pending')"),
    )
    op.create_table(
        "refund_part",
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("seller_id", sa.Uuid(), nullable=False),
        sa.Column("gross_minor", sa.BigInteger(), nullable=False),
        sa.Column("commission_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("gross_minor > 0", name=op.f("ck_refund_part_gross_positive")),
        sa.CheckConstraint(
            "commission_minor BETWEEN 0 AND gross_minor",
            name=op.f("ck_refund_part_commission_fits"),
        ),
        sa.ForeignKeyConstraint(
            ["refund_id"], ["refund.id"], name=op.f("fk_refund_part_refund_id_refund")
        ),
        sa.ForeignKeyConstraint(
            ["seller_id"], ["users.id"], name=op.f("fk_refund_part_seller_id_users")
        ),
        sa.PrimaryKeyConstraint("refund_id", "line_id", name=op.f("pk_refund_part")),
    )
    op.create_index("ix_refund_part_line", "refund_part", ["line_id"])
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON refund_part "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def _pieces() -> None:
    op.create_table(
        "refunded_piece",
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["line_id"], ["order_line.id"], name=op.f("fk_refunded_piece_line_id_order_line")
        ),
        sa.ForeignKeyConstraint(
            ["refund_id"], ["refund.id"], name=op.f("fk_refunded_piece_refund_id_refund")
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_refunded_piece_order_id_orders")
        ),
        sa.PrimaryKeyConstraint("line_id", "position", name=op.f("pk_refunded_piece")),
    )
    op.create_index(op.f("ix_refunded_piece_refund_id"), "refunded_piece", ["refund_id"])
    op.create_index(op.f("ix_refunded_piece_order_id"), "refunded_piece", ["order_id"])
    op.add_column("delivery", _moment("returned_at"))
    op.drop_constraint(op.f("uq_delivery_unit_id"), "delivery", type_="unique")
    op.create_index(
        "uq_delivery_unit_id",
        "delivery",
        ["unit_id"],
        unique=True,
        postgresql_where=sa.text("returned_at IS NULL"),
    )
    op.create_index("ix_delivery_unit_id", "delivery", ["unit_id"])
    op.create_check_constraint(
        op.f("ck_delivery_returned_unopened"),
        "delivery",
        "returned_at IS NULL OR revealed_at IS NULL",
    )


def upgrade() -> None:
    """Add them. What was sold before can be returned for as long as what is sold by default."""
    for table in ("product", "order_line"):
        op.add_column(
            table, sa.Column("refund_days", sa.Integer(), server_default="14", nullable=False)
        )
    op.create_check_constraint(
        op.f("ck_product_refund_days_in_range"), "product", "refund_days BETWEEN 0 AND 180"
    )
    for name, kind in (
        ("given_back_minor", sa.BigInteger()),
        ("commission_back_minor", sa.BigInteger()),
        ("pieces_back", sa.Integer()),
    ):
        op.add_column("order_line", sa.Column(name, kind, server_default="0", nullable=False))
    for name, rule in (
        ("given_back_fits", "given_back_minor BETWEEN 0 AND quantity * unit_price_minor"),
        ("commission_back_fits", "commission_back_minor BETWEEN 0 AND commission_minor"),
        ("pieces_back_fit", "pieces_back BETWEEN 0 AND quantity"),
    ):
        op.create_check_constraint(op.f(f"ck_order_line_{name}"), "order_line", rule)
    _allow("orders", "known_state", "state", f"{ORDERS}, 'refunded'")
    _allow("delivery_record", "known_act", "act", f"{ACTS}, 'refunded'")
    _allow("operator_decision", "known_act", "act", f"{DECISIONS}, 'refund_whole'")
    _refund()
    _pieces()


def downgrade() -> None:
    """Drop them. It fails where a unit was sold again, or an order refunded before its delivery."""
    op.drop_constraint(op.f("ck_delivery_returned_unopened"), "delivery", type_="check")
    op.drop_index("ix_delivery_unit_id", "delivery")
    op.drop_index("uq_delivery_unit_id", "delivery")
    op.create_unique_constraint(op.f("uq_delivery_unit_id"), "delivery", ["unit_id"])
    op.drop_column("delivery", "returned_at")
    for table in ("refunded_piece", "refund_part", "refund"):
        op.drop_table(table)
    _allow("operator_decision", "known_act", "act", DECISIONS)
    _allow("delivery_record", "known_act", "act", ACTS)
    _allow("orders", "known_state", "state", ORDERS)
    for name in ("pieces_back_fit", "commission_back_fits", "given_back_fits"):
        op.drop_constraint(op.f(f"ck_order_line_{name}"), "order_line", type_="check")
    for name in ("pieces_back", "commission_back_minor", "given_back_minor", "refund_days"):
        op.drop_column("order_line", name)
    op.drop_constraint(op.f("ck_product_refund_days_in_range"), "product", type_="check")
    op.drop_column("product", "refund_days")
