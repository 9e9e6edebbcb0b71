"""Find the products that are for sale by their keys, for the sitemap."""

from alembic import op

revision = "20261126_1030_index_published"
down_revision = "20261126_0740_mail_one_address"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index(
        "ix_product_published", "product", ["id"], postgresql_where="state = 'published'"
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_product_published", "product")
