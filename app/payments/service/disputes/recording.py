"""What PayPal says of a dispute becomes its state here, once, in whatever order it comes.

The money is held when a dispute is first seen, freed or lost when it has ended, and never moved
again after that. Who holds the lines says which parts of them are meant.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Select, case, func, select

from app.kit import states
from app.kit.db import db_now, end_read, session, transactional
from app.kit.ids import new_id
from app.kit.money import Money, split
from app.payments.errors import NoSuchDispute, NoSuchPayment
from app.payments.gateway import PaypalDispute, PaypalRefund
from app.payments.models import Movement, Payment, PaymentState
from app.payments.models.disputes import (
    DISPUTE_TRANSITIONS,
    Dispute,
    DisputeFee,
    DisputePart,
    DisputeSource,
    DisputeStage,
    DisputeState,
)
from app.payments.models.refunds import Refund
from app.payments.paypal import paypal
from app.payments.service import paying, shares
from app.payments.service.shares import Part

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
    """What PayPal's word has changed, and what is to be done about the money now.

    `wants_minor` is still to be held, `loses_minor` to be lost of what is held; None: it goes on.
    """

    dispute_id: UUID
    is_new: bool
    is_news: bool
    wants_minor: int
    loses_minor: int | None


@dataclass(frozen=True)
class Ended:
    """What of a line was lost, and what the dispute let go of."""

    line_id: UUID
    lost: Part
    freed: Part


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

    The caller holds what is wanted, then lets go of it, in the same transaction.
    """
    payment = paying.locked(reference)
    dispute = _locked_by_paypal(seen.id)
    is_new = dispute is None
    if dispute is None:
        dispute = _add(payment, seen)
    elif (seen.updated_at, seen.movements) < (dispute.told_at, dispute.told_movements):
        return None
    is_news = is_new or dispute.paypal_status != seen.status or dispute.stage != _stage(seen)
    if dispute.state is DisputeState.OPEN:
        _follow(dispute, seen)
    dispute.told_at, dispute.told_movements = seen.updated_at, seen.movements
    is_booked = payment.state is PaymentState.SETTLED and seen.amount.currency == payment.currency
    if not is_booked:
        if payment.state is PaymentState.SETTLED:
            log.error("disputed in another currency", extra={"dispute": str(dispute.id)})
        return Step(dispute.id, is_new, is_news, 0, None)
    _book_fee(dispute, seen.fee_minor)
    if dispute.state is not DisputeState.OPEN:
        return Step(dispute.id, is_new, is_news, 0, None)
    loses = _lost(seen) if seen.status == RESOLVED else None
    wants = 0 if dispute.held_minor or loses == 0 else seen.amount.minor - _reversed(payment.id)
    return Step(dispute.id, is_new, is_news, max(wants, 0), loses)


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


def _stage(seen: PaypalDispute) -> DisputeStage:
    return STAGES.get(seen.stage, DisputeStage.CHARGEBACK)


def _lost(seen: PaypalDispute) -> int:
    """What of the money went from the seller to the buyer."""
    if seen.settled_minor is not None:
        return max(seen.settled_minor, 0)
    if seen.outcome not in LOSING:
        return 0
    return seen.amount.minor if seen.refunded_minor is None else seen.refunded_minor


def _reversed(payment_id: UUID) -> int:
    """What PayPal took back by itself of a payment: the same money, should it be disputed, too."""
    return int(
        session().scalar(
            select(func.coalesce(func.sum(Dispute.lost_minor), 0)).where(
                Dispute.payment_id == payment_id, Dispute.source == DisputeSource.REVERSAL
            )
        )
        or 0
    )


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
def hold(*, dispute_id: UUID, parts: Sequence[Part]) -> None:
    """Hold parts of sales for a dispute, once."""
    dispute = locked(dispute_id)
    _keep(dispute, parts)
    shares.hold(reference=dispute.id, currency=dispute.currency, parts=parts)


def _keep(dispute: Dispute, parts: Sequence[Part]) -> None:
    session().add_all(
        DisputePart(
            dispute_id=dispute.id,
            line_id=part.line_id,
            seller_id=part.seller_id,
            position=position,
            gross_minor=part.gross_minor,
            commission_minor=part.commission_minor,
        )
        for position, part in enumerate(parts)
    )
    dispute.held_minor = sum(part.gross_minor for part in parts)
    session().flush()  # read again when it ends, maybe at once


