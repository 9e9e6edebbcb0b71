"""Index each shelf by price and by what is bought most, as it is by what is new."""

from alembic import op

revision = "20261125_index_shelves"
down_revision = "20261125_mark_replaced_photos"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_product_category_price": ["category_id", "price_minor", "id"],
    "ix_product_category_popular": ["category_id", "sold_count", "id"],
}


def upgrade() -> None:
    """Add the indexes."""
    for name, columns in INDEXES.items():
        op.create_index(
            name, "product", columns, unique=False, postgresql_where="state = 'published'"
        )


def downgrade() -> None:
    """Drop them."""
    for name in INDEXES:
        op.drop_index(name, table_name="product")
