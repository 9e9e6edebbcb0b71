"""What movements and accounts of the ledger are called."""

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
