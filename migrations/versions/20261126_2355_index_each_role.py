"""Find the newest people of a role without a look at others."""

from alembic import op

revision = "20261126_2355_index_each_role"
down_revision = "20261126_2020_claim_turn"
branch_labels = None
depends_on = None

ROLES = ("seller", "moderator", "admin")


def upgrade() -> None:
    """One index for each role, in the order of the list.

    From that of all roles the planner took few people of a role, or read all people until enough
    were met, as the last sample of its statistics had it.
    """
    op.drop_index("ix_users_roles", "users")
    for role in ROLES:
        op.execute(f"CREATE INDEX ix_users_{role} ON users (id) WHERE roles @> '{{{role}}}'")


def downgrade() -> None:
    """As it was."""
    for role in ROLES:
        op.drop_index(f"ix_users_{role}", "users")
    op.create_index("ix_users_roles", "users", ["roles"], postgresql_using="gin")
