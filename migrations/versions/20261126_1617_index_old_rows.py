"""Find what is to be deleted without a look at what stays, and people by either case."""

from alembic import op

revision = "20261126_1617_index_old_rows"
down_revision = "20261126_1616_index_kinds"
branch_labels = None
depends_on = None

TRIGRAMS = {
    "ix_users_email_trgm": ("(email::text)", "(lower(email::text))"),
    "ix_users_name_trgm": ("display_name", "(lower(display_name))"),
}


def _index_people(which: int) -> None:
    for name, expressions in TRIGRAMS.items():
        op.drop_index(name, "users")
        op.execute(f"CREATE INDEX {name} ON users USING gin ({expressions[which]} gin_trgm_ops)")


def upgrade() -> None:
    """Add the indexes; those of trigrams as ILIKE can use them."""
    op.create_index("ix_login_session_created_at", "login_session", ["created_at"])
    op.create_index("ix_login_session_seen_at", "login_session", ["seen_at"])
    op.create_index("ix_mail_token_expires_at", "mail_token", ["expires_at"])
    _index_people(0)


def downgrade() -> None:
    """As it was."""
    _index_people(1)
    op.drop_index("ix_mail_token_expires_at", "mail_token")
    op.drop_index("ix_login_session_seen_at", "login_session")
    op.drop_index("ix_login_session_created_at", "login_session")
