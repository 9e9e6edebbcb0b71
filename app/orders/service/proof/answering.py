"""A dispute is answered: by hand once somebody has looked, or by the clock near the deadline."""

import logging
from datetime import timedelta
from uuid import UUID

from flask import current_app

from app.kit import jobs, papers
from app.kit.db import db_now, end_read, transactional
from app.kit.outbox import emit
from app.kit.sweeping import Swept, for_each
from app.orders.events import EvidenceWritten
from app.orders.queries.disputes import DisputeWhole, dispute_of
from app.orders.service import disputing
from app.orders.service.proof.gathering import Scope, Section, SourceAway, gather
from app.payments.errors import NoEvidenceWanted
from app.payments.models.disputes import DisputeStage
from app.payments.service.disputes import providing, recording
from app.payments.service.disputes.providing import Due

log = logging.getLogger(__name__)
# So near the deadline it goes without what can't be read.
LAST_HOUR = timedelta(hours=1)
READ_FIRST = 6  # rows of each section that stand in the notes, too


def preview(*, dispute_id: UUID, seller_id: UUID | None = None) -> list[Section]:
    """What would be sent now; a seller sees their own part, without the buyer's addresses."""
    dispute = dispute_of(dispute_id, seller_id=seller_id)
    return gather(Scope(dispute.order_id, seller_id), leave_out_away=True)


def document(*, dispute_id: UUID) -> bytes:
    """The document that would be sent now."""
    dispute = dispute_of(dispute_id)
    return _document(dispute, gather(Scope(dispute.order_id), leave_out_away=True))


def send(*, dispute_id: UUID, asked_by: UUID) -> None:
    """Have the evidence sent that stands now; NoEvidenceWanted if it can't be, or was."""
    dispute = dispute_of(dispute_id)
    if not dispute.can_answer:
        raise NoEvidenceWanted
    sections = gather(Scope(dispute.order_id), leave_out_away=True)
    _write_down(dispute, sections, asked_by)


def send_due() -> Swept:
    """Answer what nobody has answered though the deadline is near; send what waits to be sent."""
    hours = timedelta(hours=current_app.extensions["settings"].evidence_hours)
    answered = for_each(providing.unanswered(hours), _answer)
    sent = for_each(providing.due(), _have_sent)
    return Swept(answered.done + sent.done, answered.failed + sent.failed)


def _answer(due: Due) -> bool:
    dispute = dispute_of(due.dispute_id)
    end_read()
    is_late = dispute.respond_by is not None and dispute.respond_by < db_now() + LAST_HOUR
    end_read()
    try:
        sections = gather(Scope(due.reference), leave_out_away=is_late)
        _write_down(dispute, sections, None)
    except (SourceAway, NoEvidenceWanted):
        return False  # tried again later; or somebody was quicker
    return True


def _write_down(dispute: DisputeWhole, sections: list[Section], asked_by: UUID | None) -> None:
    end_read()
    paper = _document(dispute, sections)
    _keep(
        dispute_id=dispute.id,
        stage=dispute.stage,
        order_id=dispute.order_id,
        asked_by=asked_by,
        notes=_notes(sections),
        paper=paper,
    )


@transactional
def _keep(
    *,
    dispute_id: UUID,
    stage: DisputeStage,
    order_id: UUID,
    asked_by: UUID | None,
    notes: str,
    paper: bytes,
) -> None:
    evidence_id = providing.write_down(
        dispute_id=dispute_id, stage=stage, asked_by=asked_by, notes=notes, document=paper
    )
    emit(EvidenceWritten(order_id, dispute_id, evidence_id))


def _have_sent(evidence_id: UUID) -> bool:
    job_id = f"evidence-{evidence_id}"
    return jobs.enqueue(deliver, evidence_id, queue="paypal", job_id=job_id) or deliver(evidence_id)


def deliver(evidence_id: UUID) -> bool:
    """Send evidence that is due, and apply what PayPal says of its dispute; RQ's entry point."""
    seen = providing.send(evidence_id)
    if seen is None:
        return False
    order_id = recording.reference_of(seen)
    end_read()
    if order_id is not None:
        disputing.apply(order_id=order_id, seen=seen)
    return True


def _document(dispute: DisputeWhole, sections: list[Section]) -> bytes:
    return papers.pdf(
        f"Evidence for dispute {dispute.paypal_id}, order {dispute.number}",
        [papers.Block(section.heading, section.rows) for section in sections],
    )


def _notes(sections: list[Section]) -> str:
    """The most of it in plain words; the document has all."""
    lines = []
    for section in sections:
        lines.append(section.heading)
        shown = [(name, what) for name, what in section.rows if "\n" not in what]
        lines += [f"- {name}: {what}"[:200] for name, what in shown[:READ_FIRST]]
    return "\n".join(lines)
