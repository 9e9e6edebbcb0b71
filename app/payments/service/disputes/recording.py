"""What PayPal says of a dispute is written down, in whatever order it comes.

What is told is kept beside what is booked of it (`booking`), also while nothing of it can be
booked: a refund has the money, or the payment is not settled yet. Who holds the lines books it.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Select, select

from app.kit import states
from app.kit.db import db_now, end_read, session, transactional
from app.kit.ids import new_id
from app.kit.money import Money
from app.payments.errors import NoSuchDispute, NoSuchPayment
from app.payments.gateway import PaypalDispute, PaypalRefund
from app.payments.models import Payment, PaymentState
from app.payments.models.disputes import (
    DISPUTE_TRANSITIONS,
    Dispute,
    DisputeFee,
    DisputeSource,
    DisputeStage,
    DisputeState,
)
from app.payments.models.refunds import Refund
from app.payments.paypal import paypal
from app.payments.service import paying, shares

log = logging.getLogger(__name__)
RESOLVED = "RESOLVED"
# Decisions by which the seller's money goes to the buyer, where no movement of it is told. By
# RESOLVED_WITH_PAYOUT PayPal pays the buyer itself.
LOSING = frozenset({"RESOLVED_BUYER_FAVOUR", "ACCEPTED"})
STAGES = {stage.value.upper(): stage for stage in DisputeStage}
REVERSED = "REVERSED"  # the outcome of what PayPal took back by itself
FIRST_CHECK = timedelta(minutes=10)


@dataclass(frozen=True)
class Step:
    """What PayPal's word has changed; `has_ended`: it was open, or had ended otherwise."""

    dispute_id: UUID
    is_new: bool
    is_news: bool
    has_ended: bool


def ask(paypal_id: str) -> PaypalDispute:
    """The dispute as it stands at PayPal. Raises PaypalUnknown, PaypalRefused."""
    end_read()
    return paypal().disputes.get(paypal_id)


def ask_reversal(reversal_id: str) -> PaypalRefund:
    """What PayPal took back by itself. Raises PaypalUnknown, PaypalRefused."""
    end_read()
    return paypal().get_refund(reversal_id)


def reference_of(seen: PaypalDispute) -> UUID | None:
    """What the disputed payment was for: by PayPal's id of it, else by ours; None: not ours."""
    for capture_id in seen.capture_ids:
        payment = paying.of_capture(capture_id)
        if payment is not None:
            return payment.reference
    for custom_id in seen.custom_ids:
        try:
            return paying.find(UUID(custom_id)).reference
        except (ValueError, NoSuchPayment):
            continue
    return None


@transactional
def record(*, reference: UUID, seen: PaypalDispute) -> Step | None:
    """Write down what PayPal says of a dispute; None if that is older than what is known.

    The caller books what is told, as far as it is there, in the same transaction.
    """
    payment = paying.locked(reference)
    dispute = _locked_by_paypal(seen.id)
    is_new = dispute is None
    if dispute is None:
        dispute = _add(payment, seen)
    elif (seen.updated_at, seen.movements) < (dispute.told_at, dispute.told_movements):
        return None
    before = (dispute.state, dispute.stage, dispute.paypal_status)
    _follow(dispute, seen)
    dispute.told_at, dispute.told_movements = seen.updated_at, seen.movements
    _book_fee(dispute, seen.fee_minor)
    is_news = is_new or before != (dispute.state, dispute.stage, dispute.paypal_status)
    has_ended = dispute.state is not DisputeState.OPEN and before[0] is not dispute.state
    return Step(dispute.id, is_new, is_news, has_ended)


def _add(payment: Payment, seen: PaypalDispute) -> Dispute:
    dispute = Dispute(
        id=new_id(),
        payment_id=payment.id,
        paypal_id=seen.id,
        source=DisputeSource.DISPUTE,
        state=DisputeState.OPEN,
        stage=_stage(seen),
        paypal_status=seen.status,
        reason=seen.reason,
        amount_minor=seen.amount.minor,
        currency=seen.amount.currency,
        told_at=seen.updated_at,
        next_check_at=db_now() + FIRST_CHECK,
    )
    session().add(dispute)
    session().flush()  # its parts point at it by a plain foreign key
    return dispute


