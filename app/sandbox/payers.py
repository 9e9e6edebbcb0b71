"""The people who pay here. Each stands for one way a payment can go."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Payer:
    """A demo payer.

    Attributes:
        key: how the sandbox's pages and control calls name this payer.
        declines_first: the first capture of each order is refused by the bank.
        pays_later: captures wait until the control page completes or denies them.
    """

    key: str
    payer_id: str
    email: str
    surname: str
    declines_first: bool = False
    pays_later: bool = False

    def to_json(self) -> dict[str, Any]:
        """PayPal's payer object."""
        return {
            "name": {"given_name": "Demo", "surname": self.surname},
            "email_address": self.email,
            "payer_id": self.payer_id,
            "address": {"country_code": "US"},
        }

    def to_source(self) -> dict[str, Any]:
        """PayPal's payment source of an approved order."""
        return {
            "paypal": {
                "email_address": self.email,
                "account_id": self.payer_id,
                "account_status": "VERIFIED",
                "name": {"given_name": "Demo", "surname": self.surname},
                "address": {"country_code": "US"},
            }
        }


PAYERS = {
    payer.key: payer
    for payer in (
        Payer("balance", "PAYERBALANCE2", "balance@example.com", "Balance"),
        Payer("empty", "PAYEREMPTY222", "empty@example.com", "Empty", declines_first=True),
        Payer("echeck", "PAYERECHECK22", "echeck@example.com", "Echeck", pays_later=True),
    )
}
DEFAULT_PAYER = PAYERS["balance"]
# What each is called, and what becomes of their payments.
PAYER_TEXTS = {
    "balance": ("Has money", "The payment goes through at once."),
    "empty": ("Empty account", "The bank says no the first time; the second try goes through."),
    "echeck": ("Pays by eCheck", "The money comes later, or never; the control page decides."),
}
