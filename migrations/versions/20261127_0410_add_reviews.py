"""Reviews of what was delivered, and the sums of them beside products and sellers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261127_0410_add_reviews"
down_revision = "20261127_0400_add_notifications"
branch_labels = None
depends_on = None

STARS = [f"stars_{stars}" for stars in range(1, 6)]
SHOWN = sa.text("hidden_at IS NULL AND deleted_at IS NULL")
HIDDEN = sa.text("hidden_at IS NOT NULL AND deleted_at IS NULL")

# Whoever moves the order on meanwhile is waited for: the lock is shared with other reviews of it
# alone. What was deleted needs no purchase.
DELIVERED_LINE = """
    CREATE FUNCTION review_of_delivered_line() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM order_line line JOIN orders ON orders.id = line.order_id
        WHERE line.id = NEW.line_id AND line.order_id = NEW.order_id
            AND line.product_id = NEW.product_id AND line.seller_id = NEW.seller_id
            AND line.buyer_id = NEW.author_id AND orders.state = 'delivered'
        FOR SHARE OF orders;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a review is of a line that was delivered to its author'
                USING ERRCODE = 'check_violation', TABLE = 'review',
                    CONSTRAINT = 'review_of_delivered_line';
        END IF;
        RETURN NEW;
    END
    $$
