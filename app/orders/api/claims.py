"""Claims for programs: opened by buyers, answered by sellers."""

from uuid import UUID

from flask_login import current_user

from app.kit.access import Access, allow
from app.kit.api.operations import operation
from app.kit.api.schemas import listing_of
from app.orders.api import blueprint, payments_blueprint
from app.orders.api.basket import SCOPE
from app.orders.api.sales import SCOPE as SALES
from app.orders.errors import NoSuchClaim
from app.orders.queries.claims import claim_with, claims_of_seller
from app.orders.schemas.claims import AcceptIn, ClaimIn, ClaimList, ClaimOut, ClaimsQuery, DeclineIn
from app.orders.service import claims


@blueprint.post("/<uuid:order_id>/claims")
@allow(Access.USER, SCOPE)
@operation(answers=ClaimOut, status=201, refusals=(409,))
def open_claim(order_id: UUID, body: ClaimIn) -> ClaimOut:
    """Ask the seller for the money of revealed items."""
    claim_id = claims.open_claim(
        buyer_id=current_user.id,
        order_id=order_id,
        line_id=body.line_id,
        pieces=frozenset(body.pieces),
        kind=body.kind,
        reason=body.reason,
    )
    return _out(claim_id)


@blueprint.post("/claims/<uuid:claim_id>/call-moderator")
@allow(Access.USER, SCOPE)
@operation(answers=ClaimOut, refusals=(409,))
def call_moderator(claim_id: UUID) -> ClaimOut:
    """Have a moderator decide, once the seller declined or didn't answer for three days."""
    claims.call_moderator(buyer_id=current_user.id, claim_id=claim_id)
    return _out(claim_id)


@blueprint.post("/claims/<uuid:claim_id>/withdraw")
@allow(Access.USER, SCOPE)
@operation(answers=ClaimOut, refusals=(409,))
def withdraw_claim(claim_id: UUID) -> ClaimOut:
    """Withdraw your request."""
    claims.withdraw(buyer_id=current_user.id, claim_id=claim_id)
    return _out(claim_id)


@payments_blueprint.get("/claims")
@allow(Access.SELLER, SALES)
@operation(answers=ClaimList)
def list_claims(query: ClaimsQuery) -> ClaimList:
    """List what your buyers ask for, newest first."""
    page = claims_of_seller(
        current_user.id, after=query.after, size=query.limit, counted=query.total
    )
    return listing_of(ClaimList, page, ClaimOut.read)


@payments_blueprint.post("/claims/<uuid:claim_id>/accept")
@allow(Access.SELLER, SALES)
@operation(answers=ClaimOut, refusals=(409,))
def accept_claim(claim_id: UUID, body: AcceptIn) -> ClaimOut:
    """Accept a claim: what is claimed is refunded."""
    claims.accept(seller_id=current_user.id, claim_id=claim_id, answer=body.answer)
    return _out(claim_id)


@payments_blueprint.post("/claims/<uuid:claim_id>/decline")
@allow(Access.SELLER, SALES)
@operation(answers=ClaimOut, refusals=(409,))
def decline_claim(claim_id: UUID, body: DeclineIn) -> ClaimOut:
    """Decline a claim; the buyer may then call a moderator."""
    claims.decline(seller_id=current_user.id, claim_id=claim_id, reason=body.reason)
    return _out(claim_id)


def _out(claim_id: UUID) -> ClaimOut:
    claim = claim_with(claim_id)
    if claim is None:
        raise NoSuchClaim
    return ClaimOut.read(claim)
