"""PayPal's fee may come after the money, and what PayPal called completed is noted."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_0520_book_fees_later"
down_revision = "20261127_0500_notify_of_messages"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Note what PayPal has said already, so that what got stuck by then is named, too."""
    op.add_column("payment", sa.Column("told_completed_at", sa.DateTime(timezone=True)))
    op.execute(
        "UPDATE payment SET told_completed_at = told.at FROM ("
        " SELECT body #>> '{resource,supplementary_data,related_ids,order_id}' AS order_id,"
        " min(received_at) AS at FROM inbound_event"
        " WHERE event_type = 'PAYMENT.CAPTURE.COMPLETED' GROUP BY 1) told"
        " WHERE payment.paypal_order_id = told.order_id"
        " AND payment.state NOT IN ('settled', 'mismatched')"
    )
    op.create_index(
        "ix_payment_without_fee",
        "payment",
        ["next_check_at"],
        postgresql_where=sa.text("state = 'settled' AND fee_minor IS NULL"),
    )
    op.create_index(
        "ix_payment_completed_unsettled",
        "payment",
        ["told_completed_at"],
        postgresql_where=sa.text(
            "told_completed_at IS NOT NULL AND state NOT IN ('settled', 'mismatched')"
        ),
    )


def downgrade() -> None:
    """Forget it; fees that came late stay booked."""
    op.drop_index("ix_payment_completed_unsettled", "payment")
    op.drop_index("ix_payment_without_fee", "payment")
    op.drop_column("payment", "told_completed_at")
