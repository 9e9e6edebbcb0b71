"""Write down the servers that answer from memory."""

import sqlalchemy as sa
from alembic import op

revision = "20261126_1600_name_servers"
down_revision = "20261126_1545_empty_at_once"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "remembering_server",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_remembering_server")),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("remembering_server")
