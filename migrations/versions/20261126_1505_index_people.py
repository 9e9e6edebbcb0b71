"""Find people by parts of words, by role, and those who are banned, without reading all."""

from alembic import op

revision = "20261126_1505_index_people"
down_revision = "20261126_1500_add_earnings"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes."""
    op.execute(
        "CREATE INDEX ix_users_email_trgm ON users USING gin (lower(email::text) gin_trgm_ops)"
    )
    op.execute(
        "CREATE INDEX ix_users_name_trgm ON users USING gin (lower(display_name) gin_trgm_ops)"
    )
    op.create_index("ix_users_roles", "users", ["roles"], postgresql_using="gin")
    op.create_index("ix_users_banned", "users", ["id"], postgresql_where="banned_at IS NOT NULL")


def downgrade() -> None:
    """Drop them."""
    for name in ("banned", "roles", "name_trgm", "email_trgm"):
        op.drop_index(f"ix_users_{name}", "users")
