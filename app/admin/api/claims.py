"""Claims that wait for a decision, for programs of administrators."""

from uuid import UUID

from flask_login import current_user

from app.admin.api import SCOPE, blueprint
from app.admin.schemas import (
    ClaimDecisionIn,
    WaitingClaimList,
    WaitingClaimOut,
    WaitingClaimsQuery,
)
from app.kit.access import Access, allow
from app.kit.api.operations import operation
from app.kit.api.schemas import listing_of
from app.orders.errors import NoSuchClaim
from app.orders.queries.claims import called_claims, claim_with
from app.orders.service import claims


@blueprint.get("/claims")
@allow(Access.ADMIN, SCOPE)
@operation(answers=WaitingClaimList)
def list_claims(query: WaitingClaimsQuery) -> WaitingClaimList:
    """List the refund requests that wait for a decision, newest first."""
    page = called_claims(after=query.after, size=query.limit, counted=query.total)
    return listing_of(WaitingClaimList, page, WaitingClaimOut.read)


@blueprint.get("/claims/<uuid:claim_id>")
@allow(Access.ADMIN, SCOPE)
@operation(answers=WaitingClaimOut)
def get_claim(claim_id: UUID) -> WaitingClaimOut:
    """Get a refund request, whatever became of it."""
    return _found(claim_id)


@blueprint.post("/claims/<uuid:claim_id>/grant")
@allow(Access.ADMIN, SCOPE)
@operation(answers=WaitingClaimOut, refusals=(409,))
def grant_claim(claim_id: UUID, body: ClaimDecisionIn) -> WaitingClaimOut:
    """Grant a refund request: what is claimed is refunded."""
    return _decided(claim_id, grant=True, reason=body.reason)


@blueprint.post("/claims/<uuid:claim_id>/refuse")
@allow(Access.ADMIN, SCOPE)
@operation(answers=WaitingClaimOut, refusals=(409,))
def refuse_claim(claim_id: UUID, body: ClaimDecisionIn) -> WaitingClaimOut:
    """Refuse a refund request."""
    return _decided(claim_id, grant=False, reason=body.reason)


def _decided(claim_id: UUID, *, grant: bool, reason: str) -> WaitingClaimOut:
    claims.decide(moderator_id=current_user.id, claim_id=claim_id, grant=grant, reason=reason)
    return _found(claim_id)


def _found(claim_id: UUID) -> WaitingClaimOut:
    claim = claim_with(claim_id)
    if claim is None:
        raise NoSuchClaim
    return WaitingClaimOut.read(claim)
