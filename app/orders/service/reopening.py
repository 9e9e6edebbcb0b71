"""What was accepted or granted, and whose refund failed: a moderator is to look at it again.

The seller may accept it once more meanwhile, which tries the refund again.
"""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.kit import states
from app.kit.db import db_now, session
from app.kit.outbox import emit
from app.orders.events import ClaimReopened
from app.orders.models.claims import (
    CLAIM_TRANSITIONS,
    Claim,
    ClaimKind,
    ClaimState,
    SellerClaims,
)
from app.payments.service import releasing


def reopen(refund_id: UUID) -> None:
    """Have the claim of a failed refund wait for a moderator; its order is locked by the caller.

    Nothing is done for a refund that no claim asked for.
    """
    query = select(Claim).where(Claim.refund_id == refund_id)
    claim = (
        session()
        .scalars(query.with_for_update().execution_options(populate_existing=True))
        .one_or_none()
    )
    if claim is None:
        return
    states.move(claim, ClaimState.CALLED, CLAIM_TRANSITIONS)
    claim.changed_at = db_now()
    releasing.pause(line_ids=[claim.line_id])
    if claim.kind is ClaimKind.INVALID:  # counted again once it is refunded
        count_invalid(claim.seller_id, -len(claim.pieces))
    emit(ClaimReopened(claim.id, refund_id))


def count_invalid(seller_id: UUID, pieces: int) -> None:
    """Count pieces of a seller as invalid; a negative number takes them off again."""
    row = insert(SellerClaims).values(seller_id=seller_id, invalid_pieces=pieces)
    session().execute(
        row.on_conflict_do_update(
            index_elements=[SellerClaims.seller_id],
            set_={"invalid_pieces": SellerClaims.invalid_pieces + row.excluded.invalid_pieces},
        )
    )
