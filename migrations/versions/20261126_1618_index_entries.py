"""Find the entries of lines by line and account: one seller's account may have most of all entries."""

from alembic import op

revision = "20261126_1618_index_entries"
down_revision = "20261126_1617_index_old_rows"
branch_labels = None
depends_on = None

NAME = "ix_ledger_entry_line_id"


def _index(*columns: str) -> None:
    op.drop_index(NAME, "ledger_entry")
    op.create_index(NAME, "ledger_entry", columns, postgresql_where="line_id IS NOT NULL")


def upgrade() -> None:
    """Index the two together."""
    _index("line_id", "account_id")


def downgrade() -> None:
    """As it was."""
    _index("line_id")
