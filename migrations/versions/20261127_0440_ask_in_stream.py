"""Reviews are asked for in people's notifications, and mailed as they like."""

from alembic import op

revision = "20261127_0440_ask_in_stream"
down_revision = "20261127_0425_tell_of_reviews"
branch_labels = None
depends_on = None

TABLES = ("notification", "notification_preference")
KINDS = "'sale', 'delivery', 'low_stock', 'moderation', 'webhook', 'review', 'reply'"


def _allow(kinds: str) -> None:
    for table in TABLES:
        name = op.f(f"ck_{table}_known_kind")
        op.drop_constraint(name, table, type_="check")
        op.create_check_constraint(name, table, f"kind IN ({kinds})")


def upgrade() -> None:
    """Allow the kind; what waits to be mailed is told instead."""
    _allow(f"{KINDS}, 'review_request'")
    op.execute(
        "UPDATE outbox SET listener = 'notifications.review_wanted'"
        " WHERE listener = 'mail.review_wanted' AND done_at IS NULL"
    )


def downgrade() -> None:
    """Forbid it; what was asked is lost."""
    op.execute(
        "UPDATE outbox SET listener = 'mail.review_wanted'"
        " WHERE listener = 'notifications.review_wanted' AND done_at IS NULL"
    )
    op.execute(
        "UPDATE user_count SET count = count - unread.rows FROM ("
        " SELECT user_id, count(*) AS rows FROM notification"
        " WHERE kind = 'review_request' AND read_at IS NULL GROUP BY user_id) unread"
        " WHERE user_count.user_id = unread.user_id AND user_count.name = 'notifications'"
    )
    for table in TABLES:
        op.execute(f"DELETE FROM {table} WHERE kind = 'review_request'")
    _allow(KINDS)
