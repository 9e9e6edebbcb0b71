"""Buyers are told of payments that PayPal holds, or that failed."""

from alembic import op

revision = "20261127_0525_tell_of_payments"
down_revision = "20261127_0520_book_fees_later"
branch_labels = None
depends_on = None

TABLES = ("notification", "notification_preference")
KINDS = (
    "'sale', 'delivery', 'low_stock', 'moderation', 'webhook', 'review', 'reply',"
    " 'review_request', 'message'"
)


def _allow(kinds: str) -> None:
    for table in TABLES:
        name = op.f(f"ck_{table}_known_kind")
        op.drop_constraint(name, table, type_="check")
        op.create_check_constraint(name, table, f"kind IN ({kinds})")


def upgrade() -> None:
    """Allow the kind."""
    _allow(f"{KINDS}, 'payment'")


def downgrade() -> None:
    """Forbid it; what was told of it is lost."""
    op.execute(
        "UPDATE user_count SET count = count - unread.rows FROM ("
        " SELECT user_id, count(*) AS rows FROM notification"
        " WHERE kind = 'payment' AND read_at IS NULL GROUP BY user_id) unread"
        " WHERE user_count.user_id = unread.user_id AND user_count.name = 'notifications'"
    )
    for table in TABLES:
        op.execute(f"DELETE FROM {table} WHERE kind = 'payment'")
    _allow(KINDS)
