"""What is booked of a payout: it leaves what is available, then PayPal's cash, or comes back."""

from uuid import UUID

from app.kit.db import transactional
from app.kit.money import Money
from app.payments.errors import BalanceTooLow
from app.payments.models import AccountKind, Movement
from app.payments.service.ledger import Leg, book


@transactional
def start_payout(*, payout_id: UUID, seller_id: UUID, amount: Money) -> None:
    """Book that a seller's money is on its way to them; BalanceTooLow if they have less."""
    legs = [
        Leg(AccountKind.SELLER_AVAILABLE, amount.minor, seller_id),
        Leg(AccountKind.SELLER_IN_PAYOUT, -amount.minor, seller_id),
    ]
    accounts = book(Movement.PAYOUT, payout_id, amount.currency, legs)
    left = accounts[AccountKind.SELLER_AVAILABLE, seller_id].balance_minor
    if left is None or left > 0:  # a debit: more is taken than is owed
        raise BalanceTooLow


@transactional
def pay_out(*, payout_id: UUID, seller_id: UUID, amount: Money, fee_minor: int) -> None:
    """Book that PayPal took a payout from the cash, with its fee, which is the platform's cost."""
    legs = [
        Leg(AccountKind.SELLER_IN_PAYOUT, amount.minor, seller_id),
        Leg(AccountKind.PAYPAL_FEES, fee_minor),
        Leg(AccountKind.PAYPAL_CASH, -amount.minor - fee_minor),
    ]
    book(Movement.PAYOUT_PAID, payout_id, amount.currency, legs)


@transactional
def undo_payout(*, payout_id: UUID, seller_id: UUID, amount: Money) -> None:
    """Book that a payout that PayPal has taken nothing for is available again."""
    legs = [
        Leg(AccountKind.SELLER_IN_PAYOUT, amount.minor, seller_id),
        Leg(AccountKind.SELLER_AVAILABLE, -amount.minor, seller_id),
    ]
    book(Movement.PAYOUT_RETURNED, payout_id, amount.currency, legs)


@transactional
def return_payout(
    *, payout_id: UUID, seller_id: UUID, amount: Money, fee_returned_minor: int
) -> None:
    """Book that a payout that PayPal had taken came back, with what it gives back of its fee."""
    legs = [
        Leg(AccountKind.PAYPAL_CASH, amount.minor + fee_returned_minor),
        Leg(AccountKind.PAYPAL_FEES, -fee_returned_minor),
        Leg(AccountKind.SELLER_AVAILABLE, -amount.minor, seller_id),
    ]
    book(Movement.PAYOUT_RETURNED, payout_id, amount.currency, legs)
