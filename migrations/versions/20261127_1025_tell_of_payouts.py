"""Sellers are told of payouts, by notifications and by webhooks."""

import re

import sqlalchemy as sa
from alembic import op

revision = "20261127_1025_tell_of_payouts"
down_revision = "20261127_1020_add_payouts"
branch_labels = None
depends_on = None

# table -> its column, the constraint's name, and what it may be from now on
ALLOWED = {
    "notification": ("kind", "known_kind", ("payout",)),
    "notification_preference": ("kind", "known_kind", ("payout",)),
    "webhook_message": ("type", "known_type", ("payout.paid", "payout.failed")),
    "webhook_stock_level": ("level", "known_level", ("payout.paid", "payout.failed")),
}


def _known(name: str) -> list[str]:
    """What a constraint allows as it stands."""
    definition = (
        op.get_bind()
        .execute(
            sa.text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name"),
            {"name": name},
        )
        .scalar_one()
    )
    return re.findall(r"'([a-z_.]+)'", definition)


def _allow(*, more: bool) -> None:
    for table, (column, constraint, values) in ALLOWED.items():
        name = f"ck_{table}_{constraint}"
        known = [value for value in _known(name) if value not in values]
        allowed = ", ".join(f"'{value}'" for value in (*known, *(values if more else ())))
        op.drop_constraint(op.f(name), table, type_="check")
        op.create_check_constraint(op.f(name), table, f"{column} IN ({allowed})")


def upgrade() -> None:
    """Allow the kind and the events."""
    _allow(more=True)


def downgrade() -> None:
    """Forbid them; what was told of payouts is lost."""
    op.execute(
        "UPDATE user_count SET count = count - unread.rows FROM ("
        " SELECT user_id, count(*) AS rows FROM notification"
        " WHERE kind = 'payout' AND read_at IS NULL GROUP BY user_id) unread"
        " WHERE user_count.user_id = unread.user_id AND user_count.name = 'notifications'"
    )
    for table in ("notification", "notification_preference"):
        op.execute(f"DELETE FROM {table} WHERE kind = 'payout'")
    op.execute(
        "DELETE FROM webhook_attempt WHERE message_id IN"
        " (SELECT id FROM webhook_message WHERE type LIKE 'payout.%')"
    )
    op.execute("DELETE FROM webhook_message WHERE type LIKE 'payout.%'")
    op.execute(
        "UPDATE webhook_endpoint SET events ="
        " array_remove(array_remove(events, 'payout.paid'), 'payout.failed')"
    )
    _allow(more=False)