@transactional
def end(*, dispute_id: UUID, lost_minor: int) -> list[Ended]:
    """End a dispute, once: so much of what it holds is lost, the rest is the sellers' again.

    What is lost is split over its parts by the largest remainder, in the order of the lines.
    """
    dispute = locked(dispute_id)
    rows = _parts(dispute.id)
    lost = min(lost_minor, dispute.held_minor)
    if lost < lost_minor:  # the rest had gone back before
        log.info("lost more than was held", extra={"dispute": str(dispute.id)})
    ends = [
        _end_part(row, minor)
        for row, minor in zip(
            rows, split(lost, [row.gross_minor for row in rows]) if rows else [], strict=True
        )
    ]
    _book_end(dispute, ends)
    dispute.lost_minor = lost
    # Lost also where all of it had gone back before.
    to = DisputeState.LOST if lost_minor else DisputeState.WON
    states.move(dispute, to, DISPUTE_TRANSITIONS)
    dispute.ended_at = func.clock_timestamp()
    dispute.next_check_at, dispute.awaits_evidence = None, False
    return ends


def _end_part(row: DisputePart, lost_minor: int) -> Ended:
    """Split a part; the commission in it pro rata, rounded down for what is lost."""
    commission = row.commission_minor * lost_minor // row.gross_minor
    row.lost_gross_minor, row.lost_commission_minor = lost_minor, commission
    return Ended(
        row.line_id,
        Part(row.line_id, row.seller_id, lost_minor, commission),
        Part(
            row.line_id,
            row.seller_id,
            row.gross_minor - lost_minor,
            row.commission_minor - commission,
        ),
    )


def _book_end(dispute: Dispute, ends: Sequence[Ended]) -> None:
    lost = [end.lost for end in ends if end.lost.gross_minor]
    freed = [end.freed for end in ends if end.freed.gross_minor]
    if lost:
        shares.lose(reference=dispute.id, currency=dispute.currency, parts=lost)
    if freed:
        shares.free(reference=dispute.id, currency=dispute.currency, parts=freed)


@transactional
def wants_reversal(*, reference: UUID, seen: PaypalRefund) -> int | None:
    """How much of what PayPal took back by itself is to be booked yet.

    None while that can't be told: what was taken back is of a payment that is not booked yet. What
    disputes of the payment hold or have lost is the same money, told in another way; what is
    known here as a refund was booked as one.
    """
    payment = paying.locked(reference)
    known = _locked_by_paypal(seen.id) is not None or _is_refund(seen.id)
    if known or payment.state is PaymentState.FAILED:
        return 0
    if payment.state is not PaymentState.SETTLED:
        return None
    if seen.amount.currency != payment.currency:
        log.error("reversed in another currency", extra={"payment": str(payment.id)})
        return 0
    told = case((Dispute.state == DisputeState.OPEN, Dispute.held_minor), else_=Dispute.lost_minor)
    disputed = session().scalar(
        select(func.coalesce(func.sum(told), 0)).where(Dispute.payment_id == payment.id)
    )
    return max(seen.amount.minor - int(disputed or 0), 0)


@transactional
def reverse(*, reference: UUID, seen: PaypalRefund, parts: Sequence[Part]) -> UUID:
    """Write down and book what PayPal took back by itself, as a dispute that is lost; its id."""
    payment = paying.locked(reference)
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
        currency=seen.amount.currency,
        lost_minor=sum(part.gross_minor for part in parts),
        told_at=now,
        ended_at=now,
    )
    dispute.held_minor = dispute.lost_minor
    session().add(dispute)
    session().flush()  # its parts point at it by a plain foreign key
    _keep(dispute, parts)
    for row in _parts(dispute.id):
        row.lost_gross_minor, row.lost_commission_minor = row.gross_minor, row.commission_minor
    shares.reverse(
        movement=Movement.CHARGEBACK, reference=dispute.id, currency=dispute.currency, parts=parts
    )
    return dispute.id


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


def _parts(dispute_id: UUID) -> Sequence[DisputePart]:
    query = select(DisputePart).where(DisputePart.dispute_id == dispute_id)
    return session().scalars(query.order_by(DisputePart.position)).all()
