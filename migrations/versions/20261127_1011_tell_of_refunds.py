"""Sellers, and their services, are told of refunds; buyers claim what they can't return."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261127_1011_tell_of_refunds"
down_revision = "20261127_1010_add_refunds"
branch_labels = None
depends_on = None

# What was refunded whole is not reviewed anew; what was said before that stays as it may be changed.
REVIEWED = """
    CREATE OR REPLACE FUNCTION review_of_delivered_line() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM order_line line JOIN orders ON orders.id = line.order_id
        WHERE line.id = NEW.line_id AND line.order_id = NEW.order_id
            AND line.product_id = NEW.product_id AND line.seller_id = NEW.seller_id
            AND line.buyer_id = NEW.author_id AND orders.state = 'delivered'{more}
        FOR SHARE OF orders;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a review is of a line that was delivered to its author'
                USING ERRCODE = 'check_violation', TABLE = 'review',
                    CONSTRAINT = 'review_of_delivered_line';
        END IF;
        RETURN NEW;
    END
    $$
"""
UNLESS_REFUNDED = """
            AND (line.given_back_minor < line.quantity * line.unit_price_minor
                OR (TG_OP = 'UPDATE' AND OLD.deleted_at IS NULL))"""
TABLES = ("notification", "notification_preference")
KINDS = (
    "'sale', 'delivery', 'low_stock', 'moderation', 'webhook', 'review', 'reply',"
    " 'review_request', 'message', 'payment'"
)
EVENTS = (
    "'order.paid', 'order.delivered', 'stock.low', 'stock.out', 'review.written', 'webhook.test',"
    " 'message.received'"
)
NEW = ("order.refunded", "claim.opened")
CONSTRAINTS = {
    "webhook_message": ("ck_webhook_message_known_type", "type"),
    "webhook_stock_level": ("ck_webhook_stock_level_known_level", "level"),
}


def _allow_kinds(kinds: str) -> None:
    for table in TABLES:
        name = op.f(f"ck_{table}_known_kind")
        op.drop_constraint(name, table, type_="check")
        op.create_check_constraint(name, table, f"kind IN ({kinds})")


def _allow_events(kinds: str) -> None:
    for table, (name, column) in CONSTRAINTS.items():
        op.drop_constraint(op.f(name), table, type_="check")
        op.create_check_constraint(op.f(name), table, f"{column} IN ({kinds})")


def _reference(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{target}")
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name)


def _claim() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "claim",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("buyer_id", sa.Uuid(), nullable=False),
        sa.Column("seller_id", sa.Uuid(), nullable=False),
        sa.Column("pieces", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.Column("decision", sa.Text()),
        sa.Column("decided_by", sa.Uuid()),
        sa.Column("refund_id", sa.Uuid()),
        sa.Column("opened_at", moment, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.CheckConstraint(
            "kind IN ('invalid', 'not_as_described', 'other')", name=op.f("ck_claim_known_kind")
        ),
        sa.CheckConstraint(
            "state IN ('open', 'accepted', 'declined', 'called', 'granted', 'refused',"
            " 'withdrawn')",
            name=op.f("ck_claim_known_state"),
        ),
        sa.CheckConstraint("cardinality(pieces) > 0", name=op.f("ck_claim_some_pieces")),
        _reference("claim", "order_id", "orders"),
        _reference("claim", "line_id", "order_line"),
        _reference("claim", "buyer_id", "users"),
        _reference("claim", "seller_id", "users"),
        _reference("claim", "decided_by", "users"),
        _reference("claim", "refund_id", "refund"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim")),
    )
    live = sa.text("state IN ('open', 'called')")
    op.create_index("uq_claim_live", "claim", ["line_id"], unique=True, postgresql_where=live)
    op.create_index("ix_claim_line", "claim", ["line_id"])
    op.create_index("ix_claim_refund", "claim", ["refund_id"])
    op.create_index("ix_claim_order", "claim", ["order_id", "id"])
    op.create_index("ix_claim_seller", "claim", ["seller_id", "id"])
    op.create_index(
        "ix_claim_called", "claim", ["id"], postgresql_where=sa.text("state = 'called'")
    )
    op.create_table(
        "seller_claims",
        sa.Column("seller_id", sa.Uuid(), nullable=False),
        sa.Column("invalid_pieces", sa.BigInteger(), nullable=False),
        _reference("seller_claims", "seller_id", "users"),
        sa.PrimaryKeyConstraint("seller_id", name=op.f("pk_seller_claims")),
    )


def upgrade() -> None:
    """Allow the kind and the events, and add claims."""
    _allow_kinds(f"{KINDS}, 'refund', 'claim'")
    _allow_events(f"{EVENTS}, {', '.join(repr(event) for event in NEW)}")
    _claim()
    op.execute(REVIEWED.format(more=UNLESS_REFUNDED))


def downgrade() -> None:
    """Forbid them; what was told of them is lost, and so are claims."""
    op.execute(REVIEWED.format(more=""))
    op.drop_table("seller_claims")
    op.drop_table("claim")
    for event in NEW:
        op.execute(f"DELETE FROM webhook_message WHERE type = '{event}'")
        op.execute(f"UPDATE webhook_endpoint SET events = array_remove(events, '{event}')")
    op.execute(
        "UPDATE user_count SET count = count - unread.rows FROM ("
        " SELECT user_id, count(*) AS rows FROM notification"
        " WHERE kind IN ('refund', 'claim') AND read_at IS NULL GROUP BY user_id) unread"
        " WHERE user_count.user_id = unread.user_id AND user_count.name = 'notifications'"
    )
    for table in TABLES:
        op.execute(f"DELETE FROM {table} WHERE kind IN ('refund', 'claim')")
    _allow_events(EVENTS)
    _allow_kinds(KINDS)
