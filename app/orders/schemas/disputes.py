"""Disputes about sales as programs get them."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from app.kit.api.schemas import Listing, Money, Output, Paged
from app.payments.models.disputes import DisputeSource, DisputeStage, DisputeState


class DisputesQuery(Paged):
    """Which disputes."""

    state: DisputeState | None = None


class DisputeListed(Output):
    """A dispute about sales of yours. Amounts are your earnings in it."""

    id: UUID
    order_id: UUID
    number: str = Field(description="of the order")
    state: DisputeState
    stage: DisputeStage
    source: DisputeSource
    reason: str = Field(description="PayPal's word for why the buyer disputes")
    outcome: str | None = Field(description="PayPal's word for its decision")
    held: Money = Field(description="held until PayPal decides, or was")
    lost: Money = Field(description="went back to the buyer")
    respond_by: datetime | None
    awaits_evidence: bool
    opened_at: datetime
    ended_at: datetime | None


class DisputeList(Listing[DisputeListed]):
    """A page of disputes, newest first."""


class DisputedLineOut(Output):
    """What a dispute holds, or has lost, of one line."""

    line_id: UUID
    title: str
    quantity: int
    held: Money
    held_share: Money = Field(description="your earnings in it")
    lost: Money
    lost_share: Money = Field(description="your earnings in it")


class DisputeOut(DisputeListed):
    """A dispute with its lines."""

    note: str = Field(description="what the buyer has written to PayPal")
    lines: list[DisputedLineOut]
