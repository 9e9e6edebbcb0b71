"""Keep PayPal's certificates for processes that begin anew."""

import sqlalchemy as sa
from alembic import op

revision = "20261126_0725_keep_certificates"
down_revision = "20261126_0722_index_lines"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "signer_certificate",
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.Column(
            "fetched_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("url", name=op.f("pk_signer_certificate")),
    )


def downgrade() -> None:
    """They can be fetched again."""
    op.drop_table("signer_certificate")
