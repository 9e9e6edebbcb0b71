"""Let each row of the outbox write to one address: those that wait get one for the old address."""

from alembic import op

revision = "20261126_0740_mail_one_address"
down_revision = "20261126_0735_begin_attempts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the rows for the address that was paid until now."""
    op.execute(
        "INSERT INTO outbox (id, listener, payload, attempts)"
        # As old as the row it is made of: a UUIDv7 begins with the time.
        " SELECT overlay(id::text PLACING substr(gen_random_uuid()::text, 25) FROM 25)::uuid,"
        " 'mail.payout_changed_to_old', payload, 0 FROM outbox"
        " WHERE listener = 'mail.payout_changed' AND done_at IS NULL AND parked_at IS NULL"
    )


def downgrade() -> None:
    """Take them away: the row for the seller writes to both."""
    op.execute("DELETE FROM outbox WHERE listener = 'mail.payout_changed_to_old'")
