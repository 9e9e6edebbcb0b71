"""What PayPal says of a payment, written down: the one way by which a payment gets settled."""

import logging
from dataclasses import dataclass
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import func

from app.kit import i18n
from app.kit.db import transactional
from app.kit.money import Money
from app.payments.errors import NotBookable
from app.payments.gateway import PaypalCapture, PaypalOrder
from app.payments.models import IN_PAYPALS_HANDS, Payment, PaymentState
from app.payments.queries import PaymentStatus
from app.payments.service import sales
from app.payments.service.paying import DEAD_CAPTURES, FIRST_CHECK, locked, move

log = logging.getLogger(__name__)
# What PayPal says to a capture that the buyer can mend:
# https://developer.paypal.com/api/rest/reference/orders/v2/errors/
BACK_TO_BUYER = frozenset(
    {
        "INSTRUMENT_DECLINED",
        "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING",
        "PAYER_ACTION_REQUIRED",
        "ORDER_NOT_APPROVED",
    }
)
# The money came and went back before we heard of it: from PayPal's own pages, by the operator.
GIVEN_BACK = "REFUNDED"
TAKEN_BACK = "APPROVAL_REVERSED"
TOOK_NO_MONEY = DEAD_CAPTURES | {GIVEN_BACK}
KNOWN_CAPTURES = TOOK_NO_MONEY | {"COMPLETED", "PENDING"}
# PayPal has, or says to have, what the buyer paid.
HELD = (PaymentState.PENDING, PaymentState.MISMATCHED)


@dataclass(frozen=True)
class Recorded:
    """What recording PayPal's word came to. What is `newly_` so is so once for a payment.

    `fee_minor` is 0 while PayPal has not told its fee.
    """

    status: PaymentStatus
    newly_settled: bool
    newly_pending: bool
    payment_id: UUID
    gross: Money
    fee_minor: int
    difference_minor: int = 0


@transactional
def record_refusal(*, reference: UUID, issue: str) -> PaymentStatus:
    """Write down that PayPal refused a capture: back to the buyer, or the end of the payment."""
    payment = locked(reference)
    if payment.state is PaymentState.CAPTURING:
        move(payment, PaymentState.DECLINED if issue in BACK_TO_BUYER else PaymentState.FAILED)
        payment.issue = issue
        payment.capture_attempt += 1
        if issue.startswith("PAYEE_"):  # it is our account: nobody can pay until that is mended
            log.error("PayPal lets nobody pay us", extra={"issue": issue})
    return PaymentStatus(payment.state, payment.issue)


@transactional
def record_reversal(*, reference: UUID) -> bool:
    """Write down that PayPal took the buyer's yes back before the money was taken; once.

    False for what is known, for money that is taken or being taken, and for what is over.
    """
    payment = locked(reference)
    is_open = payment.state in {PaymentState.CREATED, PaymentState.DECLINED}
    if not is_open or payment.issue == TAKEN_BACK:
        return False
    payment.issue = TAKEN_BACK
    return True


@transactional
def record(*, reference: UUID, order: PaypalOrder) -> Recorded:
    """Write down what PayPal says of the payment; safe in any order and any number of times.

    Only a capture that is COMPLETED and agrees with ours in amount, currency, payee and custom id
    settles it, whether PayPal has told its fee or not: the fee of a settled payment is booked when
    it is known. One that disagrees, or was refunded in part before we heard of it, is a mistake or
    a fraud: the payment is `mismatched`, and the operator is told, once, in the log.
    """
    payment = locked(reference)
    capture = _telling(order.captures)
    newly_settled = newly_pending = False
    if payment.state is PaymentState.SETTLED:
        _book_late_fee(payment, order)
    elif capture is not None:
        difference = _difference(payment, order, capture)
        if difference and capture.status not in TOOK_NO_MONEY:
            _mismatch(payment, difference, capture)
        elif capture.status == "COMPLETED":
            _settle(payment, capture)
            newly_settled = True
        elif payment.state is PaymentState.CAPTURING and capture.status == "PENDING":
            move(payment, PaymentState.PENDING)
            payment.issue = capture.reason
            newly_pending = True
        elif payment.state is PaymentState.CAPTURING and _newly_dead(payment, capture):
            move(payment, PaymentState.DECLINED)
            payment.paypal_capture_id = capture.id
            payment.issue = "INSTRUMENT_DECLINED"
            payment.capture_attempt += 1
        elif payment.state in HELD and capture.status in DEAD_CAPTURES:
            move(payment, PaymentState.FAILED)
            payment.issue = capture.status
        elif payment.state in IN_PAYPALS_HANDS and capture.status == GIVEN_BACK:
            move(payment, PaymentState.FAILED)
            payment.issue = GIVEN_BACK
            if capture.fee_minor is not None:  # PayPal keeps it
                fee = Money(capture.fee_minor, capture.amount.currency)
                sales.book_fee(payment_id=payment.id, fee=fee)
    return Recorded(
        PaymentStatus(payment.state, payment.issue),
        newly_settled,
        newly_pending,
        payment.id,
        Money(payment.amount_minor, payment.currency),
        payment.fee_minor or 0,
    )


