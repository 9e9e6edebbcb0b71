"""Keep the networks that people have logged in from, where strangers' tries don't lock them out."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261126_0650_add_known_networks"
down_revision = "20261126_0645_name_listeners"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; the networks of the logins that count today are known at once."""
    op.create_table(
        "known_network",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("network", postgresql.CIDR(), nullable=False),
        sa.Column(
            "seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_known_network_user_id_users")
        ),
        sa.PrimaryKeyConstraint("user_id", "network", name=op.f("pk_known_network")),
    )
    op.create_index("ix_known_network_seen_at", "known_network", ["seen_at"])
    op.execute(
        """
        INSERT INTO known_network (user_id, network, seen_at)
        SELECT user_id,
               network(set_masklen(address, CASE family(address) WHEN 6 THEN 64 ELSE 32 END)),
               max(seen_at)
        FROM (
            SELECT user_id, address, seen_at FROM login_session
            UNION ALL SELECT user_id, address, created_at FROM token_family
        ) AS logins
        WHERE address IS NOT NULL GROUP BY 1, 2
        """
    )


def downgrade() -> None:
    """Forget them."""
    op.drop_table("known_network")
