"""Evidence goes to PayPal once for each stage: its row first, then the call, then the word on it.

PayPal has no request id for it. So before it is sent again, PayPal is asked what it has: evidence
whose notes name the row is ours, and came through.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.dialects.postgresql import insert

from app.kit.db import end_read, session, transactional
from app.kit.ids import new_id
from app.payments.errors import NoEvidenceWanted
from app.payments.gateway import PaypalDispute, PaypalRefused, PaypalUnknown
from app.payments.models import Payment
from app.payments.models.disputes import Dispute, DisputeEvidence, DisputeStage, DisputeState
from app.payments.paypal import paypal
from app.payments.paypal.disputes import cut_notes
from app.payments.service.disputes import recording

log = logging.getLogger(__name__)
FIRST_TRY = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=1)
LIMIT = 50
DELIVERED = "PROOF_OF_FULFILLMENT"
# Reasons that the proof of a delivery answers; to others it says something, too.
ANSWERED_BY_DELIVERY = frozenset({"MERCHANDISE_OR_SERVICE_NOT_RECEIVED", "UNAUTHORISED"})


@dataclass(frozen=True)
class Wanted:
    """What is to be sent, outside of any transaction."""

    evidence_id: UUID
    paypal_id: str
    kind: str
    notes: str
    document: bytes
    is_first: bool


@dataclass(frozen=True)
class Due:
    """A dispute that PayPal waits for, and nobody has answered."""

    dispute_id: UUID
    reference: UUID


def unanswered(within: timedelta) -> list[Due]:
    """The disputes that wait for evidence, and whose deadline is so near."""
    rows = session().execute(
        select(Dispute.id, Payment.reference)
        .join(Payment, Payment.id == Dispute.payment_id)
        .outerjoin(
            DisputeEvidence,
            and_(DisputeEvidence.dispute_id == Dispute.id, DisputeEvidence.stage == Dispute.stage),
        )
        .where(
            Dispute.state == DisputeState.OPEN,
            Dispute.awaits_evidence,
            Dispute.respond_by < func.statement_timestamp() + within,
            DisputeEvidence.id.is_(None),
        )
        .order_by(Dispute.respond_by)
        .limit(LIMIT)
    )
    found = [Due(row.id, row.reference) for row in rows]
    end_read()
    return found


@transactional
def write_down(
    *, dispute_id: UUID, stage: DisputeStage, asked_by: UUID | None, notes: str, document: bytes
) -> UUID:
    """Keep what is to be sent; its id.

    NoEvidenceWanted if PayPal does not wait for any at that stage, or has been answered.
    """
    dispute = recording.locked(dispute_id)
    if not (dispute.state is DisputeState.OPEN and dispute.awaits_evidence):
        raise NoEvidenceWanted
    if dispute.stage is not stage:
        raise NoEvidenceWanted
    evidence_id = new_id()
    delivered = dispute.reason in ANSWERED_BY_DELIVERY
    made = session().scalar(
        insert(DisputeEvidence)
        .values(
            id=evidence_id,
            dispute_id=dispute_id,
            stage=stage,
            asked_by=asked_by,
            kind=DELIVERED if delivered else "OTHER",
            notes=cut_notes(f"Evidence {evidence_id}\n{notes}"),
            document=document,
            tries=0,
        )
        .on_conflict_do_nothing(constraint="uq_dispute_evidence_dispute_id_stage")
        .returning(DisputeEvidence.id)
    )
    if made is None:
        raise NoEvidenceWanted
    return evidence_id


def due() -> list[UUID]:
    """What is to be sent now."""
    query = select(DisputeEvidence.id).where(_is_due()).order_by(DisputeEvidence.next_try_at)
    found = list(session().scalars(query.limit(LIMIT)))
    end_read()
    return found


@transactional
def take_up(*, evidence_id: UUID) -> Wanted | None:
    """Say that it is being sent, and again later if need be; None if it is not due."""
    query = select(DisputeEvidence).where(DisputeEvidence.id == evidence_id, _is_due())
    evidence = session().scalars(query.with_for_update(skip_locked=True)).one_or_none()
    if evidence is None:
        return None
    dispute = session().get_one(Dispute, evidence.dispute_id)
    evidence.tries += 1
    wait = min(FIRST_TRY * 2 ** min(evidence.tries - 1, 10), LONGEST_WAIT)
    evidence.next_try_at = func.clock_timestamp() + wait
    return Wanted(
        evidence.id,
        dispute.paypal_id,
        evidence.kind,
        evidence.notes,
        evidence.document,
        evidence.tries == 1,
    )


def send(evidence_id: UUID) -> PaypalDispute | None:
    """Send evidence that is due, unless PayPal has it; the dispute as PayPal shows it then.

    None if it is not due, or nobody knows whether it came through: it is tried again later.
    """
    wanted = take_up(evidence_id=evidence_id)
    if wanted is None:
        return None
    end_read()
    try:
        if not wanted.is_first and _is_known(wanted):
            _settle(evidence_id=evidence_id, issue=None)
        else:
            _send(wanted)
        return recording.ask(wanted.paypal_id)
    except (PaypalUnknown, PaypalRefused):
        log.warning("evidence not sent yet", extra={"evidence": str(evidence_id)})
        return None


def _send(wanted: Wanted) -> None:
    try:
        paypal().disputes.provide_evidence(
            wanted.paypal_id, kind=wanted.kind, notes=wanted.notes, document=wanted.document
        )
    except PaypalRefused as refusal:
        # An earlier try may have come through, with its answer lost.
        issue = None if _is_known(wanted) else refusal.issue
        _settle(evidence_id=wanted.evidence_id, issue=issue)
    else:
        _settle(evidence_id=wanted.evidence_id, issue=None)


def _is_known(wanted: Wanted) -> bool:
    seen = paypal().disputes.get(wanted.paypal_id)
    return any(str(wanted.evidence_id) in notes for notes in seen.evidence_notes)


@transactional
def _settle(*, evidence_id: UUID, issue: str | None) -> None:
    evidence = session().get_one(DisputeEvidence, evidence_id, with_for_update=True)
    evidence.next_try_at = None
    evidence.issue = issue
    if issue is None:
        evidence.sent_at = evidence.sent_at or func.clock_timestamp()
    else:
        log.error("PayPal takes no evidence", extra={"evidence": str(evidence_id), "issue": issue})


def _is_due() -> ColumnElement[bool]:
    return DisputeEvidence.next_try_at <= func.statement_timestamp()