def _follow(dispute: Dispute, seen: PaypalDispute) -> None:
    if dispute.stage != _stage(seen) or dispute.paypal_status != seen.status:
        dispute.checks, dispute.next_check_at = 0, db_now() + FIRST_CHECK
    dispute.stage = _stage(seen)
    dispute.paypal_status = seen.status
    dispute.reason = seen.reason
    dispute.note = seen.note or dispute.note
    dispute.respond_by = seen.respond_by
    dispute.awaits_evidence = seen.takes_evidence and seen.status != RESOLVED
    dispute.outcome = seen.outcome
    if seen.amount.currency == dispute.currency:
        dispute.amount_minor = seen.amount.minor
    loses = _lost(seen)
    dispute.loses_minor = loses or 0
    ended = DisputeState.LOST if loses else DisputeState.WON
    _move(dispute, DisputeState.OPEN if loses is None else ended)


def _move(dispute: Dispute, to: DisputeState) -> None:
    if to is dispute.state:
        return
    if to is DisputeState.OPEN:
        log.warning("a dispute is open again", extra={"dispute": str(dispute.id)})
        dispute.ended_at = None
    else:
        dispute.ended_at = db_now()
        dispute.next_check_at, dispute.awaits_evidence = None, False
    states.move(dispute, to, DISPUTE_TRANSITIONS)


def _stage(seen: PaypalDispute) -> DisputeStage:
    return STAGES.get(seen.stage, DisputeStage.CHARGEBACK)


def _lost(seen: PaypalDispute) -> int | None:
    """What of the money went from the seller to the buyer; None while PayPal has not decided."""
    if seen.status != RESOLVED or (seen.outcome is None and not seen.settled_minor):
        return None
    if seen.settled_minor is not None:
        return max(seen.settled_minor, 0)
    if seen.outcome not in LOSING:
        return 0
    return seen.amount.minor if seen.refunded_minor is None else seen.refunded_minor


def _book_fee(dispute: Dispute, fee_minor: int) -> None:
    """Book what PayPal charges more than it did, or has given back."""
    more = fee_minor - dispute.fee_minor
    if not more:
        return
    fee = DisputeFee(id=new_id(), dispute_id=dispute.id, amount_minor=more)
    session().add(fee)
    dispute.fee_minor = fee_minor
    shares.book_dispute_fee(reference=fee.id, fee=Money(more, dispute.currency))


@transactional
def record_reversal(*, reference: UUID, seen: PaypalRefund) -> UUID | None:
    """Write down what PayPal took back by itself, as a dispute that is lost; its id.

    None for what is known, as one or as a refund, and for a payment that came to nothing. It is
    booked by the caller, as far as no dispute tells of the same money.
    """
    payment = paying.locked(reference)
    known = _locked_by_paypal(seen.id) is not None or _is_refund(seen.id)
    if known or payment.state is PaymentState.FAILED:
        return None
    if seen.amount.currency != payment.currency:
        log.error("reversed in another currency", extra={"payment": str(payment.id)})
    now = db_now()
    dispute = Dispute(
        id=new_id(),
        payment_id=payment.id,
        paypal_id=seen.id,
        source=DisputeSource.REVERSAL,
        state=DisputeState.LOST,
        stage=DisputeStage.CHARGEBACK,
        paypal_status=RESOLVED,
        reason="OTHER",
        outcome=REVERSED,
        amount_minor=seen.amount.minor,
        loses_minor=seen.amount.minor,
        currency=seen.amount.currency,
        told_at=now,
        opened_at=now,
        ended_at=now,
    )
    session().add(dispute)
    session().flush()  # its parts point at it by a plain foreign key
    return dispute.id


def is_covered(dispute_id: UUID) -> bool:
    """Whether disputes tell of all that PayPal took back by itself."""
    dispute = locked(dispute_id)
    return dispute.covered_minor == dispute.amount_minor


def _is_refund(paypal_refund_id: str) -> bool:
    query = select(Refund.id).where(Refund.paypal_refund_id == paypal_refund_id)
    return session().execute(query).first() is not None


def locked(dispute_id: UUID) -> Dispute:
    """The dispute, locked until the commit; NoSuchDispute if there is none."""
    query = select(Dispute).where(Dispute.id == dispute_id)
    dispute = session().scalars(_fresh(query).with_for_update()).one_or_none()
    if dispute is None:
        raise NoSuchDispute
    return dispute


def _locked_by_paypal(paypal_id: str) -> Dispute | None:
    query = select(Dispute).where(Dispute.paypal_id == paypal_id)
    return session().scalars(_fresh(query).with_for_update()).one_or_none()


def _fresh(query: Select[Dispute]) -> Select[Dispute]:
    return query.execution_options(populate_existing=True)
