"""How PayPal's events came, what they are about, and what became of each; what was missed."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_0910_tell_of_events"
down_revision = "20261127_0900_keep_balances"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what tells an event's story."""
    op.add_column(
        "inbound_event",
        sa.Column("came_by", sa.String(length=32), server_default="webhook", nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_inbound_event_known_way"), "inbound_event", "came_by IN ('webhook', 'fetched')"
    )
    op.add_column("inbound_event", sa.Column("resource_id", sa.Text()))
    op.add_column("inbound_event", sa.Column("reference", sa.Uuid()))
    op.create_index("ix_inbound_event_event_type_id", "inbound_event", ["event_type", "id"])
    for name in ("resource_id", "reference"):
        op.create_index(
            f"ix_inbound_event_{name}",
            "inbound_event",
            [name],
            postgresql_where=sa.text(f"{name} IS NOT NULL"),
        )
    op.create_table(
        "inbound_handling",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("inbound_id", sa.Uuid(), nullable=False),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("by_id", sa.Uuid()),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("outbox_id", sa.Uuid()),
        sa.CheckConstraint(
            "outcome IN ('nothing', 'known', 'handed_on')",
            name=op.f("ck_inbound_handling_known_outcome"),
        ),
        sa.ForeignKeyConstraint(
            ["inbound_id"],
            ["inbound_event.id"],
            name=op.f("fk_inbound_handling_inbound_id_inbound_event"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["by_id"], ["users.id"], name=op.f("fk_inbound_handling_by_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_handling")),
    )
    op.create_index(op.f("ix_inbound_handling_inbound_id"), "inbound_handling", ["inbound_id"])
    op.create_index(
        "ix_inbound_handling_outbox_id",
        "inbound_handling",
        ["outbox_id"],
        postgresql_where=sa.text("outbox_id IS NOT NULL"),
    )
    op.create_index(
        "ix_outbox_parked",
        "outbox",
        ["id"],
        postgresql_where=sa.text("parked_at IS NOT NULL AND done_at IS NULL"),
    )
    op.create_table(
        "progress",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_progress")),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_table("progress")
    op.drop_index("ix_outbox_parked", "outbox")
    op.drop_table("inbound_handling")
    op.drop_index("ix_inbound_event_event_type_id", "inbound_event")
    for name in ("reference", "resource_id"):
        op.drop_index(f"ix_inbound_event_{name}", "inbound_event")
        op.drop_column("inbound_event", name)
    op.drop_constraint(op.f("ck_inbound_event_known_way"), "inbound_event", type_="check")
    op.drop_column("inbound_event", "came_by")
