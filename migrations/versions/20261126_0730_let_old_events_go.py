"""Let PayPal's events go once they are older than any dispute; younger ones are still refused."""

from alembic import op

revision = "20261126_0730_let_old_events_go"
down_revision = "20261126_0725_keep_certificates"
branch_labels = None
depends_on = None

# A buyer has 180 days: https://www.paypal.com/us/legalhub/paypal/buyer-protection
REFUSE_YOUNG = """
CREATE FUNCTION refuse_change_while_young() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.received_at < clock_timestamp() - interval '180 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
"""


def upgrade() -> None:
    """Guard the events by their age."""
    op.execute(REFUSE_YOUNG)
    _guard("refuse_change_while_young")


def downgrade() -> None:
    """Guard them for ever."""
    _guard("refuse_change")
    op.execute("DROP FUNCTION refuse_change_while_young")


def _guard(function: str) -> None:
    op.execute("DROP TRIGGER append_only ON inbound_event")
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON inbound_event "
        f"FOR EACH ROW EXECUTE FUNCTION {function}()"
    )
