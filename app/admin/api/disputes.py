"""Disputes for programs of administrators."""

from typing import Any
from uuid import UUID

from flask_login import current_user

from app.admin.api import SCOPE, blueprint
from app.admin.schemas import (
    AdminDisputeList,
    AdminDisputeListed,
    AdminDisputeOut,
    AdminDisputesQuery,
    EvidenceOut,
)
from app.kit.access import Access, allow
from app.kit.api.operations import operation
from app.kit.api.schemas import Money, listing_of
from app.orders.queries import disputes as queries
from app.orders.service.proof import answering


@blueprint.get("/disputes")
@allow(Access.ADMIN, SCOPE)
@operation(answers=AdminDisputeList)
def list_disputes(query: AdminDisputesQuery) -> AdminDisputeList:
    """List the disputes of all sales, newest first."""
    page = queries.disputes(
        state=query.state, after=query.after, size=query.limit, counted=query.total
    )
    return listing_of(
        AdminDisputeList, page, lambda one: AdminDisputeListed.read(one, **_amounts(one))
    )


@blueprint.get("/disputes/<uuid:dispute_id>")
@allow(Access.ADMIN, SCOPE)
@operation(answers=AdminDisputeOut, refusals=(404,))
def get_dispute(dispute_id: UUID) -> AdminDisputeOut:
    """Get a dispute, with what was said to PayPal."""
    return _whole(dispute_id)


@blueprint.post("/disputes/<uuid:dispute_id>/evidence")
@allow(Access.ADMIN, SCOPE)
@operation(answers=AdminDisputeOut, refusals=(404, 409))
def send_evidence(dispute_id: UUID) -> AdminDisputeOut:
    """Send PayPal the evidence as the shop has it now; once at each stage."""
    answering.send(dispute_id=dispute_id, asked_by=current_user.id)
    return _whole(dispute_id)


def _whole(dispute_id: UUID) -> AdminDisputeOut:
    dispute = queries.dispute_of(dispute_id)
    evidence = [EvidenceOut.read(one) for one in dispute.evidence]
    return AdminDisputeOut.read(dispute, **_amounts(dispute), evidence=evidence)


def _amounts(dispute: queries.DisputeOf) -> dict[str, Any]:
    return {
        name: Money.of(minor, dispute.currency)
        for name, minor in (
            ("amount", dispute.amount_minor),
            ("held", dispute.held_minor),
            ("lost", dispute.lost_minor),
            ("fee", dispute.fee_minor),
        )
    }
