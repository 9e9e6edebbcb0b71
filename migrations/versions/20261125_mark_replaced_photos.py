"""Mark photos that were replaced, so that they can be deleted where nothing shows them."""

import sqlalchemy as sa
from alembic import op

revision = "20261125_mark_replaced_photos"
down_revision = "20261123_add_stored_answers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the mark."""
    op.add_column("photo", sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_photo_replaced",
        "photo",
        ["replaced_at"],
        unique=False,
        postgresql_where="replaced_at IS NOT NULL",
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_photo_replaced", table_name="photo")
    op.drop_column("photo", "replaced_at")