"""


def _moment(name: str, *, now: bool = False, nullable: bool = True) -> sa.Column:
    default = sa.text("clock_timestamp()") if now else None
    kind = sa.DateTime(timezone=True)
    return sa.Column(name, kind, server_default=default, nullable=nullable and not now)


def _references(table: str, column: str, other: str, **options: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{other}")
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name, **options)


def upgrade() -> None:
    """Add the tables, the sums and the trigger."""
    for name in STARS:
        op.add_column("product", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    op.create_check_constraint(
        op.f("ck_product_stars_not_negative"), "product", f"least({', '.join(STARS)}) >= 0"
    )
    op.create_table(
        "former_name",
        sa.Column("letters", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        _references("former_name", "user_id", "users"),
        sa.PrimaryKeyConstraint("letters", name=op.f("pk_former_name")),
    )
    op.create_table(
        "seller_rating",
        sa.Column("seller_id", sa.Uuid(), nullable=False),
        sa.Column("review_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("star_sum", sa.Integer(), server_default="0", nullable=False),
        _references("seller_rating", "seller_id", "users"),
        sa.PrimaryKeyConstraint("seller_id", name=op.f("pk_seller_rating")),
        sa.CheckConstraint(
            "star_sum BETWEEN review_count AND 5 * review_count",
            name=op.f("ck_seller_rating_stars_fit"),
        ),
    )
    op.create_index("ix_order_line_product", "order_line", ["product_id", "buyer_id"])
    op.drop_index("ix_order_line_product_id", table_name="order_line")
    _add_reviews()
    op.create_table(
        "review_vote",
        sa.Column("review_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        _references("review_vote", "review_id", "review", ondelete="CASCADE"),
        _references("review_vote", "user_id", "users"),
        sa.PrimaryKeyConstraint("review_id", "user_id", name=op.f("pk_review_vote")),
    )
    op.create_table(
        "review_report",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("review_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        _moment("created_at", now=True),
        _moment("closed_at"),
        _references("review_report", "review_id", "review", ondelete="CASCADE"),
        _references("review_report", "user_id", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_report")),
        sa.UniqueConstraint("review_id", "user_id", name="uq_review_report_review_id_user_id"),
        sa.CheckConstraint("char_length(reason) <= 500", name=op.f("ck_review_report_reason_fits")),
    )
    op.create_index(
        "ix_review_report_open",
        "review_report",
        ["id"],
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "review_request",
        sa.Column("buyer_id", sa.Uuid(), nullable=False),
        _moment("since", nullable=False),
        _moment("due_at", nullable=False),
        _references("review_request", "buyer_id", "users"),
        sa.PrimaryKeyConstraint("buyer_id", name=op.f("pk_review_request")),
    )
    op.create_index(op.f("ix_review_request_due_at"), "review_request", ["due_at"])
    op.create_table(
        "seller_replies",
        sa.Column("seller_id", sa.Uuid(), nullable=False),
        sa.Column("last_seconds", postgresql.ARRAY(sa.INTEGER()), nullable=False),
        sa.Column("median_seconds", sa.Integer(), nullable=True),
        _references("seller_replies", "seller_id", "users"),
        sa.PrimaryKeyConstraint("seller_id", name=op.f("pk_seller_replies")),
    )


def _add_reviews() -> None:
    uuids = ("id", "line_id", "order_id", "product_id", "seller_id", "author_id")
    op.create_table(
        "review",
        *(sa.Column(name, sa.Uuid(), nullable=False) for name in uuids),
        sa.Column("stars", sa.SmallInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        _moment("written_at", now=True),
        _moment("edited_at"),
        sa.Column("reply", sa.Text(), nullable=True),
        _moment("replied_at"),
        sa.Column("helpful_count", sa.Integer(), server_default="0", nullable=False),
        _moment("hidden_at"),
        sa.Column("hidden_by", sa.Uuid(), nullable=True),
        sa.Column("hidden_reason", sa.Text(), nullable=True),
        _moment("deleted_at"),
        _references("review", "line_id", "order_line"),
        _references("review", "order_id", "orders"),
        _references("review", "product_id", "product"),
        _references("review", "seller_id", "users"),
        _references("review", "author_id", "users"),
        _references("review", "hidden_by", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
        sa.UniqueConstraint("line_id", name=op.f("uq_review_line_id")),
        sa.CheckConstraint("author_id <> seller_id", name=op.f("ck_review_not_own_product")),
        sa.CheckConstraint("stars BETWEEN 1 AND 5", name=op.f("ck_review_known_stars")),
        sa.CheckConstraint("char_length(text) <= 4000", name=op.f("ck_review_text_fits")),
        sa.CheckConstraint("char_length(reply) <= 2000", name=op.f("ck_review_reply_fits")),
        sa.CheckConstraint(
            "(reply IS NULL) = (replied_at IS NULL)", name=op.f("ck_review_reply_has_moment")
        ),
        sa.CheckConstraint(
            "(hidden_at IS NULL) = (hidden_by IS NULL)"
            " AND (hidden_at IS NULL) = (hidden_reason IS NULL)",
            name=op.f("ck_review_hidden_with_reason"),
        ),
        sa.CheckConstraint("helpful_count >= 0", name=op.f("ck_review_helpful_not_negative")),
    )
    for name, columns, which in (
        ("new", ("id",), SHOWN),
        ("helpful", ("helpful_count", "id"), SHOWN),
        ("stars", ("stars", "id"), SHOWN),
        ("stars_helpful", ("stars", "helpful_count", "id"), SHOWN),
        ("hidden", ("id",), HIDDEN),
    ):
        op.create_index(
            f"ix_review_{name}", "review", ["product_id", *columns], postgresql_where=which
        )
    op.create_index("ix_review_order", "review", ["order_id"])
    op.execute(DELIVERED_LINE)
    op.execute(
        "CREATE TRIGGER delivered_line BEFORE INSERT OR UPDATE OF line_id, order_id, product_id,"
        " seller_id, author_id, stars, text, hidden_at, deleted_at ON review FOR EACH ROW"
        " WHEN (NEW.deleted_at IS NULL) EXECUTE FUNCTION review_of_delivered_line()"
    )


def downgrade() -> None:
    """As it was; what was said is lost."""
    for table in ("seller_replies", "review_request", "review_report", "review_vote", "review"):
        op.drop_table(table)
    op.execute("DROP FUNCTION review_of_delivered_line()")
    op.create_index("ix_order_line_product_id", "order_line", ["product_id"])
    op.drop_index("ix_order_line_product", table_name="order_line")
    op.drop_table("seller_rating")
    op.drop_table("former_name")
    op.drop_constraint(op.f("ck_product_stars_not_negative"), "product", type_="check")
    for name in STARS:
        op.drop_column("product", name)
