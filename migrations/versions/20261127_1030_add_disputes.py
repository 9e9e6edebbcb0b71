"""Disputes: what they hold of which line, what PayPal charges, and what is said to them."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_1030_add_disputes"
down_revision = "20261127_1025_tell_of_payouts"
branch_labels = None
depends_on = None

STAGES = "'inquiry', 'chargeback', 'pre_arbitration', 'arbitration'"
RULES = (
    (
        "disputed_fits",
        "disputed_minor BETWEEN 0 AND quantity * unit_price_minor - given_back_minor",
    ),
    (
        "disputed_commission_fits",
        "disputed_commission_minor BETWEEN 0 AND commission_minor - commission_back_minor",
    ),
)


def _id(name: str = "id", *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _minor(name: str) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _text(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _word(name: str) -> sa.Column:
    return sa.Column(name, sa.String(length=32), nullable=False)


def _count(name: str) -> sa.Column:
    return sa.Column(name, sa.Integer(), nullable=False)


def _moment(name: str, *, now: bool = False, nullable: bool = True) -> sa.Column:
    default = sa.text("clock_timestamp()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=nullable)


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def _to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}")
    )


def _dispute() -> None:
    op.create_table(
        "dispute",
        _id(),
        _id("payment_id"),
        _text("paypal_id"),
        _word("source"),
        _word("state"),
        _word("stage"),
        _text("paypal_status"),
        _text("reason"),
        _text("outcome", nullable=True),
        _text("note"),
        _minor("amount_minor"),
        _text("currency"),
        _minor("held_minor"),
        _minor("lost_minor"),
        _minor("fee_minor"),
        _moment("respond_by"),
        sa.Column("awaits_evidence", sa.Boolean(), nullable=False),
        _moment("told_at", nullable=False),
        _count("told_movements"),
        _count("checks"),
        _moment("next_check_at"),
        _moment("opened_at", now=True, nullable=False),
        _moment("ended_at"),
        _check("dispute", "known_source", "source IN ('dispute', 'reversal')"),
        _check("dispute", "known_state", "state IN ('open', 'won', 'lost')"),
        _check("dispute", "known_stage", f"stage IN ({STAGES})"),
        _check("dispute", "amount_positive", "amount_minor > 0"),
        _check("dispute", "held_fits", "held_minor BETWEEN 0 AND amount_minor"),
        _check("dispute", "lost_fits", "lost_minor BETWEEN 0 AND held_minor"),
        _check("dispute", "ended_has_a_time", "(state = 'open') = (ended_at IS NULL)"),
        _check("dispute", "only_lost_is_lost", "state = 'lost' OR lost_minor = 0"),
        _to("dispute", "payment_id", "payment"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute")),
        sa.UniqueConstraint("paypal_id", name=op.f("uq_dispute_paypal_id")),
    )
    op.create_index("ix_dispute_payment", "dispute", ["payment_id", "id"])
    op.create_index(
        "ix_dispute_open", "dispute", ["next_check_at"], postgresql_where=sa.text("state = 'open'")
    )
    op.create_index(
        "ix_dispute_awaits_evidence",
        "dispute",
        ["respond_by"],
        postgresql_where=sa.text("state = 'open' AND awaits_evidence"),
    )


def _part_and_fee() -> None:
    op.create_table(
        "dispute_part",
        _id("dispute_id"),
        _id("line_id"),
        _id("seller_id"),
        _count("position"),
        _minor("gross_minor"),
        _minor("commission_minor"),
        _minor("lost_gross_minor"),
        _minor("lost_commission_minor"),
        _check("dispute_part", "gross_positive", "gross_minor > 0"),
        _check("dispute_part", "commission_fits", "commission_minor BETWEEN 0 AND gross_minor"),
        _check("dispute_part", "lost_fits", "lost_gross_minor BETWEEN 0 AND gross_minor"),
        _check(
            "dispute_part",
            "lost_commission_fits",
            "lost_commission_minor BETWEEN 0 AND commission_minor",
        ),
        _to("dispute_part", "dispute_id", "dispute"),
        _to("dispute_part", "seller_id", "users"),
        sa.PrimaryKeyConstraint("dispute_id", "line_id", name=op.f("pk_dispute_part")),
    )
    op.create_index("ix_dispute_part_line", "dispute_part", ["line_id"])
    op.create_index("ix_dispute_part_seller", "dispute_part", ["seller_id", "dispute_id"])
    op.create_table(
        "dispute_fee",
        _id(),
        _id("dispute_id"),
        _minor("amount_minor"),
        _moment("booked_at", now=True, nullable=False),
        _check("dispute_fee", "amount_not_zero", "amount_minor <> 0"),
        _to("dispute_fee", "dispute_id", "dispute"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute_fee")),
    )
    op.create_index(op.f("ix_dispute_fee_dispute_id"), "dispute_fee", ["dispute_id"])


def _evidence() -> None:
    op.create_table(
        "dispute_evidence",
        _id(),
        _id("dispute_id"),
        _word("stage"),
        _id("asked_by", nullable=True),
        _text("kind"),
        _text("notes"),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        _text("issue", nullable=True),
        _count("tries"),
        _moment("next_try_at", now=True),
        _moment("created_at", now=True, nullable=False),
        _moment("sent_at"),
        _check("dispute_evidence", "known_stage", f"stage IN ({STAGES})"),
        _check("dispute_evidence", "sent_once", "next_try_at IS NULL OR sent_at IS NULL"),
        _to("dispute_evidence", "dispute_id", "dispute"),
        _to("dispute_evidence", "asked_by", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute_evidence")),
        sa.UniqueConstraint("dispute_id", "stage", name="uq_dispute_evidence_dispute_id_stage"),
    )
    op.create_index(
        "ix_dispute_evidence_unsent",
        "dispute_evidence",
        ["next_try_at"],
        postgresql_where=sa.text("next_try_at IS NOT NULL"),
    )


def _mails() -> None:
    op.create_table(
        "mail_record",
        _id(),
        _id("order_id"),
        _text("template"),
        _text("address"),
        _moment("accepted_at", now=True, nullable=False),
        _to("mail_record", "order_id", "orders"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_record")),
    )
    op.create_index(op.f("ix_mail_record_order_id"), "mail_record", ["order_id"])
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON mail_record "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def upgrade() -> None:
    """Add them."""
    _mails()
    _dispute()
    _part_and_fee()
    _evidence()
    for name in ("disputed_minor", "disputed_commission_minor"):
        op.add_column(
            "order_line", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
        )
    for name, rule in RULES:
        op.create_check_constraint(op.f(f"ck_order_line_{name}"), "order_line", rule)
    op.alter_column("refunded_piece", "refund_id", nullable=True)
    op.add_column("refunded_piece", _id("dispute_id", nullable=True))
    op.create_foreign_key(
        op.f("fk_refunded_piece_dispute_id_dispute"),
        "refunded_piece",
        "dispute",
        ["dispute_id"],
        ["id"],
    )
    op.create_index(op.f("ix_refunded_piece_dispute_id"), "refunded_piece", ["dispute_id"])
    op.create_check_constraint(
        op.f("ck_refunded_piece_one_cause"),
        "refunded_piece",
        "(refund_id IS NULL) <> (dispute_id IS NULL)",
    )


def downgrade() -> None:
    """Drop them. It fails where pieces went with a dispute."""
    op.drop_constraint(op.f("ck_refunded_piece_one_cause"), "refunded_piece", type_="check")
    op.drop_column("refunded_piece", "dispute_id")
    op.alter_column("refunded_piece", "refund_id", nullable=False)
    for name, _rule in RULES:
        op.drop_constraint(op.f(f"ck_order_line_{name}"), "order_line", type_="check")
    for name in ("disputed_commission_minor", "disputed_minor"):
        op.drop_column("order_line", name)
    for table in ("mail_record", "dispute_evidence", "dispute_fee", "dispute_part", "dispute"):
        op.drop_table(table)
