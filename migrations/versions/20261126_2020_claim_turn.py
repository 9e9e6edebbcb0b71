"""Wait for a holder's turn, and look at what it has, within the claim: one statement less."""

from alembic import op

revision = "20261126_2020_claim_turn"
down_revision = "20261126_1930_search_categories"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the function.

    It is volatile, so that it sees what was committed while it waited; the statement that calls it
    does not. https://www.postgresql.org/docs/current/xfunc-volatility.html
    """
    op.execute(
        """
        CREATE FUNCTION stock_held_in_turn(wanted_by uuid, product uuid) RETURNS boolean
        LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtextextended(wanted_by::text, 0));
            RETURN EXISTS (
                SELECT FROM stock_item WHERE holder = wanted_by AND product_id = product
            );
        END
        $$
        """
    )


def downgrade() -> None:
    """As it was."""
    op.execute("DROP FUNCTION stock_held_in_turn(uuid, uuid)")
