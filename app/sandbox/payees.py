"""Who is paid out here. A receiver's address says what becomes of what is sent there.

`anna+unclaimed@example.com` has no PayPal account, `anna+onhold@…` is under review, and so on;
everybody else has the money at once.
"""

PENDING_OUTCOMES = ("UNCLAIMED", "ONHOLD")
OUTCOMES = ("SUCCESS", *PENDING_OUTCOMES, "FAILED", "BLOCKED", "RETURNED")
# PayPal's word for why, and its sentence:
# https://developer.paypal.com/docs/api/payments.payouts-batch/v1/#errors
ERRORS = {
    "UNCLAIMED": (
        "RECEIVER_UNREGISTERED",
        (
            "The recipient for this payout does not have an account. A link to sign up for an"
            " account was sent to the recipient. However, if the recipient does not claim this"
            " payout within 30 days, the funds will be returned to your account."
        ),
    ),
    "ONHOLD": (
        "RECEIVER_ACCOUNT_LIMITATION",
        (
            "The recipient's account is currently under limitation. Any payments made to this"
            " account will be on hold until the issue is resolved."
        ),
    ),
    "FAILED": ("RECEIVER_ACCOUNT_INVALID", "The recipient's account is not valid."),
    "BLOCKED": ("REGULATORY_BLOCKED", "This transaction is blocked for regulatory reasons."),
    "RETURNED": ("RECEIVER_UNREGISTERED", "The recipient did not claim this payout."),
}


def outcome_of(receiver: str) -> str:
    """The state that an item for this receiver has once it is processed."""
    word = receiver.partition("@")[0].rpartition("+")[2].upper()
    return word if word in OUTCOMES else "SUCCESS"
