"""What PayPal tells of disputes is booked, step by step, as far as what is left allows.

Each step is a movement of the ledger, and adds up in the dispute's parts. Which steps are to be
made is told by `standing`: who holds the lines makes them, whenever something has changed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from sqlalchemy import select

from app.kit import states
from app.kit.db import session, transactional
from app.kit.money import split
from app.payments.models import Movement, Payment, PaymentState
from app.payments.models.disputes import (
    DISPUTE_TRANSITIONS,
    Dispute,
    DisputePart,
    DisputeSource,
    DisputeState,
)
from app.payments.service import paying, shares
from app.payments.service.disputes.recording import locked
from app.payments.service.shares import Part

# Gross and commission of a part that an amount is split by.
AmountsOf = Callable[[DisputePart], tuple[int, int]]


@dataclass(frozen=True)
class Told:
    """A dispute: what is booked as held and as lost, and what PayPal says of both."""

    dispute_id: UUID
    held_minor: int
    lost_minor: int
    to_hold_minor: int
    to_lose_minor: int


@dataclass(frozen=True)
class Standing:
    """The disputes of a payment. `is_disputed`: one is open, so that nothing is opened or refunded.

    Nothing is booked before the payment is settled.
    """

    is_settled: bool
    is_disputed: bool
    disputes: tuple[Told, ...]


def is_told(*, payment_id: UUID) -> bool:
    """Whether there is a dispute of a payment."""
    query = select(Dispute.id).where(Dispute.payment_id == payment_id)
    return session().execute(query.limit(1)).first() is not None


@transactional
def standing(*, reference: UUID) -> Standing:
    """How the disputes of a payment stand; it and they are locked until the commit."""
    payment = paying.locked(reference)
    found = (
        session()
        .scalars(
            select(Dispute)
            .where(Dispute.payment_id == payment.id)
            .order_by(Dispute.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        .all()
    )
    if found:
        _cover(found)
    told = [_told(payment, one) for one in found]
    is_open = any(one.state is DisputeState.OPEN for one in found)
    return Standing(payment.state is PaymentState.SETTLED, is_open, tuple(told))


def _cover(found: Sequence[Dispute]) -> None:
    """Say how much of each reversal a dispute tells of, too: that is the same money.

    A dispute speaks for what it disputes, as long as it is open, and for what was taken back before
    it ended; afterwards only for what was lost by it.
    """
    used = dict.fromkeys([one.id for one in found], 0)
    disputes = [one for one in found if one.source is DisputeSource.DISPUTE]
    for reversal in found:
        if reversal.source is not DisputeSource.REVERSAL:
            continue
        covered = 0
        for dispute in disputes:
            is_before = dispute.ended_at is None or reversal.opened_at <= dispute.ended_at
            most = dispute.amount_minor if is_before else dispute.loses_minor
            part = min(reversal.amount_minor - covered, max(most - used[dispute.id], 0))
            used[dispute.id] += part
            covered += part
        reversal.covered_minor = covered
        is_whole = covered == reversal.amount_minor
        to = DisputeState.WON if is_whole else DisputeState.LOST
        if to is not reversal.state:
            states.move(reversal, to, DISPUTE_TRANSITIONS)


def _told(payment: Payment, dispute: Dispute) -> Told:
    to_hold = to_lose = 0
    if dispute.currency == payment.currency:
        if dispute.state is DisputeState.OPEN:
            to_hold = dispute.amount_minor
        elif dispute.state is DisputeState.LOST:
            to_lose = dispute.loses_minor - dispute.covered_minor
    freed = sum(row.freed_gross_minor for row in _parts(dispute.id)) if dispute.bookings else 0
    held = dispute.held_minor - dispute.lost_minor - freed
    return Told(dispute.id, held, dispute.lost_minor, to_hold, to_lose)


@transactional
def hold(*, dispute_id: UUID, parts: Sequence[Part]) -> None:
    """Hold parts of sales for a dispute, beside what it holds already."""
    dispute = locked(dispute_id)
    _add(dispute, parts, is_lost=False)
    shares.hold(reference=_next(dispute), currency=dispute.currency, parts=parts)


@transactional
def take(*, dispute_id: UUID, parts: Sequence[Part]) -> None:
    """Book that parts of sales were lost by a dispute that had not held them."""
    dispute = locked(dispute_id)
    _add(dispute, parts, is_lost=True)
    shares.reverse(
        movement=Movement.CHARGEBACK,
        reference=_next(dispute),
        currency=dispute.currency,
        parts=parts,
    )


@transactional
def lose(*, dispute_id: UUID, minor: int) -> list[Part]:
    """Book that so much of what a dispute holds is lost; of which lines.

    It is split by the largest remainder, in the order of the lines, as is what follows here.
    """
    dispute = locked(dispute_id)
    parts = _count(dispute, minor, _held, lost=1, freed=0)
    shares.lose(reference=_next(dispute), currency=dispute.currency, parts=parts)
    return parts


@transactional
def free(*, dispute_id: UUID, minor: int) -> list[Part]:
    """Book that a dispute lets go of so much of what it holds; of which lines."""
    dispute = locked(dispute_id)
    parts = _count(dispute, minor, _held, lost=0, freed=1)
    shares.free(reference=_next(dispute), currency=dispute.currency, parts=parts)
    return parts


@transactional
def restore(*, dispute_id: UUID, minor: int) -> list[Part]:
    """Book that so much of what was lost came back after all; of which lines."""
    dispute = locked(dispute_id)
    parts = _count(dispute, minor, _lost, lost=-1, freed=1)
    shares.restore(
        movement=Movement.CHARGEBACK,
        reference=_next(dispute),
        currency=dispute.currency,
        parts=parts,
    )
    return parts


def lost_by_line(dispute_id: UUID) -> dict[UUID, int]:
    """What a dispute has lost of each line, in minor units."""
    return {row.line_id: row.lost_gross_minor for row in _parts(dispute_id)}


def _next(dispute: Dispute) -> UUID:
    """Bring a dispute's sums up to date, and name the movement that is booked for it now."""
    session().flush()
    rows = _parts(dispute.id)
    dispute.held_minor = sum(row.gross_minor for row in rows)
    dispute.lost_minor = sum(row.lost_gross_minor for row in rows)
    dispute.bookings += 1
    return dispute.id if dispute.bookings == 1 else uuid5(dispute.id, str(dispute.bookings))


