"""What movements and accounts of the ledger are called, and why PayPal refunds nothing."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.payments.models import AccountKind, Movement

MOVEMENTS = {
    Movement.SALE: _l("Sale"),
    Movement.RELEASE: _l("Released"),
    Movement.FEE: _l("PayPal's fee"),
    Movement.REFUND: _l("Refund"),
    Movement.REFUND_FAILED: _l("Refund failed"),
    Movement.CHARGEBACK: _l("Chargeback"),
    Movement.DISPUTE_HOLD: _l("Held for a dispute"),
    Movement.DISPUTE_WON: _l("Dispute won"),
    Movement.DISPUTE_LOST: _l("Dispute lost"),
    Movement.DISPUTE_FEE: _l("Fee of a dispute"),
    Movement.PAYOUT: _l("Payout begun"),
    Movement.PAYOUT_PAID: _l("Payout paid"),
    Movement.PAYOUT_RETURNED: _l("Payout returned"),
    Movement.CORRECTION: _l("Correction"),
}
ACCOUNTS = {
    AccountKind.PAYPAL_CASH: _l("PayPal balance"),
    AccountKind.PAYPAL_HELD: _l("Held by PayPal"),
    AccountKind.PAYPAL_FEES: _l("PayPal's fees"),
    AccountKind.PLATFORM_REVENUE: _l("Commission"),
    AccountKind.DIFFERENCES: _l("Differences"),
    AccountKind.SELLER_AVAILABLE: _l("Available"),
    AccountKind.SELLER_PENDING: _l("Pending"),
    AccountKind.SELLER_IN_PAYOUT: _l("In payout"),
    AccountKind.SELLER_DISPUTED: _l("Disputed"),
}
_REFUSALS = {
    "REFUND_FAILED_INSUFFICIENT_FUNDS": _l(
        "The shop's PayPal account does not have enough money at the moment."
    ),
    "REFUND_TIME_LIMIT_EXCEEDED": _l("PayPal refunds nothing after 180 days."),
    "CAPTURE_FULLY_REFUNDED": _l("All of it was refunded already."),
    "REFUND_AMOUNT_EXCEEDED": _l("Less was left at PayPal: another refund came first."),
    "TRANSACTION_DISPUTED": _l("There is an open case on this payment at PayPal."),
    "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK": _l("The buyer's bank has taken the money back."),
}


def why_not_refunded(issue: str | None) -> str:
    """Why a refund failed."""
    if issue in _REFUSALS:
        return str(_REFUSALS[issue])
    return str(_("PayPal refused it: %(issue)s.", issue=issue or "FAILED"))
