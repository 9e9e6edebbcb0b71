"""Tell sellers' services what happens: endpoints, messages, every try."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261123_add_webhooks"
down_revision = "20261123_add_tokens"
branch_labels = None
depends_on = None

KINDS = ("order.paid", "order.delivered", "stock.low", "stock.out", "webhook.test")


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def _moment(name: str, *, nullable: bool = False, now: bool = False) -> sa.Column[object]:
    default = sa.text("clock_timestamp()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=nullable)


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column(
            "off_reason", _one_of("known_off_reason", "by_hand", "gone", "failing"), nullable=True
        ),
        _moment("failing_since", nullable=True),
        _moment("created_at", now=True),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_webhook_endpoint_owner_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoint")),
    )
    op.create_index(op.f("ix_webhook_endpoint_owner_id"), "webhook_endpoint", ["owner_id"])
    op.create_table(
        "webhook_message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("type", _one_of("known_type", *KINDS), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", _one_of("known_state", "pending", "sent", "failed"), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        _moment("next_at", now=True),
        _moment("created_at", now=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoint.id"],
            name=op.f("fk_webhook_message_endpoint_id_webhook_endpoint"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_message")),
    )
    op.create_index("ix_webhook_message_endpoint", "webhook_message", ["endpoint_id", "id"])
    pending = sa.text("state = 'pending'")
    op.create_index(
        "ix_webhook_message_due", "webhook_message", ["next_at"], postgresql_where=pending
    )
    op.create_index(
        "ix_webhook_message_order",
        "webhook_message",
        ["endpoint_id", "subject", "id"],
        postgresql_where=pending,
    )
    op.create_table(
        "webhook_attempt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        _moment("started_at"),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["webhook_message.id"],
            name=op.f("fk_webhook_attempt_message_id_webhook_message"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_attempt")),
    )
    op.create_index(op.f("ix_webhook_attempt_message_id"), "webhook_attempt", ["message_id"])
    op.create_table(
        "webhook_stock_level",
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("level", _one_of("known_level", *KINDS), nullable=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoint.id"],
            name=op.f("fk_webhook_stock_level_endpoint_id_webhook_endpoint"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_webhook_stock_level_product_id_product")
        ),
        sa.PrimaryKeyConstraint("endpoint_id", "product_id", name=op.f("pk_webhook_stock_level")),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("webhook_stock_level", "webhook_attempt", "webhook_message", "webhook_endpoint"):
        op.drop_table(table)
