"""Rates of commission of categories and sellers, who changed them, and each line's own."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_0530_add_commission"
down_revision = "20261127_0525_tell_of_payments"
branch_labels = None
depends_on = None

TARGET = "(category_id IS NULL) <> (seller_id IS NULL)"


def upgrade() -> None:
    """Add tables and column."""
    op.create_table(
        "commission_rate",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("category_id", sa.Uuid(), nullable=True),
        sa.Column("seller_id", sa.Uuid(), nullable=True),
        sa.Column("basis_points", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "basis_points BETWEEN 0 AND 10000", name=op.f("ck_commission_rate_share_in_range")
        ),
        sa.CheckConstraint(TARGET, name=op.f("ck_commission_rate_one_target")),
        sa.ForeignKeyConstraint(
            ["category_id"], ["category.id"], name=op.f("fk_commission_rate_category_id_category")
        ),
        sa.ForeignKeyConstraint(
            ["seller_id"], ["users.id"], name=op.f("fk_commission_rate_seller_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commission_rate")),
        sa.UniqueConstraint("category_id", name=op.f("uq_commission_rate_category_id")),
        sa.UniqueConstraint("seller_id", name=op.f("uq_commission_rate_seller_id")),
    )
    op.create_table(
        "commission_change",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("category_id", sa.Uuid(), nullable=True),
        sa.Column("seller_id", sa.Uuid(), nullable=True),
        sa.Column("before", sa.Integer(), nullable=True),
        sa.Column("after", sa.Integer(), nullable=True),
        sa.Column("changed_by", sa.Uuid(), nullable=False),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(TARGET, name=op.f("ck_commission_change_one_target")),
        sa.CheckConstraint(
            "before IS DISTINCT FROM after", name=op.f("ck_commission_change_something_changed")
        ),
        sa.ForeignKeyConstraint(
            ["category_id"],
            ["category.id"],
            name=op.f("fk_commission_change_category_id_category"),
        ),
        sa.ForeignKeyConstraint(
            ["seller_id"], ["users.id"], name=op.f("fk_commission_change_seller_id_users")
        ),
        sa.ForeignKeyConstraint(
            ["changed_by"], ["users.id"], name=op.f("fk_commission_change_changed_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commission_change")),
    )
    for column in ("category_id", "seller_id"):
        op.create_index(op.f(f"ix_commission_change_{column}"), "commission_change", [column])
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON commission_change "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.add_column("order_line", sa.Column("commission_basis_points", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Take them back."""
    op.drop_column("order_line", "commission_basis_points")
    op.drop_table("commission_change")
    op.drop_table("commission_rate")
