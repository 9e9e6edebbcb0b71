"""What sellers' services are told of disputes."""

from typing import Any
from uuid import UUID

from app.kit.db import transactional
from app.orders.queries.disputes import DisputeWhole, dispute_of
from app.webhooks.models import EventType
from app.webhooks.service import messages


@transactional
def tell(*, dispute_id: UUID, kind: EventType) -> None:
    """Tell each seller of a dispute of their own part of it, once for its kind."""
    dispute = dispute_of(dispute_id)
    messages.tell_once(
        subject=f"dispute:{dispute_id}",
        kind=kind,
        data={seller_id: _data(dispute, seller_id) for seller_id in dispute.sellers},
    )


def _data(dispute: DisputeWhole, seller_id: UUID) -> dict[str, Any]:
    theirs = [line for line in dispute.lines if line.seller_id == seller_id]
    return {
        "dispute_id": str(dispute.id),
        "order_id": str(dispute.order_id),
        "order_number": dispute.number,
        "state": dispute.state.value,
        "stage": dispute.stage.value,
        "reason": dispute.reason,
        "respond_by": dispute.respond_by.isoformat() if dispute.respond_by else None,
        "lines": [
            {
                "line_id": str(line.line_id),
                "title": line.title,
                "held": {"minor": line.gross_minor, "currency": dispute.currency},
                "lost": {"minor": line.lost_gross_minor, "currency": dispute.currency},
                "lost_share": {"minor": line.lost_share_minor, "currency": dispute.currency},
            }
            for line in theirs
        ],
    }