def _add(dispute: Dispute, parts: Sequence[Part], *, is_lost: bool) -> None:
    """Add what is held, or lost at once, to a dispute's parts; what it let go of is forgotten."""
    rows = {row.line_id: row for row in _parts(dispute.id)}
    for row in rows.values():
        row.gross_minor -= row.freed_gross_minor
        row.commission_minor -= row.freed_commission_minor
        row.freed_gross_minor = row.freed_commission_minor = 0
    for part in parts:
        found = rows.get(part.line_id)
        if found is None:
            found = DisputePart(
                dispute_id=dispute.id,
                line_id=part.line_id,
                seller_id=part.seller_id,
                position=len(rows),
                gross_minor=0,
                commission_minor=0,
                lost_gross_minor=0,
                lost_commission_minor=0,
                freed_gross_minor=0,
                freed_commission_minor=0,
            )
            rows[part.line_id] = found
            session().add(found)
        found.gross_minor += part.gross_minor
        found.commission_minor += part.commission_minor
        if is_lost:
            found.lost_gross_minor += part.gross_minor
            found.lost_commission_minor += part.commission_minor


def _count(dispute: Dispute, minor: int, of: AmountsOf, *, lost: int, freed: int) -> list[Part]:
    """Count an amount on a dispute's parts as that much more, or less, lost and let go of."""
    split_up = _split(_parts(dispute.id), minor, of)
    for row, part in split_up:
        row.lost_gross_minor += lost * part.gross_minor
        row.lost_commission_minor += lost * part.commission_minor
        row.freed_gross_minor += freed * part.gross_minor
        row.freed_commission_minor += freed * part.commission_minor
    return [part for _row, part in split_up]


def _held(row: DisputePart) -> tuple[int, int]:
    return (
        row.gross_minor - row.lost_gross_minor - row.freed_gross_minor,
        row.commission_minor - row.lost_commission_minor - row.freed_commission_minor,
    )


def _lost(row: DisputePart) -> tuple[int, int]:
    return row.lost_gross_minor, row.lost_commission_minor


def _split(
    rows: Sequence[DisputePart], minor: int, amounts_of: AmountsOf
) -> list[tuple[DisputePart, Part]]:
    """An amount over parts by what each has; the commission in it pro rata, rounded down."""
    having = [(row, *amounts_of(row)) for row in rows]
    having = [(row, gross, commission) for row, gross, commission in having if gross]
    split_up = split(minor, [gross for _row, gross, _commission in having])
    return [
        (row, Part(row.line_id, row.seller_id, part, commission * part // gross))
        for (row, gross, commission), part in zip(having, split_up, strict=True)
        if part
    ]


def _parts(dispute_id: UUID) -> Sequence[DisputePart]:
    query = select(DisputePart).where(DisputePart.dispute_id == dispute_id)
    return session().scalars(query.order_by(DisputePart.position)).all()
