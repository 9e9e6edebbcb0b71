"""Write down an attempt to send a webhook's message before it, and let sellers take turns."""

import sqlalchemy as sa
from alembic import op

revision = "20261126_0735_begin_attempts"
down_revision = "20261126_0730_let_old_events_go"
branch_labels = None
depends_on = None

KNOWN = (
    "private_address", "no_such_host", "no_connection", "bad_tls", "too_slow", "bad_answer",
    "cut_off",
)  # fmt: skip


def upgrade() -> None:
    """Add a webhook's rest, and take in attempts that have not ended."""
    op.add_column(
        "webhook_endpoint",
        sa.Column(
            "rests_until",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
    )
    op.alter_column("webhook_attempt", "duration_ms", nullable=True)
    # Names of Python's errors stood there.
    op.execute(
        sa.text(
            "UPDATE webhook_attempt SET error = CASE"
            " WHEN error = 'private address' THEN 'private_address'"
            " WHEN error IN ('gaierror', 'UnicodeError') THEN 'no_such_host'"
            " WHEN error = 'SSLError' THEN 'bad_tls'"
            " WHEN error ILIKE '%timeout%' THEN 'too_slow'"
            " WHEN error IN ('NewConnectionError', 'ProtocolError') THEN 'no_connection'"
            " ELSE 'bad_answer' END"
            " WHERE error IS NOT NULL AND error != ALL (:known)"
        ).bindparams(known=list(KNOWN))
    )
    op.alter_column("webhook_attempt", "error", type_=sa.String(32))
    op.create_check_constraint("known_error", "webhook_attempt", sa.column("error").in_(KNOWN))
    pending = sa.text("state = 'pending'")
    op.drop_index("ix_webhook_message_due", "webhook_message")
    op.create_index(
        "ix_webhook_message_due",
        "webhook_message",
        ["endpoint_id", "next_at", "id"],
        postgresql_where=pending,
    )


def downgrade() -> None:
    """Forget attempts that have not ended."""
    op.drop_index("ix_webhook_message_due", "webhook_message")
    op.create_index(
        "ix_webhook_message_due",
        "webhook_message",
        ["next_at"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.drop_constraint(op.f("ck_webhook_attempt_known_error"), "webhook_attempt")
    op.alter_column("webhook_attempt", "error", type_=sa.Text())
    op.execute("DELETE FROM webhook_attempt WHERE duration_ms IS NULL")
    op.alter_column("webhook_attempt", "duration_ms", nullable=False)
    op.drop_column("webhook_endpoint", "rests_until")
