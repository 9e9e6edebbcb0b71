"""Find the products of a kind, on all shelves and on one, where there are few or none."""

from alembic import op

revision = "20261126_1616_index_kinds"
down_revision = "20261126_1615_index_batches"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_product_kind": ["kind", "published_at", "id"],
    "ix_product_category_kind": ["category_id", "kind", "published_at", "id"],
}


def upgrade() -> None:
    """Add the indexes."""
    for name, columns in INDEXES.items():
        op.create_index(name, "product", columns, postgresql_where="state = 'published'")


def downgrade() -> None:
    """Drop them."""
    for name in INDEXES:
        op.drop_index(name, "product")
