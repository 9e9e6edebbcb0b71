"""Error answers of Payouts v1, which names each error by itself and has no issue below it.

https://developer.paypal.com/docs/api/payments.payouts-batch/v1/#errors
"""

from typing import Any

from app.sandbox.errors import PaypalError

# name -> status, message
PAYOUT_ERRORS: dict[str, tuple[int, str]] = {
    "AUTHORIZATION_ERROR": (403, "Authorization error occurred."),
    "DUPLICATE_ITEM": (
        400,
        ("This transaction is duplicated in this batch. Please check the Ref_ID / Sender_Item_ID."),
    ),
    "INSUFFICIENT_FUNDS": (422, "Sender does not have sufficient funds. Please add funds."),
    "INTERNAL_ERROR": (500, "An internal service error has occurred."),
    "ITEM_ALREADY_CANCELLED": (400, "The requested item is already cancelled."),
    "ITEM_INCORRECT_STATUS": (400, "You can only cancel items that have an Unclaimed state."),
    "REQUIRED_SCOPE_MISSING": (403, "The access token does not have the required scope."),
    "RESOURCE_NOT_FOUND": (404, "The specified resource does not exist."),
    "SENDER_EMAIL_UNCONFIRMED": (403, "Authorization error occurred"),
    "SENDER_LOCKED": (403, "The sender's account is locked."),
    "SENDER_RESTRICTED": (403, "The sender's account is restricted."),
    "USER_BUSINESS_ERROR": (400, "User business error."),
    "VALIDATION_ERROR": (400, "Invalid request - see details."),
}


class PayoutError(PaypalError):
    """A refusal in the words of Payouts v1."""

    def __init__(self, name: str, details: list[dict[str, Any]] | None = None) -> None:
        status, message = PAYOUT_ERRORS[name]
        super().__init__(status, details)
        self.name, self.message = name, message

    @classmethod
    def of(cls, name: str) -> "PayoutError":
        """The error of that name."""
        return cls(name)

    @classmethod
    def invalid(cls, field: str, issue: str) -> "PayoutError":
        """A field that breaks a rule."""
        return cls("VALIDATION_ERROR", [{"field": field, "location": "body", "issue": issue}])

    @classmethod
    def known_batch(cls, href: str) -> "PayoutError":
        """A sender_batch_id that was used: the link leads to the batch that has it."""
        detail = {
            "field": "SENDER_BATCH_ID",
            "location": "body",
            "issue": "Batch with given sender_batch_id already exists",
            "link": [{"href": href, "rel": "self", "method": "GET"}],
        }
        return cls("USER_BUSINESS_ERROR", [detail])
