"""Timed work of payments."""

from app.payments.service import ledger


def release_due() -> int:
    """Make shares available whose hold is over."""
    return ledger.release_due()
