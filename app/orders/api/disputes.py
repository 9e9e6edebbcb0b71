"""Disputes about a seller's sales, for programs."""

from typing import Any
from uuid import UUID

from flask_login import current_user

from app.kit.access import Access, allow
from app.kit.api.operations import operation
from app.kit.api.schemas import Money, listing_of
from app.orders.api import payments_blueprint
from app.orders.api.sales import SCOPE
from app.orders.queries import disputes as queries
from app.orders.schemas.disputes import (
    DisputedLineOut,
    DisputeList,
    DisputeListed,
    DisputeOut,
    DisputesQuery,
)


@payments_blueprint.get("/disputes")
@allow(Access.SELLER, SCOPE)
@operation(answers=DisputeList)
def list_disputes(query: DisputesQuery) -> DisputeList:
    """List the disputes about your sales, newest first."""
    page = queries.disputes(
        state=query.state,
        seller_id=current_user.id,
        after=query.after,
        size=query.limit,
        counted=query.total,
    )
    shares = queries.shares_in([one.id for one in page.items], current_user.id)

    def listed(one: queries.DisputeOf) -> DisputeListed:
        return DisputeListed.read(one, **_amounts(one, *shares[one.id]))

    return listing_of(DisputeList, page, listed)


def _amounts(dispute: queries.DisputeOf, held: int, lost: int) -> dict[str, Any]:
    return {
        "held": Money.of(held, dispute.currency),
        "lost": Money.of(lost, dispute.currency),
    }


@payments_blueprint.get("/disputes/<uuid:dispute_id>")
@allow(Access.SELLER, SCOPE)
@operation(answers=DisputeOut, refusals=(404,))
def get_dispute(dispute_id: UUID) -> DisputeOut:
    """Get a dispute about your sales, with your lines in it."""
    dispute = queries.dispute_of(dispute_id, seller_id=current_user.id)
    currency = dispute.currency
    held = sum(line.share_minor for line in dispute.lines)
    lost = sum(line.lost_share_minor for line in dispute.lines)
    return DisputeOut.read(
        dispute,
        **_amounts(dispute, held, lost),
        lines=[
            DisputedLineOut.read(
                line,
                held=Money.of(line.gross_minor, currency),
                held_share=Money.of(line.share_minor, currency),
                lost=Money.of(line.lost_gross_minor, currency),
                lost_share=Money.of(line.lost_share_minor, currency),
            )
            for line in dispute.lines
        ],
    )
