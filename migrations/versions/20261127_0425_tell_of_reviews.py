"""Let people and programs be told of reviews."""

from alembic import op

revision = "20261127_0425_tell_of_reviews"
down_revision = "20261127_0410_add_reviews"
branch_labels = None
depends_on = None

EVENTS = "'order.paid', 'order.delivered', 'stock.low', 'stock.out'"
KINDS = "'sale', 'delivery', 'low_stock', 'moderation', 'webhook'"


def _allow(table: str, column: str, values: str) -> None:
    name = op.f(f"ck_{table}_known_{column}")
    op.drop_constraint(name, table, type_="check")
    op.create_check_constraint(name, table, f"{column} IN ({values})")


def _allow_all(events: str, kinds: str) -> None:
    _allow("webhook_message", "type", f"{events}, 'webhook.test'")
    _allow("webhook_stock_level", "level", f"{events}, 'webhook.test'")
    _allow("notification", "kind", kinds)
    _allow("notification_preference", "kind", kinds)


def upgrade() -> None:
    """Allow the event and the kinds."""
    _allow_all(f"{EVENTS}, 'review.written'", f"{KINDS}, 'review', 'reply'")


def downgrade() -> None:
    """Forbid them; what was told of reviews is lost."""
    op.execute("DELETE FROM webhook_message WHERE type = 'review.written'")
    op.execute("UPDATE webhook_endpoint SET events = array_remove(events, 'review.written')")
    op.execute(
        "UPDATE user_count SET count = count - unread.rows FROM ("
        " SELECT user_id, count(*) AS rows FROM notification"
        " WHERE kind IN ('review', 'reply') AND read_at IS NULL GROUP BY user_id) unread"
        " WHERE user_count.user_id = unread.user_id AND user_count.name = 'notifications'"
    )
    for table in ("notification", "notification_preference"):
        op.execute(f"DELETE FROM {table} WHERE kind IN ('review', 'reply')")
    _allow_all(EVENTS, KINDS)
