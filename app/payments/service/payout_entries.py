"""What is booked of payouts: they leave what is available, then PayPal's cash, or come back.

Each takes many payouts, of different sellers, in as many statements as one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.kit.db import transactional
from app.payments.errors import BalanceTooLow
from app.payments.models import AccountKind, Movement
from app.payments.service.ledger import Leg, book_all


@dataclass(frozen=True)
class Outgoing:
    """A payout as it is booked. `fee_minor` is PayPal's fee, which is the platform's cost."""

    payout_id: UUID
    seller_id: UUID
    amount_minor: int
    fee_minor: int = 0


@transactional
def start_payouts(currency: str, payouts: Sequence[Outgoing]) -> None:
    """Book that sellers' money is on its way to them; BalanceTooLow if one of them has less."""
    movements = {
        one.payout_id: (
            Leg(AccountKind.SELLER_AVAILABLE, one.amount_minor, one.seller_id),
            Leg(AccountKind.SELLER_IN_PAYOUT, -one.amount_minor, one.seller_id),
        )
        for one in payouts
    }
    accounts = book_all(Movement.PAYOUT, currency, movements)
    for one in payouts:
        left = accounts[AccountKind.SELLER_AVAILABLE, one.seller_id].balance_minor
        if left is None or left > 0:  # a debit: more is taken than is owed
            raise BalanceTooLow


@transactional
def pay_out(currency: str, payouts: Sequence[Outgoing]) -> None:
    """Book that PayPal took payouts from the cash, each with its fee."""
    movements = {
        one.payout_id: (
            Leg(AccountKind.SELLER_IN_PAYOUT, one.amount_minor, one.seller_id),
            Leg(AccountKind.PAYPAL_FEES, one.fee_minor),
            Leg(AccountKind.PAYPAL_CASH, -one.amount_minor - one.fee_minor),
        )
        for one in payouts
    }
    book_all(Movement.PAYOUT_PAID, currency, movements)


@transactional
def undo_payouts(currency: str, payouts: Sequence[Outgoing]) -> None:
    """Book that payouts for which PayPal has taken nothing are available again."""
    movements = {
        one.payout_id: (
            Leg(AccountKind.SELLER_IN_PAYOUT, one.amount_minor, one.seller_id),
            Leg(AccountKind.SELLER_AVAILABLE, -one.amount_minor, one.seller_id),
        )
        for one in payouts
    }
    book_all(Movement.PAYOUT_RETURNED, currency, movements)


@transactional
def return_payouts(currency: str, payouts: Sequence[Outgoing]) -> None:
    """Book that payouts which PayPal had taken came back, each with its fee."""
    movements = {
        one.payout_id: (
            Leg(AccountKind.PAYPAL_CASH, one.amount_minor + one.fee_minor),
            Leg(AccountKind.PAYPAL_FEES, -one.fee_minor),
            Leg(AccountKind.SELLER_AVAILABLE, -one.amount_minor, one.seller_id),
        )
        for one in payouts
    }
    book_all(Movement.PAYOUT_RETURNED, currency, movements)
