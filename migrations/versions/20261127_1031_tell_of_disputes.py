"""Notifications and webhooks tell of disputes, which hold earnings for longer, too."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_1031_tell_of_disputes"
down_revision = "20261127_1030_add_disputes"
branch_labels = None
depends_on = None

KINDS = {
    ("notification", "known_kind", "kind"): ("dispute",),
    ("notification_preference", "known_kind", "kind"): ("dispute",),
    ("ledger_entry", "known_reason", "hold_reason"): ("dispute",),
    ("webhook_message", "known_type", "type"): ("dispute.opened", "dispute.resolved"),
    ("webhook_stock_level", "known_level", "level"): ("dispute.opened", "dispute.resolved"),
}


def _known(table: str, name: str) -> list[str]:
    """The words that a column may have now."""
    definition = op.get_bind().scalar(
        sa.text(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conname = :name AND conrelid = CAST(:table AS regclass)"
        ),
        {"name": name, "table": table},
    )
    return [part for at, part in enumerate(str(definition).split("'")) if at % 2]


def _allow(table: str, rule: str, column: str, words: list[str]) -> None:
    name = op.f(f"ck_{table}_{rule}")
    op.drop_constraint(name, table, type_="check")
    listed = ", ".join(f"'{word}'" for word in words)
    op.create_check_constraint(name, table, f"{column} IN ({listed})")


def upgrade() -> None:
    """Allow the kinds."""
    for (table, rule, column), added in KINDS.items():
        _allow(table, rule, column, [*_known(table, f"ck_{table}_{rule}"), *added])


def downgrade() -> None:
    """Forbid them; what was told is lost."""
    op.execute(
        "UPDATE user_count SET count = count - unread.rows FROM ("
        " SELECT user_id, count(*) AS rows FROM notification"
        " WHERE kind = 'dispute' AND read_at IS NULL GROUP BY user_id) unread"
        " WHERE user_count.user_id = unread.user_id AND user_count.name = 'notifications'"
    )
    for event in ("dispute.opened", "dispute.resolved"):
        op.execute(f"UPDATE webhook_endpoint SET events = array_remove(events, '{event}')")
    for (table, rule, column), added in KINDS.items():
        listed = ", ".join(f"'{word}'" for word in added)
        if table != "ledger_entry":  # which never changes: it fails where earnings are held so
            op.execute(f"DELETE FROM {table} WHERE {column} IN ({listed})")
        known = _known(table, f"ck_{table}_{rule}")
        _allow(table, rule, column, [word for word in known if word not in added])
