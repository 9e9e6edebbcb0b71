"""Let webhooks tell of messages."""

from alembic import op

revision = "20261127_0450_tell_of_messages"
down_revision = "20261127_0440_ask_in_stream"
branch_labels = None
depends_on = None

BEFORE = (
    "'order.paid', 'order.delivered', 'stock.low', 'stock.out', 'review.written', 'webhook.test'"
)
AFTER = f"{BEFORE}, 'message.received'"
CONSTRAINTS = {
    "webhook_message": ("ck_webhook_message_known_type", "type"),
    "webhook_stock_level": ("ck_webhook_stock_level_known_level", "level"),
}


def _allow(kinds: str) -> None:
    for table, (name, column) in CONSTRAINTS.items():
        op.drop_constraint(op.f(name), table, type_="check")
        op.create_check_constraint(op.f(name), table, f"{column} IN ({kinds})")


def upgrade() -> None:
    """Allow the event."""
    _allow(AFTER)


def downgrade() -> None:
    """Forbid it; who wanted to hear of it hears of the rest."""
    op.execute("DELETE FROM webhook_message WHERE type = 'message.received'")
    op.execute("UPDATE webhook_endpoint SET events = array_remove(events, 'message.received')")
    _allow(BEFORE)
