"""A message that waits is told of in its reader's notifications, and mailed as they like."""

from alembic import op

revision = "20261127_0500_notify_of_messages"
down_revision = "20261127_0450_tell_of_messages"
branch_labels = None
depends_on = None

TABLES = ("notification", "notification_preference")
KINDS = (
    "'sale', 'delivery', 'low_stock', 'moderation', 'webhook', 'review', 'reply', 'review_request'"
)


def _allow(kinds: str) -> None:
    for table in TABLES:
        name = op.f(f"ck_{table}_known_kind")
        op.drop_constraint(name, table, type_="check")
        op.create_check_constraint(name, table, f"kind IN ({kinds})")


def upgrade() -> None:
    """Allow the kind."""
    _allow(f"{KINDS}, 'message'")


def downgrade() -> None:
    """Forbid it; what was told of it is lost."""
    op.execute(
        "UPDATE user_count SET count = count - unread.rows FROM ("
        " SELECT user_id, count(*) AS rows FROM notification"
        " WHERE kind = 'message' AND read_at IS NULL GROUP BY user_id) unread"
        " WHERE user_count.user_id = unread.user_id AND user_count.name = 'notifications'"
    )
    for table in TABLES:
        op.execute(f"DELETE FROM {table} WHERE kind = 'message'")
    _allow(KINDS)
