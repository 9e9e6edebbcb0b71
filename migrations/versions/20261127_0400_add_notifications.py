"""A stream of notifications for each person, mails as they choose, and low stock."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261127_0400_add_notifications"
down_revision = "20261127_0330_search_tags"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
KINDS = "kind IN ('sale', 'delivery', 'low_stock', 'moderation', 'webhook')"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "user_count",
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "name"),
        sa.CheckConstraint("count >= 0", name="not_negative"),
    )
    op.create_table(
        "notification",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("params", postgresql.JSONB(), nullable=False),
        sa.Column(
            "created_at", MOMENT, server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("read_at", MOMENT),
        sa.Column("awaits_digest", sa.Boolean(), nullable=False),
        sa.CheckConstraint(KINDS, name="known_kind"),
        sa.UniqueConstraint("user_id", "kind", "key", name="uq_notification_user_id_kind_key"),
    )
    op.create_index("ix_notification_created_at", "notification", ["created_at"])
    op.create_index("ix_notification_user", "notification", ["user_id", "id"])
    op.create_index("ix_notification_user_kind", "notification", ["user_id", "kind", "id"])
    op.create_index(
        "ix_notification_unread",
        "notification",
        ["user_id", "id"],
        postgresql_where="read_at IS NULL",
    )
    op.create_index(
        "ix_notification_unread_kind",
        "notification",
        ["user_id", "kind", "id"],
        postgresql_where="read_at IS NULL",
    )
    op.create_index(
        "ix_notification_digest", "notification", ["user_id"], postgresql_where="awaits_digest"
    )
    op.create_index(
        "ix_notification_old_unread",
        "notification",
        ["created_at"],
        postgresql_where="read_at IS NULL",
    )
    op.create_table(
        "notification_preference",
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "kind"),
        sa.CheckConstraint(KINDS, name="known_kind"),
        sa.CheckConstraint("mode IN ('at_once', 'daily', 'never')", name="known_mode"),
    )
    op.create_table(
        "notification_digest",
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("due_at", MOMENT),
        sa.Column("sent_at", MOMENT),
    )
    op.create_index(
        "ix_notification_digest_due",
        "notification_digest",
        ["due_at"],
        postgresql_where="due_at IS NOT NULL",
    )
    op.add_column(
        "product", sa.Column("low_stock_at", sa.Integer(), server_default="5", nullable=False)
    )
    op.add_column(
        "product",
        sa.Column("low_stock_told", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.create_check_constraint("low_stock_in_range", "product", "low_stock_at BETWEEN 0 AND 1000")
    # What waits to be mailed of webhooks that were switched off is told in the stream instead.
    op.execute(
        """UPDATE outbox SET listener = 'notifications.webhook_off',
            payload = payload || jsonb_build_object('since', created_at)
        WHERE listener = 'mail.webhook_off' AND done_at IS NULL"""
    )


def downgrade() -> None:
    """Drop them."""
    op.execute(
        """UPDATE outbox SET listener = 'mail.webhook_off', payload = payload - 'since'
        WHERE listener = 'notifications.webhook_off' AND done_at IS NULL"""
    )
    op.drop_constraint(op.f("ck_product_low_stock_in_range"), "product")
    op.drop_column("product", "low_stock_told")
    op.drop_column("product", "low_stock_at")
    op.drop_table("notification_digest")
    op.drop_table("notification_preference")
    op.drop_table("notification")
    op.drop_table("user_count")