@transactional
def accept(*, reference: UUID, order: PaypalOrder) -> Recorded:
    """Settle a mismatched payment with what PayPal took for it, as a person has decided.

    NotBookable unless PayPal has the money, for us, for this order and in its currency.
    """
    payment = locked(reference)
    capture = _telling(order.captures)
    if payment.state is not PaymentState.MISMATCHED or capture is None:
        raise NotBookable(_("PayPal has taken nothing for this order that is not booked."))
    if capture.status not in {"COMPLETED", "PARTIALLY_REFUNDED"}:
        raise NotBookable(
            _("PayPal calls this payment %(status)s: there is no money.", status=capture.status)
        )
    if capture.amount.currency != payment.currency:
        raise NotBookable(
            _(
                "PayPal took %(taken)s. It can't be booked here.",
                taken=capture.amount.format(i18n.locale()),
            )
        )
    if order.payee != payment.payee or order.id != payment.paypal_order_id:
        raise NotBookable(_("PayPal paid somebody else with it."))
    _settle(payment, capture)
    return Recorded(
        PaymentStatus(payment.state, payment.issue),
        newly_settled=True,
        newly_pending=False,
        payment_id=payment.id,
        gross=Money(payment.amount_minor, payment.currency),
        fee_minor=payment.fee_minor or 0,
        difference_minor=capture.amount.minor - payment.amount_minor,
    )


def _settle(payment: Payment, capture: PaypalCapture) -> None:
    if payment.state not in IN_PAYPALS_HANDS:
        # Money that arrived though we thought the payment over: it counts all the same.
        log.warning("late capture", extra={"payment": str(payment.id), "state": payment.state})
    move(payment, PaymentState.SETTLED)
    payment.settled_at = func.clock_timestamp()
    payment.paypal_capture_id = capture.id
    payment.fee_minor = capture.fee_minor
    if capture.fee_minor is None:
        payment.checks = 0
        payment.next_check_at = func.clock_timestamp() + FIRST_CHECK


def _book_late_fee(payment: Payment, order: PaypalOrder) -> None:
    """Book the fee that PayPal tells now of a sale that was booked without."""
    fees = [one.fee_minor for one in order.captures if one.id == payment.paypal_capture_id]
    if payment.fee_minor is None and fees and fees[0] is not None:
        payment.fee_minor = fees[0]
        sales.book_fee(payment_id=payment.id, fee=Money(fees[0], payment.currency))


def _telling(captures: tuple[PaypalCapture, ...]) -> PaypalCapture | None:
    """The capture that decides: one that took money before one that did not, else the last."""
    for status in ("COMPLETED", "PARTIALLY_REFUNDED", "PENDING"):
        for capture in captures:
            if capture.status == status:
                return capture
    return captures[-1] if captures else None


def _words(amount: Money) -> str:
    return f"{amount.to_decimal_string()} {amount.currency}"


def _newly_dead(payment: Payment, capture: PaypalCapture) -> bool:
    """Whether this very attempt was declined, not the one before, which PayPal still lists."""
    return capture.status in DEAD_CAPTURES and capture.id != payment.paypal_capture_id


def _mismatch(payment: Payment, difference: str, capture: PaypalCapture) -> None:
    if payment.state is PaymentState.MISMATCHED:
        return
    move(payment, PaymentState.MISMATCHED)
    payment.issue = difference
    payment.taken_minor, payment.taken_currency = capture.amount.minor, capture.amount.currency
    payment.paypal_capture_id = capture.id
    log.error(
        "PayPal took what was not asked for",
        extra={"payment": str(payment.id), "reference": str(payment.reference), "why": difference},
    )


def _difference(payment: Payment, order: PaypalOrder, capture: PaypalCapture) -> str:
    """How the capture differs from what was asked for, for the operator; "" if it agrees."""
    asked = Money(payment.amount_minor, payment.currency)
    differences = [
        f"{what} {got}, not {wanted}"
        for what, got, wanted in (
            ("amount", _words(capture.amount), _words(asked)),
            ("payee", order.payee, payment.payee),
            ("custom id", capture.custom_id, str(payment.reference)),
            ("PayPal's order", order.id, payment.paypal_order_id),
        )
        if got != wanted
    ]
    if capture.status not in KNOWN_CAPTURES:  # such as PARTIALLY_REFUNDED, before it was booked
        differences.append(f"status {capture.status}")
    return f"capture {capture.id}: {'; '.join(differences)}" if differences else ""
